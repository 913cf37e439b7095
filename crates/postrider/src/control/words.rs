//! The lines of the protocol: JSON objects, one per line.

use crate::moment;
use postrider_core::fault::Fault;
use postrider_core::retention::{Level, Usage};
use postrider_core::time::UnixTime;
use postrider_engine::{Became, Failure, LastFailure, Listening, LiveAccount, Load, PassReport};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What a client asks; beside it stands `"postrider": 1`, the version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Rest accounts: no connection, no pass.
    Pause {
        /// Which; none named: all.
        #[serde(default)]
        accounts: Vec<String>,
    },
    /// Read the configuration again.
    Reload {
        /// Whether the answer waits for it.
        #[serde(default)]
        wait: bool,
    },
    /// Let paused accounts go on.
    Resume {
        /// Which; none named: all.
        #[serde(default)]
        accounts: Vec<String>,
    },
    /// What every account is doing.
    Status {
        /// Whether to go on telling what changes, until the client hangs up.
        #[serde(default)]
        follow: bool,
    },
    /// Make a complete pass, and say how it went.
    Sync {
        /// Of which accounts; none named: all.
        #[serde(default)]
        accounts: Vec<String>,
        /// Only over mailboxes that match this glob.
        #[serde(default)]
        mailbox: Option<String>,
    },
    /// Start a pass, and do not wait for it.
    SyncNow {
        /// Of which accounts; none named: all.
        #[serde(default)]
        accounts: Vec<String>,
    },
}

/// What the daemon answers. A client passes over answers and fields that it does not know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// What an account is doing: to `status`, and to `sync` while a pass runs.
    Account {
        /// Which.
        account: String,
        /// What.
        live: Box<Live>,
    },
    /// What became of an account: to `pause`, `resume` and `sync_now`.
    Became {
        /// Which.
        account: String,
        /// What.
        became: Word,
    },
    /// To `status`: every account has been told of as it is now.
    Current,
    /// The last line: all is done.
    Done,
    /// The last line: it could not be done.
    Failed(Trouble),
    /// To `status` that follows: the account is there no more.
    Gone {
        /// Which.
        account: String,
    },
    /// The first line of all, before anything was asked.
    Hello(Hello),
    /// To `sync`: how the pass over one account went.
    Outcome {
        /// Which.
        account: String,
        /// What it did, when it was complete.
        report: Option<Box<Report>>,
        /// Why it was not.
        trouble: Option<Trouble>,
    },
    /// To `reload` that waits: the new configuration is in force.
    Reloaded {
        /// Accounts that were not there before.
        added: u64,
        /// Accounts that are there no more.
        removed: u64,
        /// Accounts with other settings than before.
        changed: u64,
    },
    /// A sign of life.
    Waiting,
}

/// Who is speaking.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Hello {
    /// The version of the protocol.
    pub protocol: u32,
    /// The version of the daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Whose index it keeps: two daemons are told apart by it.
    pub state_dir: PathBuf,
    /// When it was started.
    #[serde(with = "time")]
    pub started_at: UnixTime,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It was so already.
    Already,
    /// What was asked for.
    Done,
    /// It is paused, and stays so.
    Paused,
}

impl From<Became> for Word {
    fn from(became: Became) -> Self {
        match became {
            Became::Already => Self::Already,
            Became::Done => Self::Done,
            Became::Paused => Self::Paused,
        }
    }
}

/// Messages and octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Amount {
    /// How many messages.
    pub messages: u64,
    /// How many octets.
    pub octets: u64,
}

impl From<Load> for Amount {
    fn from(load: Load) -> Self {
        let Load { messages, octets } = load;
        Self { messages, octets }
    }
}

/// How much of something is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Filled {
    /// So much,
    pub used: u64,
    /// of so much.
    pub limit: u64,
}

impl From<Level> for Filled {
    fn from(level: Level) -> Self {
        let Level { used, limit } = level;
        Self { used, limit }
    }
}

/// How full a box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Quota {
    /// In octets.
    pub octets: Option<Filled>,
    /// In messages.
    pub messages: Option<Filled>,
}

impl Quota {
    fn of(usage: Usage) -> Option<Self> {
        usage.is_told().then(|| Self {
            octets: usage.octets.map(Filled::from),
            messages: usage.messages.map(Filled::from),
        })
    }
}

/// How the server tells of what is new.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Listens {
    /// `notify` or `idle`.
    pub kind: String,
    /// How many mailboxes it tells of.
    pub mailboxes: u64,
    /// Since when.
    #[serde(with = "time")]
    pub since: UnixTime,
}

impl From<Listening> for Listens {
    fn from(listening: Listening) -> Self {
        Self {
            kind: listening.kind.as_str().to_owned(),
            mailboxes: listening.mailboxes,
            since: listening.since,
        }
    }
}

