//! Every metric, once: what the scrape writes and what `docs/metrics.md` says are both made of this.

use super::process::Process;
use postrider_core::retention::Level;
use postrider_engine::{Activity, LiveAccount, PassTimes, PushKind};

/// What a metric is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Octets, which Prometheus calls bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// The word at the end of a name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
        }
    }
}

/// Where the values of a metric come from. A value that is not known is left out.
#[derive(Clone, Copy)]
pub enum Source {
    /// One series that is always 1, with the version as a label.
    Build,
    /// A sum that only grows, of each account.
    Counter(fn(&LiveAccount) -> u64),
    /// Sums of each account, told apart by a further label.
    Counters(&'static str, fn(&LiveAccount) -> Vec<(&'static str, u64)>),
    /// A value of each account.
    Gauge(fn(&LiveAccount) -> Option<i64>),
    /// Values of each account, told apart by a further label.
    Gauges(&'static str, fn(&LiveAccount) -> Vec<(&'static str, i64)>),
    /// A value of the process.
    Process(fn(&Process) -> Option<i64>),
    /// How long something took, of each account.
    Times(fn(&LiveAccount) -> &PassTimes),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Source {
    /// What Prometheus calls it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Build => "info",
            Self::Counter(_) | Self::Counters(..) => "counter",
            Self::Gauge(_) | Self::Gauges(..) | Self::Process(_) => "gauge",
            Self::Times(_) => "histogram",
        }
    }

    /// The names of its labels.
    #[must_use]
    pub fn labels(self) -> Vec<&'static str> {
        match self {
            Self::Build => vec!["version"],
            Self::Counter(_) | Self::Gauge(_) | Self::Times(_) => vec!["account"],
            Self::Counters(label, _) | Self::Gauges(label, _) => vec!["account", label],
            Self::Process(_) => Vec::new(),
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, without what unit and kind add to it.
    pub name: &'static str,
    /// What it is in; `None`: a number of things.
    pub unit: Option<Unit>,
    /// What it says.
    pub help: &'static str,
    /// Where its values come from.
    pub source: Source,
}

impl Metric {
    /// The name of its series, as queries use it.
    #[must_use]
    pub fn series(&self) -> String {
        let mut name = self.name.to_owned();
        if let Some(unit) = self.unit {
            name.push('_');
            name.push_str(unit.as_str());
        }
        match self.source {
            Source::Build => name.push_str("_info"),
            Source::Counter(_) | Source::Counters(..) => name.push_str("_total"),
            Source::Gauge(_) | Source::Gauges(..) | Source::Process(_) | Source::Times(_) => {}
        }
        name
    }
}

const ACTIVITIES: [Activity; 4] = [
    Activity::Starting,
    Activity::Syncing,
    Activity::Waiting,
    Activity::Paused,
];

fn states(live: &LiveAccount) -> Vec<(&'static str, i64)> {
    let state = |activity: Activity| (activity.as_str(), i64::from(activity == live.activity));
    ACTIVITIES.into_iter().map(state).collect()
}

fn listening(live: &LiveAccount) -> Vec<(&'static str, i64)> {
    let mailboxes = |kind: PushKind| {
        let listening = live.listening.filter(|listening| listening.kind == kind);
        (
            kind.as_str(),
            listening.map_or(0, |listening| whole(listening.mailboxes)),
        )
    };
    [PushKind::Notify, PushKind::Idle].map(mailboxes).into()
}

fn passes(live: &LiveAccount) -> Vec<(&'static str, u64)> {
    let failed = live.totals.failures.values().sum();
    vec![("complete", live.totals.passes), ("failed", failed)]
}

fn failures(live: &LiveAccount) -> Vec<(&'static str, u64)> {
    let failures = live.totals.failures.iter();
    failures.map(|(kind, number)| (*kind, *number)).collect()
}

