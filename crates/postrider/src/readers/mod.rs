//! What a mail reader's configuration needs to find an account's mailboxes.
//!
//! A reader gets text that it reads as configuration, and mailboxes may be called anything: every name is
//! quoted as that reader wants it, so that none is expanded, run, or read as another line. A directory's name
//! has no control character (`postrider-maildir`'s `layout.rs`), and a tree whose path has one is refused.
//!
//! One file per reader; what they agree on is here: a [`Tree`] and its `Place`s.

mod aerc;
mod dovecot;
mod mu;
mod mutt;
mod notmuch;

use clap::ValueEnum;
use postrider_core::account::Protocol;
use postrider_core::mailbox::Role;
use postrider_core::settings::{AccountSettings, Layout};
use postrider_engine::KnownMailbox;
use std::path::{Path, PathBuf};

/// A mail reader whose configuration can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reader {
    /// Lines for muttrc
    Mutt,
    /// Lines for neomuttrc
    Neomutt,
    /// Sections of accounts.conf
    Aerc,
    /// Dovecot 2.3, as a server for yet other readers
    Dovecot,
    /// The configuration of notmuch, and of what builds on it
    Notmuch,
    /// A shell command for mu, and Emacs Lisp for mu4e
    Mu,
}

impl Reader {
    /// The word of the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mutt => "mutt",
            Self::Neomutt => "neomutt",
            Self::Aerc => "aerc",
            Self::Dovecot => "dovecot",
            Self::Notmuch => "notmuch",
            Self::Mu => "mu",
        }
    }
}

/// Why a configuration cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// notmuch and mu read all mail from one directory.
    #[error("{} reads one directory, and the accounts' trees have none to themselves: {} holds other things too", .reader.as_str(), .common.display())]
    Apart {
        /// Which of the two.
        reader: Reader,
        /// The nearest directory above all of them.
        common: PathBuf,
    },
    /// A line of a configuration ends where the path goes on.
    #[error("no mail reader's configuration can name {}", .path.display().to_string().escape_debug())]
    Control {
        /// The mail tree.
        path: PathBuf,
    },
}

impl Unfit {
    /// What to type next, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Apart { reader, .. } => Some(format!(
                "name one account: postrider mailboxes ACCOUNT --export {}",
                reader.as_str()
            )),
            Self::Control { .. } => None,
        }
    }
}

/// One account's mail tree, as a reader meets it.
#[derive(Clone, Debug)]
pub struct Tree<'c> {
    settings: &'c AccountSettings,
    root: String,
    /// INBOX first, where it is there, then by name.
    places: Vec<Place>,
    has_inbox: bool,
}

/// One mailbox of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Its directory; absolute.
    path: String,
    /// Its name as its directory spells it, with `/` between the levels.
    name: String,
    role: Option<Role>,
}

impl<'c> Tree<'c> {
    /// The tree of an account in which these mailboxes lie.
    ///
    /// # Errors
    /// When its path cannot stand in a configuration.
    pub fn of(settings: &'c AccountSettings, known: &[KnownMailbox]) -> Result<Self, Unfit> {
        let fit = |path: &Path| {
            let text = path
                .to_str()
                .filter(|text| !text.contains(char::is_control));
            let unfit = || Unfit::Control {
                path: path.to_owned(),
            };
            text.map(|text| text.trim_end_matches('/').to_owned())
                .ok_or_else(unfit)
        };
        let mut tree = Self {
            settings,
            root: fit(&settings.maildir)?,
            places: Vec::with_capacity(known.len()),
            has_inbox: false,
        };
        for mailbox in known {
            let path = fit(&mailbox.path)?;
            let place = Place {
                name: tree.name_of(&path),
                path,
                role: mailbox.role.filter(|_| !mailbox.is_lost),
            };
            // One is INBOX, though a server may list a second of that name.
            if mailbox.name == "INBOX" && !tree.has_inbox {
                tree.has_inbox = true;
                tree.places.insert(0, place);
            } else {
                tree.places.push(place);
            }
        }
        Ok(tree)
    }