/// One account at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Live {
    /// `starting`, `syncing`, `waiting` or `paused`.
    pub state: String,
    /// Since when.
    #[serde(with = "maybe_time")]
    pub since: Option<UnixTime>,
    /// When the next pass begins at the latest.
    #[serde(with = "maybe_time")]
    pub next_pass_at: Option<UnixTime>,
    /// Passes that failed in a row.
    pub failures: u32,
    /// How the server tells of what is new, while it does.
    pub listening: Option<Listens>,
    /// What the running pass, or the last one, had to download.
    pub found: Amount,
    /// What it has stored of that.
    pub stored: Amount,
    /// What is known to be at the server and not here.
    pub backlog: Amount,
    /// When it last stored a message, since the daemon started.
    #[serde(with = "maybe_time")]
    pub last_mail_at: Option<UnixTime>,
    /// When a pass was last complete.
    #[serde(with = "maybe_time")]
    pub last_success_at: Option<UnixTime>,
    /// What that pass did, when it was one of this daemon's.
    pub last_report: Option<Report>,
    /// Why the last pass failed, when it did.
    pub last_failure: Option<Failed>,
    /// How full the box at the server is, where the server says so.
    pub quota: Option<Quota>,
}

impl From<&LiveAccount> for Live {
    fn from(live: &LiveAccount) -> Self {
        Self {
            state: live.activity.as_str().to_owned(),
            since: live.since,
            next_pass_at: live.next_pass_at,
            failures: live.failures,
            listening: live.listening.map(Listens::from),
            found: live.found.into(),
            stored: live.stored.into(),
            backlog: live.backlog().into(),
            last_mail_at: live.last_mail_at,
            last_success_at: live.last_success_at,
            last_report: live.last_report.as_ref().map(Report::from),
            last_failure: live.last_failure.as_ref().map(Failed::from),
            quota: Quota::of(live.quota),
        }
    }
}

/// Why the last pass failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Failed {
    /// When.
    #[serde(with = "time")]
    pub at: UnixTime,
    /// The kind, as in the log.
    pub kind: String,
    /// The whole story in one line.
    pub error: String,
    /// What to type or change next.
    pub hint: Option<String>,
}

impl From<&LastFailure> for Failed {
    fn from(failure: &LastFailure) -> Self {
        Self {
            at: failure.at,
            kind: failure.fault.kind().to_owned(),
            error: failure.error.clone(),
            hint: failure.hint.clone(),
        }
    }
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Trouble {
    /// The kind, as in the log.
    pub kind: String,
    /// What happened.
    pub error: String,
    /// The causes, from the nearest on.
    #[serde(default)]
    pub caused_by: Vec<String>,
    /// What to type or change next.
    pub hint: Option<String>,
}

impl Trouble {
    /// What it means. A kind that is not known here is the daemon's own trouble.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let known = [
            Fault::Auth,
            Fault::Config,
            Fault::LocalIo,
            Fault::Protocol,
            Fault::Tls,
            Fault::Unreachable,
        ];
        let named = known.into_iter().find(|fault| fault.kind() == self.kind);
        named.unwrap_or(Fault::Busy)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.fault.kind().to_owned(),
            error: failure.error,
            caused_by: failure.caused_by,
            hint: failure.hint,
        }
    }
}

/// What a pass did; the fields are those of `sync --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[expect(
    missing_docs,
    reason = "they are told of in postrider_engine::PassReport"
)]
pub struct Report {
    pub mailboxes: u64,
    pub new: u64,
    pub flags_pulled: u64,
    pub flags_pushed: u64,
    pub pushed: u64,
    pub expired: u64,
    pub vanished: u64,
    pub skipped: u64,
    pub braked: u64,
    pub octets: u64,
    pub round_trips: u64,
    pub elapsed_ms: u64,
}

