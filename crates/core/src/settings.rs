//! What a user chose for an account, as values that cannot be wrong (CONTRACT section 3).
//!
//! The binary reads YAML and makes these; nobody below it knows what a configuration file is.

use crate::account::{AccountName, Protocol};
use crate::retention::Policy;
use crate::secret::Secret;
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
    /// No octets for this long ends a connection.
    pub timeout: Duration,
    /// At most this many connections at once.
    pub connections: usize,
    /// Which server copies may go.
    pub retention: Policy,
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

/// Which mailboxes are chosen, by globs on the decoded name (`*` any run of characters, `?` one)
/// or by role (`\Junk`). Exclusion wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderChoice {
    /// Globs and roles that choose.
    pub include: Vec<String>,
    /// Globs and roles that refuse.
    pub exclude: Vec<String>,
}

impl Default for FolderChoice {
    fn default() -> Self {
        Self {
            include: vec!["*".to_owned()],
            exclude: Vec::new(),
        }
    }
}
