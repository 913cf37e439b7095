//! Servers that do otherwise than the RFCs say, or than anyone would think, and what we do about it.
//!
//! What is done is done for every server: none is recognised by its name, for names are server text
//! and change with the next proxy. A quirk is what was seen, where, and what the code does because of
//! it; the dialogue of the same name in `tests/dialogues/imap` shows it. Tolerance for form (missing
//! text, double spaces, items in any order, sizes that lie) is general and stands in the parser.

/// A deviation that the code knows of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// A second NOTIFY SET silences the first and tells nothing itself.
    DeafAfterSecondNotify,
    /// `INBOX` is listed as `Inbox`.
    InboxInOtherCase,
    /// LIST with RETURN shows every mailbox, INBOX too, as `\Noselect`.
    InboxNotSelectable,
    /// Commands that leave in the same segment as the login are lost.
    LosesWhatFollowsLogin,
    /// STATUS tells a MAILBOXID that is read from freed memory: any octets, line ends among them.
    MailboxIdOfFreedMemory,
    /// HIGHESTMODSEQ comes from a server without CONDSTORE.
    ModSeqWithoutCondstore,
    /// The mod-sequence zero.
    ModSeqZero,
    /// `BODY[] )`: nothing at all where an empty string belongs.
    NothingForEmpty,
    /// `FETCH RFC822` is answered OK without a body.
    NothingForRfc822,
    /// One message that cannot be read makes the whole FETCH fail.
    RefusesWholeFetch,
    /// SEARCH is refused for reasons of the server's own.
    RefusesSearch,
    /// UID EXPUNGE is offered and refused.
    RefusesUidExpunge,
    /// The root of the hierarchy is listed as a mailbox.
    RootListed,
    /// Mailboxes of others are not shown unless their prefix is asked for.
    SharedHidden,
    /// RFC822.SIZE is an estimate.
    SizeEstimated,
    /// STATUS without what was asked for: `* STATUS "INBOX" ()`.
    StatusEmpty,
    /// What the server can do is neither in the greeting nor in the login's OK.
    TellsNothingUnasked,
    /// SELECT is refused to clients that did not say who they are.
    WantsId,
}

/// A row of [`Quirk::TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What.
    pub quirk: Quirk,
    /// The file in `tests/dialogues/imap` that shows it.
    pub dialogue: &'static str,
    /// Where it was seen, and who tells.
    pub seen: &'static str,
    /// What we do, in place of what would go wrong.
    pub instead: &'static str,
}

const fn sighting(
    quirk: Quirk,
    dialogue: &'static str,
    seen: &'static str,
    instead: &'static str,
) -> Sighting {
    Sighting {
        quirk,
        dialogue,
        seen,
        instead,
    }
}

