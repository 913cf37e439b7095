//! The processes that have written here, by the token in the names of their unfinished files.

use crate::error::IndexError;
use crate::open::Index;
use postrider_core::time::Now;
use std::collections::HashSet;

impl Index {
    /// Notes the token of this process; before its first file is made.
    ///
    /// # Errors
    /// When the token is known already or the database refuses.
    pub fn register_writer(&mut self, token: &str, now: Now) -> Result<(), IndexError> {
        let sql = "INSERT INTO writer (token, started_at) VALUES (?, ?)";
        let row = (token, now.0.as_seconds());
        self.connection
            .execute(sql, row)
            .map_err(IndexError::sql("record this process"))?;
        Ok(())
    }

    /// Every token that was ever noted. Under the state lock all but one's own are of dead processes.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn past_writers(&self) -> Result<HashSet<String>, IndexError> {
        self.list(
            "list past processes",
            "SELECT token FROM writer",
            (),
            |row| row.get(0),
        )
    }
}
