//! `folders` and `labels`: which mailboxes are chosen, and what they are called here.

use super::account::Account;
use super::error::{Place, Problem};
use super::file::{Entry, Node};
use super::reading::{Reading, find, or};
use postrider_core::account::Protocol;
use postrider_core::mailbox::MailboxName;
use postrider_core::settings::{FolderChoice, LabelChoice};
use std::collections::{BTreeMap, HashMap};

/// Every key of `folders`.
pub(super) const KEYS: &[&str] = &["include", "exclude", "rename", "subscribed"];

/// Reads `folders`; POP3 has none.
pub(super) fn folders(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<FolderChoice> {
    let every = FolderChoice::default();
    let because = Some("POP3 has no mailboxes");
    let Some(node) = keys.imap_only(reading, protocol, ("folders", because)) else {
        return Some(every);
    };
    let entries = reading.map("folders", node)?;
    reading.keys(entries, KEYS);
    let include = or(find(entries, "include"), every.include, |node| {
        reading.texts("include", node)
    });
    let exclude = or(find(entries, "exclude"), every.exclude, |node| {
        reading.texts("exclude", node)
    });
    let rename = or(find(entries, "rename"), every.rename, |node| {
        rename(reading, node)
    });
    let subscribed = or(find(entries, "subscribed"), every.subscribed, |node| {
        reading.truth("subscribed", node)
    });
    Some(FolderChoice {
        include: include?,
        exclude: exclude?,
        rename: rename?,
        subscribed: subscribed?,
    })
}

/// Local names by the server's. INBOX keeps its name unless it is renamed, so no other gets it.
fn rename(reading: &mut Reading<'_>, node: &Node) -> Option<BTreeMap<String, String>> {
    let entries = reading.map("rename", node)?;
    reading.doubles(entries, true);
    let named: Vec<_> = entries.iter().map(|entry| names(reading, entry)).collect();
    let named: Vec<(String, String)> = named.into_iter().collect::<Option<_>>()?;
    let mut renamed = BTreeMap::new();
    let mut owners: HashMap<String, String> = HashMap::new();
    let inbox = MailboxName::inbox().to_string();
    if !named.iter().any(|(from, _)| *from == inbox) {
        owners.insert(inbox.clone(), inbox);
    }
    for ((from, to), entry) in named.into_iter().zip(entries) {
        let owner = owners.entry(to.clone()).or_insert_with(|| from.clone());
        if *owner != from {
            let (name, other) = (to.clone(), owner.clone());
            reading.complain(entry.node.at, Problem::SameName { name, other });
        }
        // Two spellings of INBOX: the second one would silently win.
        if renamed.insert(from, to).is_some() {
            let (key, first) = (Some(entry.key.clone()), node.at);
            reading.complain(entry.at, Problem::Twice { key, first });
        }
    }
    Some(renamed)
}

/// The server's name and ours.
fn names(reading: &mut Reading<'_>, entry: &Entry) -> Option<(String, String)> {
    let ours = reading.text("rename", &entry.node)?;
    let from = whole_name(reading, entry.at, &entry.key);
    let to = whole_name(reading, entry.node.at, ours);
    Some((from?, to?))
}

/// A name as [`MailboxName`] shows it, INBOX in capitals.
fn whole_name(reading: &mut Reading<'_>, at: Place, text: &str) -> Option<String> {
    let name = MailboxName::from_decoded(text, Some('/')).to_string();
    if name.is_empty() || name.len() != text.len() {
        let wanted = "a name with `/` between its levels is wanted, none of them empty";
        reading.wrong_form("rename", at, (text, wanted.to_owned()));
        return None;
    }
    Some(name)
}

/// Reads `labels`; it means something to servers with X-GM-EXT-1 only, and to no POP3 server.
pub(super) fn labels(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<LabelChoice> {
    let words = [
        ("link", LabelChoice::Link),
        ("all-mail", LabelChoice::AllMail),
    ];
    let because = Some("POP3 shows no labels");
    let node = keys.imap_only(reading, protocol, ("labels", because));
    or(node, LabelChoice::default(), |node| {
        reading.word("labels", node, &words)
    })
}