fn levels(levels: [(&'static str, Option<u64>); 2]) -> Vec<(&'static str, i64)> {
    let told = levels.into_iter();
    told.filter_map(|(what, level)| Some((what, whole(level?))))
        .collect()
}

fn quota(live: &LiveAccount, of: fn(Level) -> u64) -> Vec<(&'static str, i64)> {
    let (octets, messages) = (live.quota.octets.map(of), live.quota.messages.map(of));
    levels([("octets", octets), ("messages", messages)])
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const fn counter(name: &'static str, of: fn(&LiveAccount) -> u64, help: &'static str) -> Metric {
    let (unit, source) = (None, Source::Counter(of));
    Metric {
        name,
        unit,
        help,
        source,
    }
}

const fn gauge(
    name: &'static str,
    of: fn(&LiveAccount) -> Option<i64>,
    help: &'static str,
) -> Metric {
    let (unit, source) = (None, Source::Gauge(of));
    Metric {
        name,
        unit,
        help,
        source,
    }
}

impl Metric {
    const fn of(name: &'static str, source: Source, help: &'static str) -> Self {
        let unit = None;
        Self {
            name,
            unit,
            help,
            source,
        }
    }

    const fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }
}

/// All of them, in the order of the documentation.
pub const TABLE: &[Metric] = &[
    gauge(
        "postrider_last_success_timestamp",
        |live| live.last_success_at.map(|at| at.as_seconds()),
        "When a pass over all mailboxes was last complete; before this daemon started too",
    )
    .in_unit(Unit::Seconds),
    gauge(
        "postrider_last_mail_timestamp",
        |live| live.last_mail_at.map(|at| at.as_seconds()),
        "When a message was last stored, since this daemon started",
    )
    .in_unit(Unit::Seconds),
    Metric::of(
        "postrider_account_state",
        Source::Gauges("state", states),
        "1 for what the account is doing, 0 for what it is not",
    ),
    Metric::of(
        "postrider_listening_mailboxes",
        Source::Gauges("kind", listening),
        "Mailboxes of which the server tells what is new, by IDLE or NOTIFY, over a connection that stands",
    ),
    gauge(
        "postrider_failures_in_a_row",
        |live| Some(i64::from(live.failures)),
        "Passes that failed since the last complete one",
    ),
    Metric::of(
        "postrider_passes",
        Source::Counters("result", passes),
        "Passes that ended",
    ),
    Metric::of(
        "postrider_pass_failures",
        Source::Counters("kind", failures),
        "Passes that failed, by the kind of the failure as the log names it",
    ),
    Metric::of(
        "postrider_pass_duration",
        Source::Times(|live| &live.totals.times),
        "How long complete passes took",
    )
    .in_unit(Unit::Seconds),
    counter(
        "postrider_messages_stored",
        |live| live.totals.stored.messages,
        "Messages stored",
    ),
    counter(
        "postrider_stored",
        |live| live.totals.stored.octets,
        "Octets of the messages stored",
    )
    .in_unit(Unit::Bytes),
    counter(
        "postrider_messages_skipped",
        |live| live.totals.skipped,
        "Messages that were not stored: too large, too old, or not to be read",
    ),
    counter(
        "postrider_messages_pushed",
        |live| live.totals.pushed,
        "Messages that a reader moved, copied or wrote, and that the server has there by now",
    ),
    counter(
        "postrider_flags_pulled",
        |live| live.totals.flags_pulled,
        "Messages whose flags the server had changed",
    ),
    counter(
        "postrider_flags_pushed",
        |live| live.totals.flags_pushed,
        "Messages whose flags a reader had changed",
    ),
    counter(
        "postrider_server_copies_expired",
        |live| live.totals.expired,
        "Server copies deleted by policy",
    ),
    counter(
        "postrider_server_copies_vanished",
        |live| live.totals.vanished,
        "Server copies that were gone, and not by us",
    ),
    counter(
        "postrider_local_copies_removed",
        |live| live.totals.removed,
        "Local copies removed by policy",
    ),
    counter(
        "postrider_round_trips",
        |live| live.totals.round_trips,
        "Times that complete passes waited for the server after its greeting",
    ),
    gauge(
        "postrider_backlog_messages",
        |live| Some(whole(live.backlog().messages)),
        "Messages known to be at the server and not here yet",
    ),
    gauge(
        "postrider_backlog",
        |live| Some(whole(live.backlog().octets)),
        "Octets of those messages, as far as the server tells",
    )
    .in_unit(Unit::Bytes),
    gauge(
        "postrider_mailboxes",
        |live| Some(whole(live.last_report.as_ref()?.mailboxes)),
        "Mailboxes that the last complete pass looked at",
    ),
    gauge(
        "postrider_brake_held_messages",
        |live| Some(whole(live.last_report.as_ref()?.braked)),
        "Messages whose removal waits for postrider approve, as of the last complete pass",
    ),
    Metric::of(
        "postrider_quota_used",
        Source::Gauges("resource", |live| quota(live, |level| level.used)),
        "How much of the fullest box at the server is used, when it last said so",
    ),
    Metric::of(
        "postrider_quota_limit",
        Source::Gauges("resource", |live| quota(live, |level| level.limit)),
        "Of how much",
    ),
    Metric::of(
        "process_resident_memory",
        Source::Process(|process| process.resident_octets),
        "Memory of the process",
    )
    .in_unit(Unit::Bytes),
    Metric::of(
        "process_open_fds",
        Source::Process(|process| process.open_files),
        "Open file descriptors",
    ),
    Metric::of(
        "process_max_fds",
        Source::Process(|process| process.most_files),
        "File descriptors that the process may have",
    ),
    Metric::of(
        "process_start_time",
        Source::Process(|process| process.started_at),
        "When the process started",
    )
    .in_unit(Unit::Seconds),
    Metric::of(
        "postrider_build",
        Source::Build,
        "The version of the daemon",
    ),
];

/// The table of `docs/metrics.md`.
#[must_use]
pub fn documentation() -> String {
    let mut table = String::from("| series | kind | labels | what it says |\n|---|---|---|---|\n");
    for metric in TABLE {
        let labels = metric.source.labels().into_iter();
        let labels: Vec<_> = labels.map(|label| format!("`{label}`")).collect();
        let row = format!(
            "| `{}` | {} | {} | {} |\n",
            metric.series(),
            metric.source.kind(),
            labels.join(" "),
            metric.help
        );
        table.push_str(&row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    const BEGINS: &str = "<!-- from crates/postrider/src/metrics/table.rs -->\n";
    const ENDS: &str = "<!-- to here -->";

    #[test]
    fn metrics_are_documented() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let written = std::fs::read_to_string(&page).unwrap();
        let (before, rest) = written.split_once(BEGINS).unwrap();
        let (table, after) = rest.split_once(ENDS).unwrap();
        if std::env::var_os("INSTA_UPDATE").is_some_and(|wanted| wanted == "always") {
            let anew = format!("{before}{BEGINS}{}{ENDS}{after}", documentation());
            std::fs::write(&page, anew).unwrap();
            return;
        }
        assert!(
            table == documentation(),
            "docs/metrics.md is not what the code says; INSTA_UPDATE=always cargo test writes it"
        );
    }

    /// What alert, dashboard and prose ask for is there.
    #[test]
    fn whatever_the_documents_ask_for_is_measured() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let known: BTreeSet<String> = TABLE.iter().map(Metric::series).collect();
        for file in ["metrics.md", "alerts.yml", "dashboard.json"] {
            let text = std::fs::read_to_string(docs.join(file)).unwrap();
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let mut asked = 0;
            for word in text.split(|c: char| !is_part(c)) {
                if !word.starts_with("postrider_") && !word.starts_with("process_") {
                    continue;
                }
                let of_histogram = ["_bucket", "_sum", "_count"]
                    .iter()
                    .find_map(|part| word.strip_suffix(part));
                let word = of_histogram.unwrap_or(word);
                assert!(known.contains(word), "{file}: {word}");
                asked += 1;
            }
            assert!(asked > 0, "{file}");
        }
    }

    #[test]
    fn a_label_is_an_account_or_one_of_few_words() {
        for metric in TABLE {
            for label in metric.source.labels() {
                let few = ["account", "kind", "resource", "result", "state", "version"];
                assert!(few.contains(&label), "{}: {label}", metric.name);
            }
        }
    }
}
