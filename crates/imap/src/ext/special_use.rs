//! SPECIAL-USE (RFC 6154) by way of LIST-EXTENDED (RFC 5258): what mailboxes are for.
//!
//! Without them a plain LIST goes out; many servers tell the roles in it all the same (§2).

use crate::capability::{Capabilities, Capability};
use postrider_core::mailbox::Role;

/// What LIST is asked to return, for roles.
pub(crate) fn return_option(capabilities: &Capabilities) -> Option<String> {
    let able =
        capabilities.has(Capability::SpecialUse) && capabilities.has(Capability::ListExtended);
    able.then(|| "SPECIAL-USE".to_owned())
}

/// The role among a row's attributes: the first one, and Gmail's names of the XLIST days.
pub(crate) fn role(attributes: &[String]) -> Option<Role> {
    let known = |word: &String| {
        Role::parse(word).or_else(|| match word.to_ascii_lowercase().as_str() {
            "\\allmail" => Some(Role::All),
            "\\spam" => Some(Role::Junk),
            "\\starred" => Some(Role::Flagged),
            _ => None,
        })
    };
    attributes.iter().find_map(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        let role = |words: &str| role(&words.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(role("\\HasNoChildren \\JUNK"), Some(Role::Junk));
        assert_eq!(role("\\AllMail"), Some(Role::All));
        assert_eq!(role("\\HasNoChildren Junk"), None);
    }
}
