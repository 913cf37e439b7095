//! Tokens instead of passwords (RFC 6749): who gives them, and where they are kept.

use crate::account::Protocol;
use crate::settings::PasswordSource;
use std::path::PathBuf;

/// Where an access token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The first line that a shell command prints: another program keeps the tokens.
    Command(String),
    /// An authorization server, whose tokens we keep.
    Server(Box<AuthorizationServer>),
}

/// An authorization server, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationServer {
    /// Whose it is, where it is a known one.
    pub provider: Option<Provider>,
    /// Our name there.
    pub client_id: String,
    /// Our password there, where it gave us one. Programs on a user's machine cannot keep one secret
    /// (RFC 8252 §8.5); some servers want it all the same.
    pub client_secret: Option<PasswordSource>,
    /// Where a person says yes (RFC 6749 §3.1); `None`: only by device code.
    pub auth_url: Option<String>,
    /// Where tokens are given (RFC 6749 §3.2).
    pub token_url: String,
    /// Where a device asks for a code (RFC 8628 §3.1); `None`: not here.
    pub device_url: Option<String>,
    /// What we ask to be allowed.
    pub scopes: Vec<String>,
    /// Where the tokens are kept; absolute.
    pub token_file: PathBuf,
    /// A PEM file of further trusted roots; absolute.
    pub ca_file: Option<PathBuf>,
}

/// A provider whose addresses are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Gmail and Google Workspace.
    Google,
    /// Outlook.com, Hotmail and Microsoft 365.
    Microsoft,
}

/// What a known provider's authorization server is asked, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Where a person says yes.
    pub auth_url: &'static str,
    /// Where tokens are given.
    pub token_url: &'static str,
    /// Where a device asks for a code.
    pub device_url: Option<&'static str>,
    /// What we ask to be allowed.
    pub scopes: &'static [&'static str],
}

impl Provider {
    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Microsoft => "microsoft",
        }
    }

    /// Its addresses, and the scope that mail by this protocol needs.
    #[must_use]
    pub const fn preset(self, protocol: Protocol) -> Preset {
        match (self, protocol) {
            // Google gives no scope for mail to a device code (its "limited input devices"), so there is
            // no address for one.
            (Self::Google, _) => Preset {
                auth_url: "https://accounts.google.com/o/oauth2/v2/auth",
                token_url: "https://oauth2.googleapis.com/token",
                device_url: None,
                scopes: &["https://mail.google.com/"],
            },
            (Self::Microsoft, Protocol::Imap) => microsoft(&[
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "offline_access",
            ]),
            (Self::Microsoft, Protocol::Pop3) => microsoft(&[
                "https://outlook.office.com/POP.AccessAsUser.All",
                "offline_access",
            ]),
        }
    }
}

/// `common` is every account, private ones and those of organisations.
const fn microsoft(scopes: &'static [&'static str]) -> Preset {
    Preset {
        auth_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        device_url: Some("https://login.microsoftonline.com/common/oauth2/v2.0/devicecode"),
        scopes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_that_of_the_protocol() {
        let scopes = |protocol| Provider::Microsoft.preset(protocol).scopes[0];
        assert!(scopes(Protocol::Imap).contains("/IMAP."));
        assert!(scopes(Protocol::Pop3).contains("/POP."));
    }
}
