//! `postrider sync --dry-run`: what the pass would do, and why, message by message.

use super::sync::{all_failed, failed, succeeded};
use super::{answer, engine_settings};
use crate::config::Config;
use crate::error::Error;
use crate::moment::shown;
use crate::progress::summary;
use crate::words::{octets, short};
use postrider_core::account::AccountName;
use postrider_core::message::ServerRef;
use postrider_core::plan::deed::Deed;
use postrider_engine::{EngineError, Rehearsal, Rehearsed, Shutdown, SyncOptions};
use serde_json::{Map, Value, json};

/// The longest Message-ID or subject of a line, in characters.
const LONGEST: usize = 60;
/// The longest mailbox name or reason.
const LONGEST_REASON: usize = 400;
/// What a person may doubt who has just read all this.
const UNCHANGED: &str = "Nothing was changed, on the server or here.";

/// What became of one account's rehearsal.
type Outcome = (AccountName, Result<Rehearsal, EngineError>);

/// Plays the passes through and prints what they would do.
///
/// # Errors
/// When the engine as a whole cannot work, or the answer cannot be written. What happens to one account
/// is in the answer and stops no other.
pub async fn run(
    (config, meant): (&Config, &[AccountName]),
    options: SyncOptions,
    shutdown: Shutdown,
    as_json: bool,
) -> Result<Vec<Error>, Error> {
    let outcomes = postrider_engine::rehearse(engine_settings(config), options, shutdown).await;
    if let (Err(error), true) = (&outcomes, as_json) {
        let accounts = all_failed(meant, error);
        answer(&json!({ "dry_run": true, "accounts": accounts }).to_string())?;
    }
    let outcomes = outcomes?;
    if as_json {
        answer(&document(&outcomes).to_string())?;
    } else {
        answer(&text(&outcomes))?;
    }
    let failure = |(account, result): Outcome| {
        Some(Error::Account {
            account,
            source: result.err()?,
            logged: false,
        })
    };
    Ok(outcomes.into_iter().filter_map(failure).collect())
}

/// A line for every account that could be rehearsed, and what its pass would do, below it; the others are
/// told of on stderr.
fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for (account, result) in outcomes {
        let Ok(rehearsal) = result else { continue };
        let summary = summary(&rehearsal.report);
        text.push_str(&format!("{account}, dry run: {summary}\n"));
        for group in groups(&rehearsal.deeds) {
            text.push_str(&group.text());
        }
    }
    if !text.is_empty() {
        text.push_str(UNCHANGED);
    }
    text
}

/// Messages of one mailbox with which the same is done for the same reason.
struct Group<'a> {
    mailbox: &'a str,
    deed: String,
    messages: Vec<String>,
}

/// In the order in which the pass comes to the first of each.
fn groups(deeds: &[Rehearsed]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for rehearsed in deeds {
        let (mailbox, deed) = (rehearsed.mailbox.as_str(), rehearsed.deed.to_string());
        let at = *places
            .entry((mailbox, deed.clone()))
            .or_insert_with(|| groups.len());
        if at == groups.len() {
            groups.push(Group {
                mailbox,
                deed,
                messages: Vec::new(),
            });
        }
        if let Some(group) = groups.get_mut(at) {
            group.messages.extend(message(rehearsed));
        }
    }
    groups
}

impl Group<'_> {
    fn text(&self) -> String {
        let mailbox = match self.mailbox {
            "" => "(account)".to_owned(),
            mailbox => short(mailbox, LONGEST_REASON),
        };
        let deed = short(&self.deed, LONGEST_REASON);
        if self.messages.is_empty() {
            return format!("  {mailbox}: would {deed}\n");
        }
        let mut text = format!("  {mailbox}: {} would {deed}:\n", self.messages.len());
        for message in &self.messages {
            text.push_str(&format!("    {message}\n"));
        }
        text
    }
}

