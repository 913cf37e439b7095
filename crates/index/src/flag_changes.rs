//! Flags that readers changed, until the server has them, and our own renames, so that one is never
//! taken for the other.
//!
//! The life of a reader's change: a scan finds a file under another name ([`Index::follow_files`]); the
//! server is told; [`Index::settle_flag_changes`]. The life of a rename of our own:
//! [`Index::begin_reflagging`], durably; the file is renamed; [`Index::end_reflagging`]. Killed in
//! between, the next start finds what was intended ([`Index::open_reflaggings`]) before any scan does.

use crate::accounts::AccountId;
use crate::column;
use crate::error::IndexError;
use crate::mailboxes::MailboxId;
use crate::messages::{FILE, MessageFile, message_file};
use crate::open::Index;
use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::MessageKey;
use postrider_core::uid::{Uid, UidValidity};
use rusqlite::{Row, Transaction, params};

/// A file that a reader gave another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Whose.
    pub key: MessageKey,
    /// The name, relative to the mailbox.
    pub file: String,
    /// The flags that it changed by that, and whether they are set now.
    pub changed: Vec<(Flag, bool)>,
}

/// A rename that gives a file other flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reflagging {
    /// Whose.
    pub key: MessageKey,
    /// What it will be called, relative to the mailbox.
    pub file: String,
    /// What is agreed on with the server once it is called so; `None`: what was.
    pub agreed: Option<FlagSet>,
}

/// A flag that a reader changed and the server does not know of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagChangeRow {
    /// The message.
    pub key: MessageKey,
    /// The epoch of its UID.
    pub uid_validity: UidValidity,
    /// Its UID.
    pub uid: Uid,
    /// Its flags, as last agreed with the server.
    pub agreed: FlagSet,
    /// The flag.
    pub flag: Flag,
    /// Whether it is set now.
    pub is_set: bool,
}

