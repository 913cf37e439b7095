//! `postrider history`: the ledger. Entries are written as they are read: a ledger only grows.

use super::{chosen, disabled, failure, quiet};
use crate::cli::HistoryArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use crate::moment::shown;
use crate::words::short;
use postrider_engine::{HistoryEntry, HistoryFilter, Whereabouts};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};

/// The longest Message-ID, subject or reason of a line, in characters. The JSON has them whole.
const LONGEST: usize = 60;

/// Tells what happened, the newest last.
///
/// # Errors
/// When neither configuration nor ledger know the account, the index cannot be read, or the answer not be written.
pub fn run(
    args: &HistoryArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    if let Some(name) = &args.account {
        require_account(name, config)?;
    }
    let filter = HistoryFilter {
        account: args.account.clone(),
        mailbox: args.mailbox.clone(),
        message_id: args.message_id.clone(),
        since: args.since,
        until: args.until,
        action: args.action.clone(),
        limit: args.limit,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match tell(&mut out, args.json, config, &filter) {
        // A reader that has gone (`| head`) has read enough.
        Err(Error::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Vec::new())
        }
        told => told.map(|()| Vec::new()),
    }
}

/// The ledger tells of accounts that the configuration has no more, too.
fn require_account(name: &str, config: &Config) -> Result<(), Error> {
    let Err(unknown) = chosen(config, &[name.to_owned()]) else {
        return Ok(());
    };
    let is_known = disabled::named(config, name).is_some()
        // Whoever reads the ledger next tells why it cannot be read.
        || postrider_engine::tells_of(&config.state_dir, name).unwrap_or(true);
    match is_known {
        true => Ok(()),
        false => Err(unknown),
    }
}

fn tell(
    out: &mut impl Write,
    as_json: bool,
    config: &Config,
    filter: &HistoryFilter,
) -> Result<(), Error> {
    let failed = |source| Error::Output { source };
    let mut first = true;
    if as_json {
        write!(out, "{{\"entries\":[").map_err(failed)?;
    }
    let told = postrider_engine::history(&config.state_dir, filter, |entry| {
        let written = match (as_json, std::mem::take(&mut first)) {
            (true, true) => write!(out, "{}", document(&entry)),
            (true, false) => write!(out, ",{}", document(&entry)),
            (false, true) => writeln!(out, "{}\n{}", head(), line(&entry)),
            (false, false) => writeln!(out, "{}", line(&entry)),
        };
        written.map_err(failed)
    });
    match &told {
        Ok(()) if as_json => writeln!(out, "]}}").map_err(failed)?,
        Ok(()) | Err(Error::Output { .. }) => {}
        Err(error) if as_json => writeln!(out, "{}", end(error)).map_err(failed)?,
        Err(_) => {}
    }
    out.flush().map_err(failed)?;
    told
}

/// The rest of a document that an error cut short: one that began has to end.
fn end(error: &Error) -> String {
    let fields = Value::Object(failure(error)).to_string();
    format!("],{}", fields.trim_start_matches('{'))
}

fn head() -> String {
    columns(
        [
            "TIME", "ACTION", "ACCOUNT", "MAILBOX", "MESSAGE", "BECAUSE", "COPY",
        ]
        .map(str::to_owned),
    )
}

fn line(entry: &HistoryEntry) -> String {
    let message = entry.message_id.as_deref().map(|id| format!("<{id}>"));
    let message = message.or_else(|| entry.subject.clone());
    columns([
        shown(entry.at),
        entry.action.clone(),
        short(&entry.account, LONGEST),
        short(&entry.mailbox, LONGEST),
        short(&message.unwrap_or_else(|| "-".to_owned()), LONGEST),
        short(&entry.because, LONGEST),
        copy(&entry.copy),
    ])
}

/// Widths that usual values fit: nobody knows the longest before all are read.
fn columns(cells: [String; 7]) -> String {
    let [time, action, account, mailbox, message, because, copy] = cells;
    format!("{time:20}  {action:8}  {account:8}  {mailbox:10}  {message:32}  {because:20}  {copy}")
}

fn copy(copy: &Whereabouts) -> String {
    match copy {
        Whereabouts::At(path) => short(&path.display().to_string(), usize::MAX),
        Whereabouts::Gone => "deleted or moved away by a reader".to_owned(),
        Whereabouts::Unreachable => "its directory is not there (not mounted?)".to_owned(),
        Whereabouts::Removed(at) => format!("removed {}", shown(*at)),
        Whereabouts::Unknown => "unknown to this index".to_owned(),
    }
}

fn document(entry: &HistoryEntry) -> Value {
    let (state, path, removed_at) = match &entry.copy {
        Whereabouts::At(path) => ("here", Some(path.display().to_string()), None),
        Whereabouts::Gone => ("gone", None, None),
        Whereabouts::Unreachable => ("unreachable", None, None),
        Whereabouts::Removed(at) => ("removed", None, Some(shown(*at))),
        Whereabouts::Unknown => ("unknown", None, None),
    };
    json!({
        "at": shown(entry.at),
        "action": entry.action,
        "account": entry.account,
        "mailbox": entry.mailbox,
        "message_id": entry.message_id,
        "subject": entry.subject,
        "from": entry.from_addr,
        "sha256": entry.sha256.map(|hash| hash.to_string()),
        "because": entry.because,
        "copy": { "state": state, "path": path, "removed_at": removed_at },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::time::UnixTime;
    use std::path::PathBuf;

    fn entry(copy: Whereabouts) -> HistoryEntry {
        HistoryEntry {
            at: UnixTime::from_seconds(1_795_578_019),
            account: "home".to_owned(),
            mailbox: "INBOX".to_owned(),
            message_id: Some("1@example.org".to_owned()),
            subject: Some("Grüße".to_owned()),
            from_addr: None,
            sha256: None,
            action: "expired".to_owned(),
            because: "retention: delete".to_owned(),
            copy,
        }
    }

    #[test]
    fn a_line_says_what_when_why_and_where() {
        let here = entry(Whereabouts::At(PathBuf::from("/m/cur/x:2,S")));
        assert_eq!(
            line(&here),
            "2026-11-25T03:40:19Z  expired   home      INBOX       <1@example.org>                   \
             retention: delete     /m/cur/x:2,S"
        );
        let hostile = HistoryEntry {
            message_id: None,
            subject: Some("\u{1b}[2J".to_owned()),
            ..entry(Whereabouts::Gone)
        };
        assert!(!line(&hostile).contains('\u{1b}'));
    }

    #[test]
    fn the_document_has_it_whole() {
        let removed = entry(Whereabouts::Removed(UnixTime::from_seconds(0)));
        let document = document(&removed);
        assert_eq!(document["because"], "retention: delete");
        assert_eq!(document["copy"]["state"], "removed");
        assert_eq!(document["copy"]["removed_at"], "1970-01-01T00:00:00Z");
    }
}
