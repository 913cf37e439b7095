//! Which mail trees are taken.

use super::error::Problem;
use postrider_core::account::{AccountName, Protocol};
use postrider_core::settings::AccountSettings;
use std::collections::HashMap;
use std::path::PathBuf;

/// The trees of IMAP accounts, and whose they are. Maildrops may share one.
#[derive(Debug, Default)]
pub(super) struct Trees(HashMap<PathBuf, AccountName>);

impl Trees {
    /// Takes an account's tree for it. Two IMAP accounts in one would each take the other's mail for its own.
    pub(super) fn claim(&mut self, account: &AccountSettings) -> Result<(), Problem> {
        if account.protocol != Protocol::Imap {
            return Ok(());
        }
        let owner = self.0.entry(account.maildir.clone());
        let owner = owner.or_insert_with(|| account.name.clone());
        if *owner == account.name {
            return Ok(());
        }
        Err(Problem::SharedMaildir {
            other: owner.to_string(),
            path: account.maildir.clone(),
        })
    }
}
