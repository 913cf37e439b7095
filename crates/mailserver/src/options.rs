//! What kind of server is played: a full one, or an old one.

/// How a server presents itself. What it does not list, it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The capability list, in this order. Without `AUTH=PLAIN` there is no AUTHENTICATE; with
    /// `LOGINDISABLED` no LOGIN; and so on for every extension that this crate knows.
    pub imap_capabilities: Vec<String>,
    /// Whether the greeting and the answer to LOGIN carry the list; old servers wait to be asked.
    pub announces_capabilities: bool,
    /// The lines of CAPA; without any, CAPA is refused. Of these only `SASL PLAIN` is needed for what
    /// it names: old servers know UIDL and TOP without saying so.
    pub pop3_capabilities: Vec<String>,
    /// The IMAP hierarchy separator: `/`, or `.` as Maildir++ servers have it; `None`: no levels (NIL).
    pub separator: Option<char>,
    /// What NAMESPACE tells.
    pub namespaces: Namespaces,
    /// Greets with PREAUTH as this user, as a server behind a tunnel does.
    pub preauth: Option<String>,
}

/// The prefixes of NAMESPACE (RFC 2342), in the store's notation (`Other Users/`). The mailboxes in them are
/// made like any other: `account.create("Other Users/bob/Lists")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// The user's own; the empty prefix is the root.
    pub personal: Vec<String>,
    /// Those of others.
    pub other_users: Vec<String>,
    /// Those of all.
    pub shared: Vec<String>,
    /// Whether `LIST "" "*"` shows mail of others and of all; else only a pattern that begins with their
    /// prefix does.
    pub listed: bool,
}

/// One personal namespace without a prefix.
impl Default for Namespaces {
    fn default() -> Self {
        Self {
            personal: vec![String::new()],
            other_users: Vec::new(),
            shared: Vec::new(),
            listed: false,
        }
    }
}

const FULL_IMAP: [&str; 22] = [
    "IMAP4rev1",
    "LITERAL+",
    "SASL-IR",
    "AUTH=PLAIN",
    "ID",
    "ENABLE",
    "NAMESPACE",
    "CHILDREN",
    "UNSELECT",
    "UIDPLUS",
    "MOVE",
    "MULTIAPPEND",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SEARCHRES",
    "SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "OBJECTID",
    "STATUS=SIZE",
    "APPENDLIMIT=52428800",
];

/// What imap.gmail.com lists after login, of what this crate knows.
const GMAIL_IMAP: [&str; 17] = [
    "IMAP4rev1",
    "UNSELECT",
    "NAMESPACE",
    "ID",
    "CHILDREN",
    "X-GM-EXT-1",
    "UIDPLUS",
    "COMPRESS=DEFLATE",
    "ENABLE",
    "MOVE",
    "CONDSTORE",
    "ESEARCH",
    "UTF8=ACCEPT",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "AUTH=PLAIN",
];

const FULL_POP3: [&str; 8] = [
    "TOP",
    "USER",
    "UIDL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "SASL PLAIN",
    "IMPLEMENTATION postrider-mailserver",
];

/// A server with everything this crate can do, but what a test should ask for by
/// [`Options::with`]: `UTF8=ACCEPT` changes how names travel, `COMPRESS=DEFLATE` everything, and with `IDLE` or
/// `NOTIFY` a client need not be told to look.
impl Default for Options {
    fn default() -> Self {
        Self {
            imap_capabilities: FULL_IMAP.map(str::to_owned).to_vec(),
            announces_capabilities: true,
            pop3_capabilities: FULL_POP3.map(str::to_owned).to_vec(),
            separator: Some('/'),
            namespaces: Namespaces::default(),
            preauth: None,
        }
    }
}

impl Options {
    /// A server of 1996: IMAP4rev1 without extensions, POP3 without CAPA.
    #[must_use]
    pub fn old() -> Self {
        Self {
            imap_capabilities: vec!["IMAP4rev1".to_owned()],
            announces_capabilities: false,
            pop3_capabilities: Vec::new(),
            separator: Some('.'),
            namespaces: Namespaces::default(),
            preauth: None,
        }
    }

    /// A server like Gmail's: `X-GM-EXT-1`, and with it one store, "All Mail", whose labels are mailboxes.
    /// No QRESYNC, no OBJECTID.
    #[must_use]
    pub fn gmail() -> Self {
        Self {
            imap_capabilities: GMAIL_IMAP.map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }

    /// The same server with more IMAP capabilities.
    #[must_use]
    pub fn with(mut self, capabilities: &[&str]) -> Self {
        let more = capabilities.iter().map(|c| (*c).to_owned());
        self.imap_capabilities.extend(more);
        self
    }

    /// The same server with more lines in CAPA.
    #[must_use]
    pub fn with_pop3(mut self, capabilities: &[&str]) -> Self {
        let more = capabilities.iter().map(|c| (*c).to_owned());
        self.pop3_capabilities.extend(more);
        self
    }

    /// The same server without some of its IMAP capabilities, and without QRESYNC when CONDSTORE goes: it
    /// would bring that back (RFC 7162 §3.2.3).
    #[must_use]
    pub fn without(mut self, capabilities: &[&str]) -> Self {
        let condstore_goes = capabilities.contains(&"CONDSTORE");
        self.imap_capabilities.retain(|c| {
            let goes = capabilities.contains(&c.as_str()) || (condstore_goes && c == "QRESYNC");
            !goes
        });
        self
    }

    pub(crate) fn has_imap(&self, capability: &str) -> bool {
        self.imap_capabilities
            .iter()
            .any(|c| c.eq_ignore_ascii_case(capability))
    }

    /// How many octets a literal may have that does not wait (RFC 7888 §4, §5).
    pub(crate) fn unasked_octets(&self) -> u64 {
        if self.has_imap("LITERAL+") {
            return u64::MAX;
        }
        if self.has_imap("LITERAL-") { 4_096 } else { 0 }
    }

    pub(crate) fn has_pop3(&self, capability: &str) -> bool {
        self.pop3_capabilities
            .iter()
            .any(|c| c.eq_ignore_ascii_case(capability))
    }
}
