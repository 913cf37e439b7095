//! Accounts and mailboxes for the tests of what readers get.

use crate::config::surroundings::Surroundings;
use crate::config::{self, Config};
use postrider_core::mailbox::Role;
use postrider_engine::KnownMailbox;
use std::io::Write;
use std::path::PathBuf;

/// The accounts of a configuration; each may leave out what every account needs.
pub(crate) fn accounts(yaml: &str) -> Config {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let needed = "defaults: {host: imap.example.org, user: ada@example.org, password: {env: PW}}";
    write!(file, "{needed}\naccounts:\n{yaml}").unwrap();
    config::load(
        Some(file.path()),
        &Surroundings::of([("HOME", "/home/ada")]),
    )
    .unwrap()
}

/// Mailboxes by name, role and directory.
pub(crate) fn known(rows: &[(&str, Option<Role>, &str)]) -> Vec<KnownMailbox> {
    let known = |(name, role, path): &(&str, Option<Role>, &str)| KnownMailbox {
        name: (*name).to_owned(),
        role: *role,
        path: PathBuf::from(path),
        is_lost: false,
    };
    rows.iter().map(known).collect()
}
