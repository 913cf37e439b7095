//! LITERAL+ and LITERAL- (RFC 7888): literals without waiting.
//!
//! Without them every literal costs a round trip: the server says `+` first.

use crate::capability::{Capabilities, Capability};

/// LITERAL- allows up to so many octets (§5).
const SHORT: u64 = 4_096;

/// How a literal goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiteralForm {
    /// `{n+}`: the octets follow at once.
    NonSynchronising,
    /// `{n}`: the octets wait for the server.
    Synchronising,
}

/// LITERAL- allows up to 4,096 octets, LITERAL+ any number.
pub(crate) const fn literal_form(capabilities: &Capabilities, octets: u64) -> LiteralForm {
    let short = octets <= SHORT && capabilities.has(Capability::LiteralMinus);
    if short || capabilities.has(Capability::LiteralPlus) {
        LiteralForm::NonSynchronising
    } else {
        LiteralForm::Synchronising
    }
}

/// The form of a message, or of the first of several. A large one waits for the server, whatever that
/// permits: a refusal then costs a round trip and not the whole message.
pub(crate) const fn first_form(capabilities: &Capabilities, octets: u64) -> LiteralForm {
    if octets > SHORT {
        return LiteralForm::Synchronising;
    }
    literal_form(capabilities, octets)
}

/// The form of a message behind another: the server has taken the mailbox by then, and to wait once more for
/// each would take as long as one command for each.
pub(crate) const fn further_form(capabilities: &Capabilities, octets: u64) -> LiteralForm {
    literal_form(capabilities, octets)
}
