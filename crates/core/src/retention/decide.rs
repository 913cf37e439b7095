//! One verdict for each message that the server holds.

use crate::message::MessageKey;
use crate::retention::Policy;
use std::fmt;

/// What is known of one message whose server copy exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The message.
    pub message: MessageKey,
    /// Whether its local copy is proven (R1): received whole, flushed, recorded, read back.
    pub proven: bool,
    /// Whether the server's message is known to be this one: by UID and UIDVALIDITY, by UIDL and
    /// size, or because its octets were compared in this session.
    pub identified: bool,
}

/// What becomes of one server copy, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Expire {
        /// The message.
        message: MessageKey,
        /// The rule that says so.
        because: ExpireReason,
    },
    /// It stays.
    Keep {
        /// The message.
        message: MessageKey,
        /// What holds it.
        because: KeepReason,
    },
}

/// The rule by which a server copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpireReason {
    /// `retention: delete`, and the local copy is proven.
    Delete,
}

/// What holds a server copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeepReason {
    /// The policy would let it go, but what the server shows may be another message.
    NotIdentified,
    /// The policy would let it go, but its local copy is not proven.
    NotProven,
    /// The policy keeps every server copy.
    Policy,
}

impl fmt::Display for ExpireReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "retention: delete",
        })
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotIdentified => "the server's message is not certainly the one stored here",
            Self::NotProven => "its local copy is not proven",
            Self::Policy => "retention: keep",
        })
    }
}

/// Decides which server copies may go. Every verdict says why; there is one for each message given,
/// in the same order.
#[must_use]
pub fn decide(policy: Policy, messages: &[Facts]) -> Vec<Verdict> {
    messages.iter().map(|facts| judge(policy, *facts)).collect()
}

fn judge(policy: Policy, facts: Facts) -> Verdict {
    let Facts {
        message,
        proven,
        identified,
    } = facts;
    let keep = |because| Verdict::Keep { message, because };
    match policy {
        Policy::Keep => keep(KeepReason::Policy),
        Policy::Delete if !proven => keep(KeepReason::NotProven),
        Policy::Delete if !identified => keep(KeepReason::NotIdentified),
        Policy::Delete => Verdict::Expire {
            message,
            because: ExpireReason::Delete,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(policy: Policy, proven: bool, identified: bool) -> Verdict {
        let facts = Facts {
            message: MessageKey(1),
            proven,
            identified,
        };
        decide(policy, &[facts])[0]
    }

    #[test]
    fn r1_nothing_unproven_and_nothing_unidentified_goes() {
        for policy in [Policy::Keep, Policy::Delete] {
            for (proven, identified) in [(false, false), (false, true), (true, false)] {
                let verdict = verdict(policy, proven, identified);
                assert!(
                    matches!(verdict, Verdict::Keep { .. }),
                    "{policy:?} {verdict:?}"
                );
            }
        }
        assert!(matches!(
            verdict(Policy::Delete, true, true),
            Verdict::Expire { .. }
        ));
    }

    #[test]
    fn keep_keeps_everything() {
        assert!(matches!(
            verdict(Policy::Keep, true, true),
            Verdict::Keep { .. }
        ));
    }

    #[test]
    fn every_message_gets_one_verdict() {
        let facts: Vec<_> = (0..40)
            .map(|n| Facts {
                message: MessageKey(n),
                proven: n % 2 == 0,
                identified: n % 3 == 0,
            })
            .collect();
        let verdicts = decide(Policy::Delete, &facts);
        let named = verdicts.iter().map(|v| match v {
            Verdict::Keep { message, .. } | Verdict::Expire { message, .. } => message.0,
        });
        assert_eq!(named.collect::<Vec<_>>(), (0..40).collect::<Vec<_>>());
    }
}
