//! What a user chose for an account, as values that cannot be wrong (CONTRACT section 3).
//!
//! The binary reads YAML and makes these; nobody below it knows what a configuration file is.

use crate::account::{AccountName, Protocol};
use crate::brake::Brake;
use crate::hook::Hook;
use crate::mailbox::MailboxName;
use crate::oauth2::TokenSource;
use crate::pin::Pin;
use crate::plan::flags::Reach;
use crate::retention::{Policy, Vanished};
use crate::secret::Secret;
use crate::way::Way;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything postrider needs to know about one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// The account's name.
    pub name: AccountName,
    /// How the server is spoken to.
    pub protocol: Protocol,
    /// Where the server is and how the way there is secured.
    pub server: ServerAddress,
    /// The login name.
    pub user: String,
    /// Where the password comes from.
    pub password: PasswordSource,
    /// Which SASL mechanism proves who we are.
    pub auth: AuthChoice,
    /// The account's mail tree; absolute.
    pub maildir: PathBuf,
    /// How mailboxes lie in it.
    pub layout: Layout,
    /// Which mailboxes are chosen.
    pub folders: FolderChoice,
    /// How long between passes.
    pub poll: Duration,
    /// Whether the daemon lets the server tell of what is new. POP3: off.
    pub push: Push,
    /// How long a connection that listens may be silent; `None`: as long as it turns out to last.
    pub idle_refresh: Option<Duration>,
    /// No octets for this long ends a connection.
    pub timeout: Duration,
    /// At most this many connections at once.
    pub connections: usize,
    /// Which server copies may go.
    pub retention: Policy,
    /// What becomes of the local copy of a message that vanished at the server. POP3: always kept.
    pub vanished: Vanished,
    /// What stops a pass that would remove too much (R6); `None`: nothing does.
    pub brake: Option<Brake>,
    /// Messages larger than this many octets (RFC822.SIZE, or LIST's word) are left on the server.
    pub max_size_octets: Option<u64>,
    /// Messages older than this by INTERNALDATE are left on the server. IMAP only.
    pub max_age: Option<Duration>,
    /// Which way changes of flags travel. POP3: none.
    pub flags: FlagSync,
    /// Whether `\Deleted` at the server is `T` in a file's name. By default it is not: a plain quit in
    /// mutt would unlink such files.
    pub deleted_flag: bool,
    /// What becomes of the server copy of a file that a reader moved to another mailbox. POP3: ignored.
    pub moves: Moves,
    /// Whether messages that a reader puts into a mailbox are stored at the server. POP3: never.
    pub upload: bool,
    /// How a server whose mailboxes are labels is read. Requires X-GM-EXT-1; no effect elsewhere.
    pub labels: LabelChoice,
    /// What is run when a pass has stored mail.
    pub on_new: Option<Hook>,
}

/// Where a server is and how the way there is secured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Host name or address; also the name that the certificate must bear.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: TlsMode,
    /// A PEM file of further trusted roots; absolute.
    pub ca_file: Option<PathBuf>,
    /// What carries the octets there.
    pub way: Way,
    /// One of these the server's certificate must match, and then nothing else stands for it; empty: a chain does.
    pub pins: Vec<Pin>,
    /// The certificate by which a server may know us.
    pub client: Option<ClientIdentity>,
}

impl ServerAddress {
    /// The host, for people; a tunnel may know of none.
    #[must_use]
    pub fn told(&self) -> &str {
        match &self.way {
            Way::Tunnel(_) if self.host.is_empty() => "a tunnel",
            Way::Tunnel(_) | Way::Direct | Way::Proxy(_) => &self.host,
        }
    }
}

/// A certificate of our own, and its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// A PEM file: the certificate, then its issuers; absolute.
    pub cert: PathBuf,
    /// A PEM file: the private key; absolute.
    pub key: PathBuf,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// TLS from the first octet (RFC 8314).
    Implicit,
    /// Cleartext until STARTTLS or STLS, which is required.
    StartTls,
    /// Cleartext, because the configuration asked for it.
    None,
}

/// Where a password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// Nowhere: the client certificate or a Kerberos ticket says who we are, or whoever is behind the tunnel knows us already (PREAUTH).
    Absent,
    /// It stands in the configuration.
    Inline(Secret),
    /// The first line that a shell command prints.
    Command(String),
    /// The first line of a file; absolute.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: a file of this name in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// The desktop's Secret Service: the one secret with these attributes. Requires the feature `secret-service`.
    SecretService(BTreeMap<String, String>),
    /// There is none: an access token does its work.
    Token(TokenSource),
}