impl Quirk {
    /// All of them.
    pub const TABLE: [Sighting; 18] = [
        sighting(
            Self::DeafAfterSecondNotify,
            "quirk-deaf-after-second-notify",
            "Dovecot 2.3.19",
            "NOTIFY NONE goes before a further NOTIFY SET (`flight.rs`)",
        ),
        sighting(
            Self::InboxInOtherCase,
            "quirk-inbox-in-other-case",
            "Yahoo (jstedfast/MailKit issue 358)",
            "INBOX in any case is the one INBOX there is (`wire_name.rs`)",
        ),
        sighting(
            Self::InboxNotSelectable,
            "quirk-inbox-not-selectable",
            "Cyrus 2.5.11 murder frontends (cyrusimap/cyrus-imapd issue 2179)",
            "INBOX always can be selected, so the listing is asked for again without RETURN (`list.rs`)",
        ),
        sighting(
            Self::LosesWhatFollowsLogin,
            "quirk-loses-what-follows-login",
            "Courier: imaplogin executes imapd and forgets what it has read ahead (imap/imaplogin.c)",
            "what stays unanswered is sent again, and the login goes alone from then on (`early.rs`)",
        ),
        sighting(
            Self::MailboxIdOfFreedMemory,
            "quirk-mailbox-id-of-freed-memory",
            "Cyrus 3.6 (status_lookup_mboxname in imap/statuscache.c; seen on a busy machine)",
            "STATUS is never asked for it; opening the mailbox tells it too (`status.rs`)",
        ),
        sighting(
            Self::ModSeqWithoutCondstore,
            "quirk-mod-seq-without-condstore",
            "Yahoo, which has XYMHIGHESTMODSEQ instead (jstedfast/MailKit issue 358)",
            "the mailbox counts as one without mod-sequences (`landing.rs`)",
        ),
        sighting(
            Self::ModSeqZero,
            "changed-since-mod-seq-zero",
            "Cyrus 2.3 (cyrusimap/cyrus-imapd issue 1029)",
            "zero is no mod-sequence (`ext/condstore.rs`)",
        ),
        sighting(
            Self::NothingForEmpty,
            "quirk-nothing-for-empty",
            "Yandex (jstedfast/MailKit issue 1708)",
            "the row is unreadable and its message is not stored as an empty one (`fetch.rs`)",
        ),
        sighting(
            Self::NothingForRfc822,
            "quirk-nothing-for-rfc822",
            "iCloud (modern-email/defects issue 36)",
            "BODY.PEEK[] is asked for; a row without a body is no answer (`fetch.rs`)",
        ),
        sighting(
            Self::RefusesWholeFetch,
            "quirk-refuses-whole-fetch",
            "Yahoo (imapsync/imapsync issue 119), Gmail (mscdex/node-imap issue 209)",
            "what came counts, the rest is refused: the engine asks for halves until the message is alone",
        ),
        sighting(
            Self::RefusesSearch,
            "quirk-refuses-search",
            "Yandex (afterlogic/webmail-lite-8 issue 74), Yahoo (mscdex/node-imap issue 737)",
            "a refused search is no witness: nothing counts as vanished",
        ),
        sighting(
            Self::RefusesUidExpunge,
            "quirk-refuses-uid-expunge",
            "ProtonMail Bridge 1.4.5 (ProtonMail/proton-bridge issue 123)",
            "the refusal stands; EXPUNGE of everything is never sent in its place",
        ),
        sighting(
            Self::RootListed,
            "quirk-root-listed",
            "Zimbra (mscdex/node-imap issue 20), ProtonMail Bridge (Foundry376/Mailspring issue 429)",
            "a name without levels is no mailbox (`list.rs`)",
        ),
        sighting(
            Self::SharedHidden,
            "list-namespaces",
            "Courier: LIST \"\" \"*\" shows no `#shared.`",
            "prefixes that the listing does not reach are listed too (`ext/namespace.rs`)",
        ),
        sighting(
            Self::SizeEstimated,
            "quirk-size-estimated",
            "Exchange (stalwartlabs/vandelay issue 12)",
            "the octets that came are the message; the size decides nothing (R7)",
        ),
        sighting(
            Self::StatusEmpty,
            "quirk-status-empty",
            "163.com (modern-email/defects issue 15)",
            "what is not said is unknown, not zero, and the mailbox is looked at by SELECT",
        ),
        sighting(
            Self::TellsNothingUnasked,
            "quirk-tells-nothing-unasked",
            "Exchange and Outlook (jstedfast/MailKit issue 1494)",
            "CAPABILITY is asked for once, then remembered and asked in the first flight (`early.rs`)",
        ),
        sighting(
            Self::WantsId,
            "quirk-wants-id",
            "163.com, 126.com (NetEase)",
            "ID goes out before anything else, wherever it is known (`ext/id.rs`)",
        ),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quirk_is_told_once() {
        for (at, sighting) in Quirk::TABLE.iter().enumerate() {
            assert_eq!(sighting.quirk as usize, at, "{:?}", sighting.quirk);
        }
    }
}
