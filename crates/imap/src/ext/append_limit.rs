//! APPENDLIMIT (RFC 7889): how large a message the server takes.
//!
//! Without it the server says so when it is asked to take one.

use crate::capability::Capabilities;
use crate::code::Code;
use crate::error::Refusal;

/// The limit of all mailboxes, if the server has one and tells (§2: else it stands in each mailbox's STATUS).
pub(crate) fn limit(words: &[String]) -> Option<u64> {
    let mut limits = words
        .iter()
        .filter_map(|word| word.strip_prefix("APPENDLIMIT="));
    limits.find_map(|digits| digits.parse().ok())
}

/// What STATUS is asked for besides, where limits differ from mailbox to mailbox (§2).
pub(crate) fn status_item(capabilities: &Capabilities) -> &'static str {
    let words = capabilities.words();
    if words.iter().any(|word| word == "APPENDLIMIT") {
        " APPENDLIMIT"
    } else {
        ""
    }
}

/// Our refusal of a message that the server would refuse (§4).
pub(crate) fn refusal(capabilities: &Capabilities, octets: u64) -> Option<Refusal> {
    let limit = capabilities.append_limit()?;
    (octets > limit).then(|| Refusal {
        code: Some(Code::TooBig),
        ..Refusal::ours(&format!(
            "not sent: the server takes messages of at most {limit} octets"
        ))
    })
}
