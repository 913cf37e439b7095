//! OAuth 2.0 (RFC 6749) as a mail client needs it: how a person lets us in, and how that stays so.
//!
//! The protocol's words are the `oauth2` crate's; its octets travel over our own connections, so that
//! trust, time limits and address families are those of the mail servers. What is kept is one file per
//! account, and it is the only truth: whoever wants a token looks there, so that processes and
//! connections share what one of them got, and a person who logs in anew is noticed at once.
//!
//! **Invariant:** a refresh token that the server gave is on disk, flushed, before the access token that
//! came with it is used; while one process asks for new ones, no other does (`store`).
//!
//! **Invariant:** a grant that the server has refused is not shown to it again; nothing but a login
//! changes that. What passes by itself destroys nothing (`keeper`).
//!
//! Reading order: [`Keeper`], `store`, [`Grant`], [`Device`], [`Redirect`], `client`, [`Http`], `address`,
//! [`error`].

mod address;
mod client;
mod device;
pub mod error;
mod grant;
mod http;
mod keeper;
mod redirect;
mod store;
mod visitor;

pub use address::check_url;
pub use client::read_answer;
pub use device::{Device, DeviceCode};
pub use error::OAuthError;
pub use grant::Grant;
pub use http::Http;
pub use keeper::{Keeper, Looked, Renewed};
pub use redirect::{Pasted, Redirect, read_redirect};
