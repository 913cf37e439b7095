//! aerc: sections of `accounts.conf`, an INI file as go-ini reads it.
//!
//! A value in backquotes is taken as it stands, and so is one between three double quotes. The source is a URL,
//! where every octet has an escape. In a list a comma ends a name.

use super::{Reader, Tree, heading};
use postrider_core::mailbox::Role;

pub(super) fn configuration(trees: &[Tree<'_>]) -> String {
    let mut text = heading("#", Reader::Aerc, trees);
    text.push_str(
        "# To delete by a move to the trash, bind a key to `:move` in binds.conf.\n\
         # `from` is what is known of your address, and `outgoing` is for you to add.\n",
    );
    text.extend(trees.iter().map(section));
    text
}

fn section(tree: &Tree<'_>) -> String {
    let scheme = match tree.is_plus_plus() {
        true => "maildirpp",
        false => "maildir",
    };
    let mut text = format!(
        "\n[{}]\nsource = {scheme}://{}\n",
        tree.account(),
        escaped(&tree.root)
    );
    text.push_str(&key("from", &tree.address()));
    let named = [
        ("default", tree.inbox()),
        ("copy-to", tree.with_role(Role::Sent)),
        ("postpone", tree.with_role(Role::Drafts)),
        ("archive", tree.archive()),
    ];
    for (name, place) in named {
        if let Some(place) = place {
            text.push_str(&key(name, &place.name));
        }
    }
    let roles = [
        Role::Drafts,
        Role::Sent,
        Role::Archive,
        Role::Junk,
        Role::Trash,
    ];
    let first = tree.inbox().into_iter();
    let first = first.chain(roles.into_iter().filter_map(|role| tree.with_role(role)));
    let listed = first.map(|place| place.name.as_str());
    let listed: Vec<&str> = listed.filter(|name| is_plain(name)).collect();
    if !listed.is_empty() {
        text.push_str(&format!("folders-sort = {}\n", listed.join(",")));
    }
    text
}

fn key(name: &str, value: &str) -> String {
    quoted(value).map_or_else(
        || format!("# {name}: aerc's configuration has no way to write that name\n"),
        |value| format!("{name} = {value}\n"),
    )
}

/// A value as it stands, or in quotes where it could be read as anything else.
fn quoted(value: &str) -> Option<String> {
    if is_plain(value) {
        return Some(value.to_owned());
    }
    if !value.contains('`') {
        return Some(format!("`{value}`"));
    }
    let ends_early = value.contains("\"\"\"") || value.ends_with('"');
    (!ends_early).then(|| format!("\"\"\"{value}\"\"\""))
}

/// No quote, comment, comma, escape or space at an end.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "/._-@+& ".contains(c);
    !value.is_empty() && value.trim() == value && value.chars().all(plain)
}

/// A path in a URL (RFC 3986 §2.1).
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for octet in path.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                text.push(char::from(octet));
            }
            _ => text.push_str(&format!("%{octet:02X}")),
        }
    }
    text
}
