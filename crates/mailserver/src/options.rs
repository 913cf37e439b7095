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
    /// The IMAP hierarchy separator: `/`, or `.` as Maildir++ servers have it.
    pub separator: char,
    /// Greets with PREAUTH as this user, as a server behind a tunnel does.
    pub preauth: Option<String>,
}

const FULL_IMAP: [&str; 20] = [
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
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "SPECIAL-USE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "OBJECTID",
    "STATUS=SIZE",
    "APPENDLIMIT=52428800",
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

/// A server with everything this crate can do.
impl Default for Options {
    fn default() -> Self {
        Self {
            imap_capabilities: FULL_IMAP.map(str::to_owned).to_vec(),
            announces_capabilities: true,
            pop3_capabilities: FULL_POP3.map(str::to_owned).to_vec(),
            separator: '/',
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
            separator: '.',
            preauth: None,
        }
    }

    /// The same server without some of its IMAP capabilities.
    #[must_use]
    pub fn without(mut self, capabilities: &[&str]) -> Self {
        self.imap_capabilities
            .retain(|c| !capabilities.contains(&c.as_str()));
        self
    }

    pub(crate) fn has_imap(&self, capability: &str) -> bool {
        self.imap_capabilities
            .iter()
            .any(|c| c.eq_ignore_ascii_case(capability))
    }

    pub(crate) fn has_pop3(&self, capability: &str) -> bool {
        self.pop3_capabilities
            .iter()
            .any(|c| c.eq_ignore_ascii_case(capability))
    }
}