impl Index {
    /// Records what readers made of the names of files. The last change of a flag counts.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn follow_files(&mut self, followed: &[Followed]) -> Result<(), IndexError> {
        let doing = "follow what readers did to files";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for Followed { key, file, changed } in followed {
            let sql = "UPDATE message SET file = ? WHERE id = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            if statement.execute(params![file, key.0]).map_err(failed())? != 1 {
                return Err(IndexError::NoSuchRow { doing, id: key.0 });
            }
            note_changes(&transaction, *key, changed).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    }

    /// Readers' changes to messages of a mailbox that the server holds, ascending by UID.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn flag_changes(&self, mailbox: MailboxId) -> Result<Vec<FlagChangeRow>, IndexError> {
        let sql = "
            SELECT message.id, uid_validity, uid, flags, flag, is_set
            FROM flag_change CROSS JOIN message ON message.id = flag_change.message
            WHERE mailbox = ? AND uid IS NOT NULL AND vanished_at IS NULL AND expired_at IS NULL
            ORDER BY uid, flag";
        self.list("list what readers changed", sql, [mailbox.0], change_row)
    }

    /// The mailboxes of an account in which readers changed flags that the server does not know of.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn changed_by_readers(&self, account: AccountId) -> Result<Vec<MailboxId>, IndexError> {
        let sql = "
            SELECT DISTINCT mailbox FROM flag_change
            CROSS JOIN message ON message.id = flag_change.message
            CROSS JOIN mailbox ON mailbox.id = message.mailbox
            WHERE account = ? AND uid IS NOT NULL AND vanished_at IS NULL AND expired_at IS NULL";
        let id = |row: &Row<'_>| Ok(MailboxId(row.get("mailbox")?));
        self.list("look for what readers changed", sql, [account.0], id)
    }

    /// These changes are the server's too, or it will never have them; what is agreed on by that.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn settle_flag_changes(
        &mut self,
        settled: &[(MessageKey, Flag)],
        agreed: &[(MessageKey, FlagSet)],
    ) -> Result<(), IndexError> {
        let doing = "record what readers changed as the server's";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for (key, flag) in settled {
            let sql = "DELETE FROM flag_change WHERE message = ? AND flag = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            let row = params![key.0, flag.letter().to_string()];
            statement.execute(row).map_err(failed())?;
        }
        for (key, flags) in agreed {
            let sql = "UPDATE message SET flags = ? WHERE id = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            let row = params![flags.to_string(), key.0];
            if statement.execute(row).map_err(failed())? != 1 {
                return Err(IndexError::NoSuchRow { doing, id: key.0 });
            }
        }
        transaction.commit().map_err(failed())
    }

    /// Notes that we are about to rename these files.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn begin_reflagging(&mut self, renames: &[Reflagging]) -> Result<(), IndexError> {
        let doing = "note renames to come";
        let sql = "INSERT OR REPLACE INTO reflagging (message, file, flags) VALUES (?, ?, ?)";
        let transaction = self.transaction(doing)?;
        for Reflagging { key, file, agreed } in renames {
            let write = || {
                let mut statement = transaction.prepare_cached(sql)?;
                let agreed = agreed.as_ref().map(FlagSet::to_string);
                statement.execute(params![key.0, file, agreed])
            };
            write().map_err(IndexError::sql(doing))?;
        }
        transaction.commit().map_err(IndexError::sql(doing))
    }

    /// Those of `begun` that are in `renamed` have their new names; of the others a reader was faster.
    ///
    /// # Errors
    /// When a message is not there or the database refuses.
    pub fn end_reflagging(
        &mut self,
        renamed: &[(MessageKey, String)],
        begun: &[MessageKey],
    ) -> Result<(), IndexError> {
        let doing = "record renames";
        let failed = || IndexError::sql(doing);
        let transaction = self.transaction(doing)?;
        for (key, file) in renamed {
            let sql = "UPDATE message SET file = ? WHERE id = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            if statement.execute(params![file, key.0]).map_err(failed())? != 1 {
                return Err(IndexError::NoSuchRow { doing, id: key.0 });
            }
        }
        for key in begun {
            let sql = "DELETE FROM reflagging WHERE message = ?";
            let mut statement = transaction.prepare_cached(sql).map_err(failed())?;
            statement.execute([key.0]).map_err(failed())?;
        }
        transaction.commit().map_err(failed())
    }

    /// Renames of an account that were begun and not ended, each with where its file was last seen.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn open_reflaggings(
        &self,
        account: AccountId,
    ) -> Result<Vec<(MessageFile, Reflagging)>, IndexError> {
        let file = FILE.replacen(
            "message.octets",
            "message.octets, reflagging.file AS intended, reflagging.flags AS agreed",
            1,
        );
        let sql = format!(
            "{file} CROSS JOIN reflagging
             WHERE reflagging.message = message.id AND mailbox.account = ?"
        );
        let row = |row: &Row<'_>| {
            let agreed: Option<String> = row.get("agreed")?;
            let open = Reflagging {
                key: MessageKey(row.get("id")?),
                file: row.get("intended")?,
                agreed: agreed.as_deref().map(FlagSet::from_index),
            };
            Ok((message_file(row)?, open))
        };
        self.list("list renames under way", &sql, [account.0], row)
    }
}

/// The last change of a flag counts.
pub(crate) fn note_changes(
    transaction: &Transaction<'_>,
    key: MessageKey,
    changed: &[(Flag, bool)],
) -> rusqlite::Result<()> {
    let sql = "
        INSERT INTO flag_change (message, flag, is_set) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET is_set = excluded.is_set";
    let mut statement = transaction.prepare_cached(sql)?;
    for (flag, is_set) in changed {
        statement.execute(params![key.0, flag.letter().to_string(), is_set])?;
    }
    Ok(())
}

/// What readers changed and the server has by now.
pub(crate) fn settle_alike(
    transaction: &Transaction<'_>,
    key: MessageKey,
    agreed: &FlagSet,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM flag_change WHERE message = ? AND (instr(?, flag) > 0) = is_set";
    let mut statement = transaction.prepare_cached(sql)?;
    statement
        .execute(params![key.0, agreed.letters()])
        .map(drop)
}