/// Which SASL mechanism is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AuthChoice {
    /// The strongest that both sides have; never cleartext without TLS unless `tls: none`.
    #[default]
    Auto,
    /// PLAIN (RFC 4616).
    Plain,
    /// The protocol's own LOGIN or USER/PASS.
    Login,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// SCRAM-SHA-1 (RFC 5802), with channel binding where both sides have it.
    ScramSha1,
    /// SCRAM-SHA-256 (RFC 7677), with channel binding where both sides have it.
    ScramSha256,
    /// EXTERNAL (RFC 4422 appendix A): the client certificate says who we are.
    External,
    /// APOP (RFC 1939 §7). POP3 only.
    Apop,
    /// OAUTHBEARER (RFC 7628) or XOAUTH2, with an access token.
    OAuth2,
    /// GSSAPI (RFC 4752): a Kerberos ticket says who we are. Requires the feature `gssapi`.
    Gssapi,
}

/// How mailboxes lie in the mail tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Nested directories; INBOX is `INBOX`; POP3 delivers into the tree's root.
    #[default]
    Fs,
    /// `.Work.Projects`, with INBOX at the root.
    MaildirPlusPlus,
}

/// Whether the server tells of what is new between two passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Push {
    /// By NOTIFY or IDLE, where it can.
    #[default]
    Auto,
    /// It is asked at every pass, and no connection stays open.
    Off,
}

/// Which way changes of flags travel between the server and the names of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FlagSync {
    /// Both ways.
    #[default]
    Both,
    /// From the server to the files.
    Pull,
    /// From the files to the server.
    Push,
    /// Neither way.
    None,
}

impl FlagSync {
    /// Whether the server's changes reach the files.
    #[must_use]
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Both | Self::Pull)
    }

    /// Whether a reader's changes reach the server.
    #[must_use]
    pub const fn pushes(self) -> bool {
        matches!(self, Self::Both | Self::Push)
    }

    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::None => "none",
        }
    }
}

/// What becomes of the server copy of a file that a reader moved to another mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Moves {
    /// It follows.
    #[default]
    Push,
    /// It stays where it is.
    Ignore,
}

impl Moves {
    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Ignore => "ignore",
        }
    }
}

impl AccountSettings {
    /// Which of the server's flags reach the names of files that are here already.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        match (self.flags.pulls(), self.deleted_flag) {
            (false, _) => Reach::Nothing,
            (true, false) => Reach::AllButDeleted,
            (true, true) => Reach::All,
        }
    }
}

/// Which mailboxes are chosen, by globs on the decoded name (`*` any run of characters, `?` one)
/// or by role (`\Junk`), and what they are called here. Exclusion wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderChoice {
    /// Globs and roles that choose.
    pub include: Vec<String>,
    /// Globs and roles that refuse.
    pub exclude: Vec<String>,
    /// Local names by the server's, both decoded and with `/` between levels; INBOX in capitals. No
    /// two of the local names are equal, and none has an empty level.
    pub rename: BTreeMap<String, String>,
    /// Whether only mailboxes that the user subscribed to are chosen; INBOX needs no subscription.
    pub subscribed: bool,
}

impl FolderChoice {
    /// What a mailbox is called here: the name that its directory is made of. A renamed mailbox does
    /// not take those below it along.
    #[must_use]
    pub fn local_name(&self, name: &MailboxName) -> MailboxName {
        match self.rename.get(&name.to_string()) {
            Some(local) => MailboxName::from_decoded(local, Some('/')),
            None => name.clone(),
        }
    }
}

impl Default for FolderChoice {
    fn default() -> Self {
        Self {
            include: vec!["*".to_owned()],
            exclude: Vec::new(),
            rename: BTreeMap::new(),
            subscribed: false,
        }
    }
}

/// How an account is read whose mailboxes are labels: one message, several mailboxes.
///
/// Requires X-GM-EXT-1 (Gmail); every other server has one copy per mailbox, and is read so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LabelChoice {
    /// Every chosen mailbox is synced. A message with several labels is fetched once and hard-linked
    /// into each of them.
    #[default]
    Link,
    /// Only the mailbox with role `\All` is synced, and `\Junk` and `\Trash`, whose messages it
    /// lacks. The labels are in the index.
    AllMail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_travel_the_ways_that_are_named() {
        for (flags, ways) in [
            (FlagSync::Both, (true, true)),
            (FlagSync::Pull, (true, false)),
            (FlagSync::Push, (false, true)),
            (FlagSync::None, (false, false)),
        ] {
            assert_eq!((flags.pulls(), flags.pushes()), ways, "{flags:?}");
        }
    }

    #[test]
    fn a_renamed_mailbox_is_renamed_alone() {
        let mut choice = FolderChoice::default();
        for (theirs, ours) in [("Work", "Job/Now"), ("INBOX", "In")] {
            choice.rename.insert(theirs.to_owned(), ours.to_owned());
        }
        let local = |name: &str| {
            let name = MailboxName::from_decoded(name, Some('.'));
            choice.local_name(&name)
        };
        assert_eq!(local("Work").levels(), ["Job", "Now"]);
        assert_eq!(local("Work.Projects").to_string(), "Work/Projects");
        assert_eq!(local("inbox").to_string(), "In");
    }
}
