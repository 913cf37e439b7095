//! Rows of `accounts_from` that are wrong: told by every command that says how accounts are doing.

use crate::config::error::ConfigError;
use crate::config::{BadRow, Config};
use crate::error::Error;
use serde_json::{Value, json};

/// What a command ends with that was asked for all accounts, and some are not served.
pub(super) fn error(config: &Config, names: &[String]) -> Option<Error> {
    let rows = config.bad_rows.clone();
    let is_told = names.is_empty() && !rows.is_empty();
    is_told.then(|| Error::Config(ConfigError::Rows { rows }))
}

/// The error of an account that was asked for by its name and is disabled.
pub(super) fn named(config: &Config, name: &str) -> Option<Error> {
    let row = config
        .bad_rows
        .iter()
        .find(|row| row.account.as_deref() == Some(name))?;
    let rows = vec![row.clone()];
    Some(Error::Config(ConfigError::Rows { rows }))
}

/// A few lines for people.
pub(super) fn lines(config: &Config) -> String {
    if config.bad_rows.is_empty() {
        return String::new();
    }
    let rows = config.bad_rows.clone();
    format!("\nnot served:\n{}\n", ConfigError::Rows { rows })
}

/// A value for programs.
pub(super) fn document(config: &Config) -> Vec<Value> {
    let row = |row: &BadRow| {
        json!({
            "account": row.account,
            "path": row.path.display().to_string(),
            "line": row.line,
            "error": row.told(),
        })
    };
    config.bad_rows.iter().map(row).collect()
}
