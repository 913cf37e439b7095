//! What a server says it can do (RFC 9051 §7.2.2).

use crate::ext::append_limit;

/// A capability that makes a difference to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `COMPRESS=DEFLATE`.
    CompressDeflate,
    /// `CONDSTORE`, also implied by `QRESYNC`.
    Condstore,
    /// `ENABLE`.
    Enable,
    /// `ESEARCH`.
    Esearch,
    /// `ID`.
    Id,
    /// `IDLE`.
    Idle,
    /// `IMAP4rev1`.
    Imap4Rev1,
    /// `IMAP4rev2`.
    Imap4Rev2,
    /// `LIST-EXTENDED`.
    ListExtended,
    /// `LIST-STATUS`.
    ListStatus,
    /// `LITERAL-`.
    LiteralMinus,
    /// `LITERAL+`.
    LiteralPlus,
    /// `LOGINDISABLED`.
    LoginDisabled,
    /// `MOVE`.
    Move,
    /// `MULTIAPPEND`.
    MultiAppend,
    /// `NAMESPACE`.
    Namespace,
    /// `NOTIFY`.
    Notify,
    /// `OBJECTID`.
    ObjectId,
    /// `QRESYNC`.
    Qresync,
    /// `QUOTA`.
    Quota,
    /// `SASL-IR`.
    SaslIr,
    /// `SPECIAL-USE`.
    SpecialUse,
    /// `STARTTLS`.
    StartTls,
    /// `UIDPLUS`.
    UidPlus,
    /// `UNSELECT`.
    Unselect,
    /// `UTF8=ACCEPT`, also implied by `UTF8=ONLY`.
    Utf8Accept,
    /// `X-GM-EXT-1`: Gmail's extensions.
    XGmExt1,
}

impl Capability {
    /// Every capability with its word on the wire and the RFC that defines it; 0: none does.
    pub const TABLE: [(Self, &'static str, u16); 27] = [
        (Self::CompressDeflate, "COMPRESS=DEFLATE", 4978),
        (Self::Condstore, "CONDSTORE", 7162),
        (Self::Enable, "ENABLE", 5161),
        (Self::Esearch, "ESEARCH", 4731),
        (Self::Id, "ID", 2971),
        (Self::Idle, "IDLE", 2177),
        (Self::Imap4Rev1, "IMAP4REV1", 3501),
        (Self::Imap4Rev2, "IMAP4REV2", 9051),
        (Self::ListExtended, "LIST-EXTENDED", 5258),
        (Self::ListStatus, "LIST-STATUS", 5819),
        (Self::LiteralMinus, "LITERAL-", 7888),
        (Self::LiteralPlus, "LITERAL+", 7888),
        (Self::LoginDisabled, "LOGINDISABLED", 3501),
        (Self::Move, "MOVE", 6851),
        (Self::MultiAppend, "MULTIAPPEND", 3502),
        (Self::Namespace, "NAMESPACE", 2342),
        (Self::Notify, "NOTIFY", 5465),
        (Self::ObjectId, "OBJECTID", 8474),
        (Self::Qresync, "QRESYNC", 7162),
        (Self::Quota, "QUOTA", 9208),
        (Self::SaslIr, "SASL-IR", 4959),
        (Self::SpecialUse, "SPECIAL-USE", 6154),
        (Self::StartTls, "STARTTLS", 3501),
        (Self::UidPlus, "UIDPLUS", 4315),
        (Self::Unselect, "UNSELECT", 3691),
        (Self::Utf8Accept, "UTF8=ACCEPT", 6855),
        (Self::XGmExt1, "X-GM-EXT-1", 0),
    ];

    /// What IMAP4rev2 contains (RFC 9051 appendix E).
    const REV2: [Self; 12] = [
        Self::Enable,
        Self::Esearch,
        Self::Idle,
        Self::ListExtended,
        Self::ListStatus,
        Self::LiteralMinus,
        Self::Move,
        Self::Namespace,
        Self::SaslIr,
        Self::SpecialUse,
        Self::UidPlus,
        Self::Unselect,
    ];

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The capabilities of a session. They change at login and at the TLS border.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    words: Vec<String>,
    known: u32,
}

impl Capabilities {
    /// Takes the words of a CAPABILITY response, in any case.
    #[must_use]
    pub fn from_words(words: Vec<String>) -> Self {
        let mut all = Self {
            known: 0,
            words: words
                .into_iter()
                .map(|word| word.to_ascii_uppercase())
                .collect(),
        };
        for (capability, wire, _) in Capability::TABLE {
            if all.words.iter().any(|word| word == wire) {
                all.known |= capability.bit();
            }
        }
        if all.has(Capability::Qresync) {
            all.known |= Capability::Condstore.bit();
        }
        if all.words.iter().any(|word| word == "UTF8=ONLY") {
            all.known |= Capability::Utf8Accept.bit();
        }
        // A server of both revisions speaks rev1 until ENABLE says otherwise, and then lists what
        // it has besides; only one of rev2 alone means all of it.
        if all.has(Capability::Imap4Rev2) && !all.has(Capability::Imap4Rev1) {
            for capability in Capability::REV2 {
                all.known |= capability.bit();
            }
        }
        all
    }

    /// Whether the server has it.
    #[must_use]
    pub const fn has(&self, capability: Capability) -> bool {
        self.known & capability.bit() != 0
    }

    /// Whether nothing is known yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether the server keeps mod-sequences (RFC 7162).
    #[must_use]
    pub const fn has_condstore(&self) -> bool {
        self.has(Capability::Condstore)
    }

    /// Whether the server can expunge by UID (RFC 4315).
    #[must_use]
    pub const fn has_uidplus(&self) -> bool {
        self.has(Capability::UidPlus)
    }

    /// How many octets a message may have that is appended, if that is the same in all mailboxes
    /// (APPENDLIMIT, RFC 7889); see also [`MailboxStatus::append_limit`](crate::MailboxStatus).
    #[must_use]
    pub fn append_limit(&self) -> Option<u64> {
        append_limit::limit(&self.words)
    }

    /// All words as the server said them, in upper case.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The SASL mechanisms offered, in the server's order.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<String> {
        let names = self
            .words
            .iter()
            .filter_map(|word| word.strip_prefix("AUTH="));
        names.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(text: &str) -> Capabilities {
        Capabilities::from_words(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn every_capability_has_its_own_bit_and_is_found_by_its_word() {
        let mut seen = 0;
        for (capability, wire, _) in Capability::TABLE {
            assert_eq!(seen & capability.bit(), 0, "{wire}");
            seen |= capability.bit();
            assert!(capabilities(&wire.to_lowercase()).has(capability), "{wire}");
            assert!(!capabilities(&format!("X{wire}")).has(capability), "{wire}");
        }
    }

    #[test]
    fn what_one_capability_says_of_another() {
        assert!(capabilities("QRESYNC").has(Capability::Condstore));
        assert!(capabilities("UTF8=ONLY").has(Capability::Utf8Accept));
        assert!(capabilities("IMAP4rev2").has(Capability::UidPlus));
        assert!(!capabilities("IMAP4rev1 IMAP4rev2").has(Capability::UidPlus));
        assert!(!capabilities("IMAP4rev2").has(Capability::Condstore));
        let offered = capabilities("IMAP4rev1 AUTH=PLAIN auth=scram-sha-256").mechanisms();
        assert_eq!(capabilities("appendlimit=250").append_limit(), Some(250));
        assert_eq!(capabilities("APPENDLIMIT").append_limit(), None);
        assert_eq!(offered, ["PLAIN", "SCRAM-SHA-256"]);
    }
}