fn change_row(row: &Row<'_>) -> rusqlite::Result<FlagChangeRow> {
    let letter: String = row.get("flag")?;
    let flag = letter.chars().next().and_then(Flag::from_letter);
    Ok(FlagChangeRow {
        key: MessageKey(row.get("id")?),
        uid_validity: column::uid_validity(row, "uid_validity")?
            .ok_or_else(|| column::absent("uid_validity"))?,
        uid: column::uid(row, "uid")?.ok_or_else(|| column::absent("uid"))?,
        agreed: FlagSet::from_index(&row.get::<_, String>("flags")?),
        flag: flag.ok_or_else(|| column::absent("flag"))?,
        is_set: row.get("is_set")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, imap, message, now};

    fn changes(bench: &Bench) -> Vec<(u32, Flag, bool)> {
        let rows = bench.index.flag_changes(bench.mailbox).unwrap();
        let row = |row: &FlagChangeRow| (row.uid.as_u32(), row.flag, row.is_set);
        rows.iter().map(row).collect()
    }

    fn followed(key: MessageKey, file: &str, changed: &[(Flag, bool)]) -> Followed {
        Followed {
            key,
            file: file.to_owned(),
            changed: changed.to_vec(),
        }
    }

    #[test]
    fn the_last_change_of_a_flag_counts_until_the_server_has_it() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1), message(imap(7, 2), 2)]);
        let first = followed(
            keys[0],
            "cur/base1:2,F",
            &[(Flag::Seen, false), (Flag::Flagged, true)],
        );
        let then = followed(keys[0], "cur/base1:2,FS", &[(Flag::Seen, true)]);
        bench.index.follow_files(&[first]).unwrap();
        bench.index.follow_files(&[then]).unwrap();
        let mut bench = bench.restart();
        assert_eq!(
            changes(&bench),
            [(1, Flag::Flagged, true), (1, Flag::Seen, true)]
        );
        assert_eq!(
            bench.index.changed_by_readers(bench.account).unwrap(),
            [bench.mailbox]
        );
        let agreed = [(keys[0], FlagSet::from_index("\\Seen \\Flagged"))];
        let settled = [(keys[0], Flag::Flagged), (keys[0], Flag::Seen)];
        bench.index.settle_flag_changes(&settled, &agreed).unwrap();
        assert_eq!(changes(&bench), []);
        assert!(
            bench
                .index
                .changed_by_readers(bench.account)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_both_sides_changed_alike_is_settled_when_it_is_agreed_on() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1)]);
        let change = followed(
            keys[0],
            "cur/base1:2,F",
            &[
                (Flag::Seen, false),
                (Flag::Flagged, true),
                (Flag::Draft, true),
            ],
        );
        bench.index.follow_files(&[change]).unwrap();
        let agreed = [(keys[0], FlagSet::from_index("\\Flagged work"))];
        bench.index.set_server_flags(&agreed).unwrap();
        assert_eq!(changes(&bench), [(1, Flag::Draft, true)]);
    }

    #[test]
    fn what_the_server_no_longer_holds_is_not_pushed() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1)]);
        let change = followed(keys[0], "cur/base1:2,", &[(Flag::Seen, false)]);
        bench.index.follow_files(&[change]).unwrap();
        bench.index.mark_vanished(&keys, now(200)).unwrap();
        assert_eq!(changes(&bench), []);
        bench.index.mark_present(&keys).unwrap();
        assert_eq!(changes(&bench), [(1, Flag::Seen, false)]);
    }

    #[test]
    fn r3_a_rename_that_was_begun_is_remembered_until_it_is_ended() {
        let mut bench = Bench::new();
        let keys = bench.store(vec![message(imap(7, 1), 1)]);
        let intended = Reflagging {
            key: keys[0],
            file: "cur/base1:2,FS".to_owned(),
            agreed: Some(FlagSet::from_index("\\Flagged work")),
        };
        bench
            .index
            .begin_reflagging(std::slice::from_ref(&intended))
            .unwrap();
        let mut bench = bench.restart();
        let open = bench.index.open_reflaggings(bench.account).unwrap();
        assert_eq!(
            (open[0].0.file.as_str(), &open[0].1),
            ("cur/base1:2,S", &intended)
        );
        let renamed = [(keys[0], intended.file)];
        bench.index.end_reflagging(&renamed, &keys).unwrap();
        assert!(
            bench
                .index
                .open_reflaggings(bench.account)
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            bench.index.file_of(&keys).unwrap()[0].file,
            "cur/base1:2,FS"
        );
    }
}
