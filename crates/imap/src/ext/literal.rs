//! LITERAL+ and LITERAL- (RFC 7888): literals without waiting.
//!
//! Without them every literal costs a round trip: the server says `+` first.

use crate::capability::{Capabilities, Capability};

/// How a literal goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiteralForm {
    /// `{n+}`: the octets follow at once.
    NonSynchronising,
    /// `{n}`: the octets wait for the server.
    Synchronising,
}

/// LITERAL- allows up to 4,096 octets (§5), LITERAL+ any number.
pub(crate) const fn literal_form(capabilities: &Capabilities, octets: usize) -> LiteralForm {
    let short = octets <= 4_096 && capabilities.has(Capability::LiteralMinus);
    if short || capabilities.has(Capability::LiteralPlus) {
        LiteralForm::NonSynchronising
    } else {
        LiteralForm::Synchronising
    }
}
