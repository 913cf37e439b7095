//! One file per capability.
//!
//! | capability | RFC | file | without it |
//! |---|---|---|---|
//! | CAPA | 2449 §5 | `capa.rs` | no capability is assumed |
//! | PIPELINING | 2449 §6.8 | `pipelining.rs` | one command at a time |
//! | SASL | 5034 | `sasl.rs` | USER and PASS |
//! | STLS | 2595 §4 | `stls.rs` | with `tls: starttls`, no session |
//! | TOP | 1939 §7 | `../retrieve.rs` | refused headers are left out; it is asked for unannounced |
//! | UIDL | 1939 §7 | `../survey.rs` | every message's [`UidlState`](crate::UidlState) is `Missing` |
//!
//! RESP-CODES and AUTH-RESP-CODE (RFC 2449 §8, RFC 3206) need no file: codes are read whenever they
//! come, in `../reply.rs`.

pub(crate) mod capa;
pub(crate) mod pipelining;
pub(crate) mod sasl;
pub(crate) mod stls;