impl From<&PassReport> for Report {
    fn from(report: &PassReport) -> Self {
        Self {
            mailboxes: report.mailboxes,
            new: report.new,
            flags_pulled: report.flags_pulled,
            flags_pushed: report.flags_pushed,
            pushed: report.pushed,
            expired: report.expired,
            vanished: report.vanished,
            skipped: report.skipped,
            braked: report.braked,
            octets: report.octets,
            round_trips: report.round_trips,
            elapsed_ms: u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl From<&Report> for PassReport {
    fn from(report: &Report) -> Self {
        Self {
            mailboxes: report.mailboxes,
            new: report.new,
            flags_pulled: report.flags_pulled,
            flags_pushed: report.flags_pushed,
            pushed: report.pushed,
            expired: report.expired,
            vanished: report.vanished,
            skipped: report.skipped,
            braked: report.braked,
            octets: report.octets,
            round_trips: report.round_trips,
            elapsed: Duration::from_millis(report.elapsed_ms),
            ..Self::default()
        }
    }
}

/// A time as everywhere in `--json`: `2026-11-25T03:40:19Z`.
mod time {
    use super::{UnixTime, moment};
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(at: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&moment::shown(*at))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<UnixTime, D::Error> {
        let text = String::deserialize(from)?;
        super::read_time(&text).ok_or_else(|| de::Error::custom("no time"))
    }
}

/// The same, or `null`.
mod maybe_time {
    use super::{UnixTime, moment};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        at: &Option<UnixTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(moment::shown).serialize(to)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Option<UnixTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let time =
            text.map(|text| super::read_time(&text).ok_or_else(|| de::Error::custom("no time")));
        time.transpose()
    }
}

fn read_time(text: &str) -> Option<UnixTime> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(UnixTime::from_seconds(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::super::PROTOCOL;
    use super::*;
    use serde_json::{Value, json};

    fn request(value: Value) -> Result<Request, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_request_may_leave_out_what_is_usual_and_has_nothing_that_is_not_known() {
        let status = request(json!({"request": "status"})).unwrap();
        assert_eq!(status, Request::Status { follow: false });
        let accounts = vec!["home".to_owned()];
        let pause = request(json!({"request": "pause", "accounts": ["home"]})).unwrap();
        assert_eq!(pause, Request::Pause { accounts });
        for wrong in [
            json!({}),
            json!({"request": "shutdown"}),
            json!({"request": "status", "folow": true}),
            json!({"request": "pause", "mailbox": "INBOX"}),
            json!({"request": "pause", "accounts": "home"}),
        ] {
            assert!(request(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_went() {
        let mut live = LiveAccount {
            since: Some(UnixTime::from_seconds(1_800_000_000)),
            quota: Usage {
                octets: Some(Level { used: 1, limit: 2 }),
                messages: None,
            },
            last_report: Some(PassReport {
                new: 3,
                elapsed: Duration::from_millis(7),
                ..PassReport::default()
            }),
            ..LiveAccount::default()
        };
        live.found.messages = 5;
        let answer = Answer::Account {
            account: "home".to_owned(),
            live: Box::new(Live::from(&live)),
        };
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["answer"], "account");
        assert_eq!(value["live"]["state"], "starting");
        assert_eq!(value["live"]["since"], "2027-01-15T08:00:00Z");
        assert_eq!(value["live"]["backlog"]["messages"], 5);
        assert_eq!(value["live"]["quota"]["octets"]["limit"], 2);
        assert_eq!(value["live"]["last_report"]["elapsed_ms"], 7);
        let report = live.last_report.as_ref().unwrap();
        assert_eq!(&PassReport::from(&Report::from(report)), report);
    }

    /// What docs/control.md says is a promise to scripts.
    #[test]
    fn the_protocol_is_documented() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/control.md");
        let page = std::fs::read_to_string(page).unwrap();
        let accounts = Vec::new;
        let requests = [
            Request::Pause {
                accounts: accounts(),
            },
            Request::Reload { wait: true },
            Request::Resume {
                accounts: accounts(),
            },
            Request::Status { follow: true },
            Request::Sync {
                accounts: accounts(),
                mailbox: None,
            },
            Request::SyncNow {
                accounts: accounts(),
            },
        ];
        for request in requests {
            let value = serde_json::to_value(&request).unwrap();
            let name = value["request"].as_str().unwrap();
            let row = page
                .lines()
                .find(|line| line.starts_with(&format!("| `{name}` |")));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            for field in value
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| *key != "request")
            {
                assert!(row.contains(&format!("`{field}`")), "{name}: {field}");
            }
        }
        let live = Live::from(&LiveAccount::default());
        let hello = Hello {
            protocol: PROTOCOL,
            version: String::new(),
            pid: 1,
            state_dir: PathBuf::new(),
            started_at: UnixTime::from_seconds(0),
        };
        let shown = [serde_json::to_value(live), serde_json::to_value(hello)];
        for value in shown.map(Result::unwrap) {
            for field in value.as_object().unwrap().keys() {
                assert!(page.contains(&format!("`{field}`")), "{field}");
            }
        }
        let answers = "account became current done failed gone hello outcome reloaded waiting";
        for answer in answers.split(' ') {
            assert!(page.contains(&format!("`{answer}`")), "{answer}");
        }
        assert!(page.contains(&format!("`\"postrider\": {PROTOCOL}`")));
    }

    #[test]
    fn the_kind_of_a_trouble_is_its_exit_status() {
        for fault in [
            Fault::Auth,
            Fault::Throttled,
            Fault::LocalIo,
            Fault::Protocol,
        ] {
            let trouble = Trouble {
                kind: fault.kind().to_owned(),
                error: String::new(),
                caused_by: Vec::new(),
                hint: None,
            };
            assert_eq!(trouble.fault().exit_status(), fault.exit_status());
        }
    }
}
