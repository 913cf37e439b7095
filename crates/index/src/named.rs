//! Messages by what a person knows them by.

use crate::column;
use crate::error::IndexError;
use crate::open::Index;
use postrider_core::message::{MessageKey, ServerRef};
use postrider_core::time::UnixTime;
use rusqlite::{OptionalExtension, Row};
use std::collections::HashMap;

/// What is shown of a message; each may be missing but who it is to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRow {
    /// Who it is to the server.
    pub server: ServerRef,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// `Subject`.
    pub subject: Option<String>,
    /// INTERNALDATE, else `Date`.
    pub date: Option<UnixTime>,
    /// What it weighs at the server, by the server's word or else by ours.
    pub octets: u64,
}

impl Index {
    /// These messages, as far as they are recorded.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn named(&self, keys: &[MessageKey]) -> Result<HashMap<MessageKey, NamedRow>, IndexError> {
        let sql = "
            SELECT uid_validity, uid, uidl, message_id, subject, coalesce(internal_date, date) AS dated,
              coalesce(server_octets, octets_crlf) AS weight
            FROM message WHERE id = ?";
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = HashMap::with_capacity(keys.len());
            for key in keys {
                let row = statement.query_row([key.0], named).optional()?;
                rows.extend(row.map(|row| (*key, row)));
            }
            Ok(rows)
        };
        read().map_err(IndexError::sql("look messages up"))
    }
}

fn named(row: &Row<'_>) -> rusqlite::Result<NamedRow> {
    Ok(NamedRow {
        server: column::server(row)?,
        message_id: row.get("message_id")?,
        subject: row.get("subject")?,
        date: column::time(row, "dated")?,
        octets: column::count(row, "weight")?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, imap, message, pop3};
    use postrider_core::message::MessageKey;

    #[test]
    fn a_message_is_shown_by_what_is_known_of_it() {
        let mut bench = Bench::new();
        let stored = vec![message(imap(7, 3), 1), message(pop3("a"), 2)];
        let keys = bench.store(stored.clone());
        let asked = [keys[0], keys[1], MessageKey(99)];
        let rows = bench.index.named(&asked).unwrap();
        assert_eq!(rows.len(), 2);
        for (key, stored) in keys.iter().zip(&stored) {
            assert_eq!(rows[key].server, stored.server);
            assert_eq!(rows[key].message_id, stored.header.message_id);
        }
    }
}