    fn account(&self) -> &str {
        self.settings.name.as_str()
    }

    /// Whether INBOX is the root and the others lie beside its messages (Maildir++). A POP3 account has
    /// nothing but the root.
    fn is_plus_plus(&self) -> bool {
        self.settings.layout == Layout::MaildirPlusPlus || self.settings.protocol == Protocol::Pop3
    }

    /// What a reader that looks at directories calls a mailbox.
    fn name_of(&self, path: &str) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let below = below.trim_start_matches('/');
        match below.strip_prefix('.') {
            _ if below.is_empty() => "INBOX".to_owned(),
            Some(joined) if self.is_plus_plus() => joined.replace('.', "/"),
            _ => below.to_owned(),
        }
    }

    /// An account may leave it out.
    fn inbox(&self) -> Option<&Place> {
        self.places.first().filter(|_| self.has_inbox)
    }

    fn with_role(&self, role: Role) -> Option<&Place> {
        self.places.iter().find(|place| place.role == Some(role))
    }

    /// Where what is archived goes; in Gmail's mailbox that has all it is already.
    fn archive(&self) -> Option<&Place> {
        self.with_role(Role::Archive)
            .or_else(|| self.with_role(Role::All))
    }

    /// An address of the account: the user, or the user at the host, which may have to be corrected.
    fn address(&self) -> String {
        match &self.settings.user {
            user if user.contains('@') => user.clone(),
            user => format!("{user}@{}", self.settings.server.told()),
        }
    }
}

/// The configuration that `reader` needs for these trees; `home` is nobody's mail tree.
///
/// # Errors
/// When it cannot be written.
pub fn export(reader: Reader, trees: &[Tree<'_>], home: Option<&Path>) -> Result<String, Unfit> {
    match reader {
        Reader::Mutt => Ok(mutt::configuration(mutt::Kind::Mutt, trees)),
        Reader::Neomutt => Ok(mutt::configuration(mutt::Kind::Neomutt, trees)),
        Reader::Aerc => Ok(aerc::configuration(trees)),
        Reader::Dovecot => Ok(dovecot::configuration(trees)),
        Reader::Notmuch => Ok(notmuch::configuration(&common(reader, trees, home)?, trees)),
        Reader::Mu => Ok(mu::configuration(&common(reader, trees, home)?, trees)),
    }
}

/// The nearest directory above all trees. The home directory, or one above it, holds other things too.
fn common(reader: Reader, trees: &[Tree<'_>], home: Option<&Path>) -> Result<String, Unfit> {
    let roots: Vec<&Path> = trees.iter().map(|tree| Path::new(&tree.root)).collect();
    let first = roots.first().copied().unwrap_or_else(|| Path::new("/"));
    let holds_all = |dir: &&Path| roots.iter().all(|root| root.starts_with(dir));
    let common = first.ancestors().find(holds_all).unwrap_or(first);
    let is_a_tree = roots.contains(&common);
    let is_wide = common.parent().is_none() || home.is_some_and(|home| home.starts_with(common));
    match common.to_str() {
        Some(text) if is_a_tree || !is_wide => Ok(text.to_owned()),
        _ => Err(Unfit::Apart {
            reader,
            common: common.to_owned(),
        }),
    }
}

/// The first lines of a configuration: what it is, and how it is made anew.
fn heading(comment: &str, reader: Reader, trees: &[Tree<'_>]) -> String {
    let account = match trees {
        [only] => format!(" {}", only.account()),
        _ => String::new(),
    };
    format!(
        "{comment} By `postrider mailboxes{account} --export {}`: again when mailboxes have come or gone.\n\
         {comment} What you do here reaches the server by the account's keys `flags`, `moves`, `deletions` and\n\
         {comment} `upload` (docs/readers.md).\n",
        reader.as_str()
    )
}

/// A word of the shell, and of muttrc: nothing means anything between single quotes.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