/// A message by what a person knows it by: `UID 7  2026-11-23T10:00:00Z  1.2 KiB  <id>  subject`.
fn message(rehearsed: &Rehearsed) -> Option<String> {
    let mut words = Vec::new();
    match (&rehearsed.message, &rehearsed.deed) {
        (Some(message), _) => {
            words.push(match &message.server {
                ServerRef::Imap { uid, .. } => format!("UID {uid}"),
                ServerRef::Pop3 { uidl: Some(uidl) } => {
                    format!("UIDL {}", short(uidl.as_str(), LONGEST))
                }
                // What is on its way to a mailbox has none there.
                ServerRef::Pop3 { uidl: None } if matches!(rehearsed.deed, Deed::Push(_)) => {
                    "no UID yet".to_owned()
                }
                ServerRef::Pop3 { uidl: None } => "no UIDL".to_owned(),
            });
            words.extend(message.date.map(shown));
            words.push(octets(message.octets));
            let id = message.message_id.as_deref();
            words.extend(id.map(|id| format!("<{}>", short(id, LONGEST))));
            let subject = message.subject.as_deref();
            words.extend(subject.map(|subject| short(subject, LONGEST)));
        }
        (
            None,
            Deed::Skip {
                uid: Some(uid),
                octets: size,
                ..
            },
        ) => {
            words.push(format!("UID {uid}"));
            words.extend(size.map(octets));
        }
        (None, _) => return None,
    }
    Some(words.join("  "))
}

/// `{"dry_run": true, "accounts": [...]}`, each with the fields of `sync --json` and its `deeds`.
fn document(outcomes: &[Outcome]) -> Value {
    let accounts = outcomes.iter().map(|(account, result)| match result {
        Ok(rehearsal) => {
            let mut value = succeeded(account.as_str(), &rehearsal.report);
            let deeds: Vec<Value> = rehearsal.deeds.iter().map(deed).collect();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("deeds".to_owned(), deeds.into());
            }
            value
        }
        Err(error) => failed(account.as_str(), error),
    });
    json!({ "dry_run": true, "accounts": accounts.collect::<Vec<_>>() })
}

/// What is not known of a deed, or makes no sense for it, is left out.
fn deed(rehearsed: &Rehearsed) -> Value {
    let Rehearsed {
        mailbox,
        deed,
        message,
    } = rehearsed;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    put("deed", deed.word().into());
    put("mailbox", mailbox.as_str().into());
    put("would", deed.to_string().into());
    put("because", deed.because().into());
    put("flags", deed.flags().map(ToString::to_string).into());
    if let Some(message) = message {
        match &message.server {
            ServerRef::Imap { uid, .. } => put("uid", uid.as_u32().into()),
            ServerRef::Pop3 { uidl } => put("uidl", uidl.as_ref().map(|u| u.as_str()).into()),
        }
        put("message_id", message.message_id.as_deref().into());
        put("subject", message.subject.as_deref().into());
        put("date", message.date.map(shown).into());
        put("octets", message.octets.into());
    }
    for (name, value) in figures(deed) {
        put(name, value);
    }
    Value::Object(fields)
}

