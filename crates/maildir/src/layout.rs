//! Which directory a mailbox has, whatever a server calls it.
//!
//! One encoder turns names into paths, and nothing else does (R8; CVE-2021-20247 was a `..` in
//! LIST). It is injective, so two mailboxes never share a directory, and reversible except where a
//! name had to be shortened:
//!
//! - `/`, control octets (NUL among them), `%`, and `.` under Maildir++ become `%XX`;
//! - so does a first `.` (hidden, or `..`) or `~` (Dovecot lists such a mailbox but cannot open it),
//!   or a first character that nobody sees: a file system may drop it and see what comes next;
//! - so does the first letter of `cur`, `new` and `tmp`, and of what a file system may take for them;
//! - a component over 247 octets keeps its beginning and ends in `%+` and a hash;
//! - a path over 1,024 octets keeps its first levels and ends in a component `%=` and a hash.
//!
//! No escape begins with `%+` or `%=`, so a shortened name equals no other. Case is kept and nothing is
//! normalised: whoever creates directories compares their [`twin_key`]s first, and makes a [`twin`]
//! where two are equal.

mod twins;

pub use twins::{twin, twin_key};

use postrider_core::mailbox::MailboxName;
use postrider_core::settings::Layout;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

/// Octets; NAME_MAX of every Linux file system that matters is 255, and a [`twin`] adds eight at most.
const LONGEST_COMPONENT: usize = 247;
/// Octets below the tree's root. PATH_MAX is 4,096 with the root and the file's name in it.
const LONGEST_PATH: usize = 1_024;
/// Octets of whole levels kept when a path is shortened, so that a human recognises it.
const KEPT_PATH: usize = 512;

/// The directory of a mailbox, relative to the tree's root; empty for INBOX under Maildir++.
///
/// POP3 under [`Layout::Fs`] has one mailbox and delivers into the root: its caller does not ask here.
#[must_use]
pub fn directory(layout: Layout, name: &MailboxName) -> PathBuf {
    if name.levels().is_empty() {
        // Only a server without manners lists a mailbox without a name; the root is not for it.
        return PathBuf::from("%=");
    }
    match layout {
        Layout::Fs => nested(name),
        Layout::MaildirPlusPlus if name.is_inbox() => PathBuf::new(),
        Layout::MaildirPlusPlus => {
            let mut joined = String::new();
            for level in name.levels() {
                joined.push('.');
                joined.push_str(&escape(level, layout));
            }
            PathBuf::from(shortened(joined))
        }
    }
}

/// The mailbox that has this directory; `None` for a shortened one and for a stranger's.
///
/// `path` is relative to the tree's root. The answer is the exact inverse of [`directory`].
#[must_use]
pub fn name_of(layout: Layout, path: &Path) -> Option<MailboxName> {
    let mut components = Vec::new();
    for component in path.components() {
        let Component::Normal(component) = component else {
            return None;
        };
        components.push(component.to_str()?);
    }
    let levels = match (layout, components.as_slice()) {
        (_, ["%="]) => Some(Vec::new()),
        (Layout::Fs, levels) => levels.iter().map(|level| unescape(level)).collect(),
        (Layout::MaildirPlusPlus, []) => return Some(MailboxName::inbox()),
        (Layout::MaildirPlusPlus, [joined]) => {
            joined.strip_prefix('.')?.split('.').map(unescape).collect()
        }
        (Layout::MaildirPlusPlus, _) => None,
    };
    let name = MailboxName::from_levels(levels?);
    (directory(layout, &name) == path).then_some(name)
}

fn nested(name: &MailboxName) -> PathBuf {
    let escaped = name.levels().iter().map(|level| escape(level, Layout::Fs));
    let components: Vec<String> = escaped.map(shortened).collect();
    let octets: usize = components.iter().map(|component| component.len() + 1).sum();
    if octets <= LONGEST_PATH {
        return components.into_iter().collect();
    }
    let mut path = PathBuf::new();
    let mut kept = 0;
    for component in &components {
        kept += component.len() + 1;
        if kept > KEPT_PATH {
            break;
        }
        path.push(component);
    }
    // `/` parts the components and stands in none, so no two lists of levels hash the same text.
    path.push(format!("%={}", hash(&components.join("/"))));
    path
}

fn escape(level: &str, layout: Layout) -> String {
    let reserved = ["cur", "new", "tmp"].contains(&twins::fold(level).as_str());
    let mut escaped = String::with_capacity(level.len());
    for (at, c) in level.chars().enumerate() {
        let first = at == 0 && (reserved || c == '.' || c == '~' || twins::is_ignorable(c));
        let joiner = c == '.' && layout == Layout::MaildirPlusPlus;
        if first || joiner || c == '/' || c == '%' || c.is_control() {
            let mut octets = [0; 4];
            for octet in c.encode_utf8(&mut octets).bytes() {
                escaped.push('%');
                push_hex(&mut escaped, octet);
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Undoes the `%XX`; `None` where a `%` is followed by anything but two hexadecimal digits.
fn unescape(component: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(component.len());
    let mut parts = component.split('%');
    octets.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        octets.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(octets).ok()
}

fn shortened(component: String) -> String {
    if component.len() <= LONGEST_COMPONENT {
        return component;
    }
    let tail = format!("%+{}", hash(&component));
    let mut keep = LONGEST_COMPONENT - tail.len();
    while !component.is_char_boundary(keep) {
        keep -= 1;
    }
    let mut short = component;
    short.truncate(keep);
    // Not through an escape: what is left must still read as one.
    if let Some(at) = short.rfind('%')
        && at + 3 > short.len()
    {
        short.truncate(at);
    }
    short + &tail
}

/// 32 hexadecimal digits: 128 bits, against a server that looks for two names of one directory.
fn hash(text: &str) -> String {
    let mut digits = String::with_capacity(32);
    for octet in Sha256::digest(text.as_bytes()).iter().take(16) {
        push_hex(&mut digits, *octet);
    }
    digits
}

fn push_hex(text: &mut String, octet: u8) {
    // Writing to a String cannot fail.
    write!(text, "{octet:02X}").unwrap_or_default();
}

#[cfg(test)]
mod tests;
