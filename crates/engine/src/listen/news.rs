//! From what a server tells to what is looked at.

use postrider_imap::{Heard, MailboxStatus, WireName};
use std::collections::HashMap;

/// A mailbox that the server has told of, as far as it said how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) mailbox: WireName,
    pub(crate) status: MailboxStatus,
}

/// What is to be done about what was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Mailboxes in which there may be something new: a quick pass brings it.
    pub(crate) quick: Vec<Told>,
    /// Something is gone, or nobody knows what happened: only a pass over all mailboxes may believe that.
    pub(crate) whole: bool,
}

impl News {
    pub(crate) fn is_nothing(&self) -> bool {
        self.quick.is_empty() && !self.whole
    }

    /// Takes in what came later.
    pub(super) fn join(&mut self, later: Self) {
        for told in later.quick {
            self.quick.retain(|before| before.mailbox != told.mailbox);
            self.quick.push(told);
        }
        self.whole |= later.whole;
    }

    /// What follows from `heard`. `open`: the mailbox that is listened to, as it was when it was opened; `seen`:
    /// the mailboxes that are synced, as they were last looked at. Others are no news, and neither is what
    /// was seen already: our own doing is told us too.
    pub(crate) fn of(
        heard: &Heard,
        open: Option<&Told>,
        seen: &HashMap<WireName, MailboxStatus>,
    ) -> Self {
        let mut news = Self {
            quick: Vec::new(),
            whole: heard.is_unclear,
        };
        if let Some(open) = open {
            if heard.open.new || heard.open.flags {
                // Where it stands now, only the look will tell.
                let status = MailboxStatus {
                    uid_next: None,
                    messages: None,
                    ..open.status.clone()
                };
                news.quick.push(Told {
                    mailbox: open.mailbox.clone(),
                    status,
                });
            }
            news.whole |= heard.open.gone;
        }
        for (mailbox, status) in &heard.mailboxes {
            if let Some(seen) = seen.get(mailbox) {
                news.compare(mailbox, (seen, status));
            }
        }
        news
    }

    /// Takes in how a mailbox is, beside how it was.
    pub(crate) fn compare(
        &mut self,
        mailbox: &WireName,
        (was, is): (&MailboxStatus, &MailboxStatus),
    ) {
        let came = match (was.uid_next, is.uid_next) {
            // A server that was restored from a backup counts backwards.
            (Some(was), Some(is)) => is.as_u32().checked_sub(was.as_u32()),
            _ => Some(0),
        };
        let same_epoch = !differ(was.uid_validity, is.uid_validity);
        let Some(came) = came.filter(|_| same_epoch) else {
            self.whole = true;
            return;
        };
        let expected = was.messages.map(|messages| messages.saturating_add(came));
        let counts = expected.zip(is.messages);
        let gone = counts.is_some_and(|(expected, is)| is < expected);
        let more = counts.is_some_and(|(expected, is)| is > expected);
        let changed = differ(was.highest_mod_seq, is.highest_mod_seq);
        self.whole |= gone;
        // What goes changes the mod-sequence too, and is not for a quick pass.
        if came > 0 || more || (changed && !gone) {
            self.quick.push(Told {
                mailbox: mailbox.clone(),
                status: is.clone(),
            });
        }
    }
}

fn differ<T: PartialEq>(was: Option<T>, is: Option<T>) -> bool {
    matches!((was, is), (Some(was), Some(is)) if was != is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::mod_seq::ModSeq;
    use postrider_core::uid::{Uid, UidValidity};
    use postrider_imap::OpenNews;

    /// `epoch messages next mod-sequence`, 0 for what is not told.
    fn status(numbers: [u32; 4]) -> MailboxStatus {
        let [epoch, messages, next, mod_seq] = numbers;
        MailboxStatus {
            uid_validity: UidValidity::new(epoch),
            messages: (epoch > 0).then_some(messages),
            uid_next: Uid::new(next),
            highest_mod_seq: ModSeq::new(mod_seq.into()),
            ..MailboxStatus::default()
        }
    }

    fn compared(was: [u32; 4], is: [u32; 4]) -> (usize, bool) {
        let mut news = News::default();
        let name = WireName::encode("a");
        news.compare(&name, (&status(was), &status(is)));
        (news.quick.len(), news.whole)
    }

    #[test]
    fn a_status_beside_the_one_before() {
        let was = [7, 3, 10, 50];
        for (is, quick, whole, why) in [
            ([7, 3, 10, 50], 0, false, "nothing happened"),
            ([7, 4, 11, 51], 1, false, "a message came"),
            ([7, 3, 10, 51], 1, false, "flags changed"),
            ([7, 2, 10, 51], 0, true, "a message went"),
            ([7, 3, 11, 52], 1, true, "one came and one went"),
            ([8, 3, 10, 50], 0, true, "renumbered"),
            ([7, 3, 9, 50], 0, true, "a server that was restored"),
            ([7, 4, 10, 50], 1, false, "a count that nothing explains"),
            ([0, 0, 11, 0], 1, false, "only the next UID is told"),
            ([0, 0, 0, 0], 0, false, "nothing is told"),
        ] {
            assert_eq!(compared(was, is), (quick, whole), "{why}");
        }
    }

    #[test]
    fn news_of_the_open_mailbox_and_of_strangers() {
        let open = Told {
            mailbox: WireName::encode("INBOX"),
            status: status([7, 3, 10, 50]),
        };
        let heard = |new, flags, gone| Heard {
            open: OpenNews { new, flags, gone },
            mailboxes: [(WireName::encode("Excluded"), status([1, 9, 9, 9]))].into(),
            ..Heard::default()
        };
        let seen = HashMap::from([(WireName::encode("INBOX"), status([7, 3, 10, 50]))]);
        let news = News::of(&heard(true, false, false), Some(&open), &seen);
        assert_eq!(news.quick.len(), 1);
        assert_eq!(news.quick[0].status, status([7, 0, 0, 50]).without_count());
        assert!(!news.whole);
        assert!(News::of(&heard(false, false, true), Some(&open), &seen).whole);
        assert!(News::of(&heard(true, true, true), None, &seen).is_nothing());
        let unclear = Heard {
            is_unclear: true,
            ..Heard::default()
        };
        assert!(News::of(&unclear, None, &seen).whole);
    }

    trait WithoutCount {
        fn without_count(self) -> Self;
    }

    impl WithoutCount for MailboxStatus {
        fn without_count(self) -> Self {
            Self {
                messages: None,
                ..self
            }
        }
    }
}