/// What a deed says besides what it is, where and why.
fn figures(deed: &Deed) -> Vec<(&'static str, Value)> {
    match deed {
        Deed::Expire { fetched, .. } => vec![("fetched", (*fetched).into())],
        Deed::Fetch {
            messages, octets, ..
        } => vec![
            ("messages", (*messages).into()),
            ("octets", (*octets).into()),
        ],
        Deed::Hold { messages, .. } | Deed::Lose { messages } => {
            vec![("messages", (*messages).into())]
        }
        Deed::Heal {
            recorded,
            forgotten,
        } => vec![
            ("recorded", (*recorded).into()),
            ("forgotten", (*forgotten).into()),
        ],
        Deed::Rename { was } => vec![("was", was.as_str().into())],
        Deed::Renumber {
            rematched,
            fetching,
        } => vec![
            ("rematched", (*rematched).into()),
            ("fetching", (*fetching).into()),
        ],
        Deed::Skip { uid, octets, .. } => vec![
            ("uid", uid.map(|uid| uid.as_u32()).into()),
            ("octets", (*octets).into()),
        ],
        Deed::Wait {
            side,
            removing,
            held,
            ..
        } => vec![
            ("side", (*side).into()),
            ("removing", (*removing).into()),
            ("held", (*held).into()),
        ],
        Deed::Confirm { .. }
        | Deed::Link { .. }
        | Deed::Make
        | Deed::Move { .. }
        | Deed::Plan(_)
        | Deed::Push(_)
        | Deed::Remove { .. }
        | Deed::Settle { .. }
        | Deed::TrashFlag { .. }
        | Deed::Vanish { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::message::MessageKey;
    use postrider_core::retention::{ExpireReason, Method};
    use postrider_core::time::UnixTime;
    use postrider_core::uid::{Uid, UidValidity};
    use postrider_core::uidl::Uidl;
    use postrider_engine::{NamedMessage, PassReport};
    use std::time::Duration;

    fn expiry(uid: u32, fetched: bool) -> Rehearsed {
        let key = MessageKey(uid.into());
        Rehearsed {
            mailbox: "INBOX".to_owned(),
            deed: Deed::Expire {
                message: key,
                because: ExpireReason::Delete,
                method: Method::Expunge,
                fetched,
            },
            message: Some(NamedMessage {
                server: ServerRef::Imap {
                    uid_validity: UidValidity::new(7).unwrap(),
                    uid: Uid::new(uid).unwrap(),
                },
                message_id: Some(format!("{uid}@example.org")),
                subject: (uid > 1).then(|| "no \u{1b}[2J".to_owned()),
                date: Some(UnixTime::from_seconds(1_700_000_000)),
                octets: 1_500,
            }),
        }
    }

    fn outcomes() -> Vec<Outcome> {
        let fetch = Deed::Fetch {
            messages: 1,
            octets: 1_500,
            suspected: 0,
        };
        let skip = Deed::Skip {
            uid: Uid::new(9),
            octets: Some(3 << 20),
            because: "it is too large".to_owned(),
        };
        let in_inbox = |deed| Rehearsed {
            mailbox: "INBOX".to_owned(),
            deed,
            message: None,
        };
        let mut popped = expiry(4, true);
        if let Some(message) = &mut popped.message {
            let uidl = Uidl::from_index("whqtswO00WBw418f9t5JxYwZ");
            message.server = ServerRef::Pop3 { uidl: Some(uidl) };
        }
        let deeds = vec![
            in_inbox(fetch),
            expiry(1, false),
            in_inbox(skip),
            expiry(2, false),
            popped,
        ];
        let report = PassReport {
            mailboxes: 1,
            new: 1,
            expired: 3,
            skipped: 1,
            octets: 1_500,
            elapsed: Duration::from_millis(7),
            ..PassReport::default()
        };
        let name = |name| AccountName::parse(name).unwrap();
        vec![
            (name("home"), Ok(Rehearsal { report, deeds })),
            (name("isp"), Err(EngineError::Stopped)),
        ]
    }

    #[test]
    fn messages_stand_below_what_would_be_done_with_them() {
        insta::assert_snapshot!(text(&outcomes()));
    }

    #[test]
    fn the_document_says_the_same_in_fields() {
        let document = document(&outcomes());
        assert_eq!(document["dry_run"], json!(true));
        let home = &document["accounts"][0];
        assert_eq!((&home["expired"], &home["ok"]), (&json!(3), &json!(true)));
        assert_eq!(
            home["deeds"][1],
            json!({
                "deed": "expire",
                "mailbox": "INBOX",
                "would": "be deleted on the server (retention: delete)",
                "because": "retention: delete",
                "fetched": false,
                "uid": 1,
                "message_id": "1@example.org",
                "date": "2023-11-14T22:13:20Z",
                "octets": 1_500,
            })
        );
        assert_eq!(home["deeds"][4]["uidl"], "whqtswO00WBw418f9t5JxYwZ");
        assert_eq!(document["accounts"][1]["ok"], json!(false));
    }
}
