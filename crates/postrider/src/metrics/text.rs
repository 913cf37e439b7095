//! What a scrape is answered: OpenMetrics text, made of the table and of what the accounts are doing.

use super::process::Process;
use super::table::{Metric, Source, TABLE, Unit};
use postrider_core::account::AccountName;
use postrider_engine::{LiveAccount, PASS_BOUNDS_MS, PassTimes};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{self, Registry};
use std::collections::BTreeMap;
use std::fmt;

/// The type of the answer.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured, at one moment.
#[derive(Debug)]
struct Moment {
    accounts: BTreeMap<AccountName, LiveAccount>,
    process: Process,
}

/// Writes the answer to a scrape.
pub(super) fn text(
    accounts: BTreeMap<AccountName, LiveAccount>,
    process: Process,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Moment { accounts, process }));
    let mut answer = String::new();
    text::encode(&mut answer, &registry)?;
    Ok(answer)
}

impl Collector for Moment {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in TABLE {
            let unit = metric.unit.map(|unit| match unit {
                Unit::Bytes => registry::Unit::Bytes,
                Unit::Seconds => registry::Unit::Seconds,
            });
            let kind = match metric.source {
                Source::Build => MetricType::Info,
                Source::Counter(_) | Source::Counters(..) => MetricType::Counter,
                Source::Gauge(_) | Source::Gauges(..) | Source::Process(_) => MetricType::Gauge,
                Source::Times(_) => MetricType::Histogram,
            };
            // The full stop is the library's.
            let described =
                encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
            self.write(metric, described)?;
        }
        Ok(())
    }
}

impl Moment {
    fn write(&self, metric: &Metric, mut to: MetricEncoder<'_>) -> fmt::Result {
        match metric.source {
            Source::Build => return to.encode_info(&[("version", env!("CARGO_PKG_VERSION"))]),
            Source::Process(of) => {
                return of(&self.process).map_or(Ok(()), |value| to.encode_gauge(&value));
            }
            Source::Counter(_)
            | Source::Counters(..)
            | Source::Gauge(_)
            | Source::Gauges(..)
            | Source::Times(_) => {}
        }
        for (account, live) in &self.accounts {
            of_account(metric.source, (account.as_str(), live), &mut to)?;
        }
        Ok(())
    }
}

fn of_account(
    source: Source,
    (account, live): (&str, &LiveAccount),
    to: &mut MetricEncoder<'_>,
) -> fmt::Result {
    let whose = [("account", account)];
    match source {
        Source::Build | Source::Process(_) => {}
        Source::Counter(of) => {
            let none = None;
            to.encode_family(&whose)?
                .encode_counter::<NoLabelSet, _, u64>(&of(live), none)?;
        }
        Source::Counters(label, of) => {
            for (word, value) in of(live) {
                let labels = [("account", account), (label, word)];
                to.encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        Source::Gauge(of) => {
            if let Some(value) = of(live) {
                to.encode_family(&whose)?.encode_gauge(&value)?;
            }
        }
        Source::Gauges(label, of) => {
            for (word, value) in of(live) {
                let labels = [("account", account), (label, word)];
                to.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Source::Times(of) => write_times(of(live), to.encode_family(&whose)?)?,
    }
    Ok(())
}

fn write_times(times: &PassTimes, mut to: MetricEncoder<'_>) -> fmt::Result {
    let bounds = PASS_BOUNDS_MS.map(std::time::Duration::from_millis);
    let bounds = bounds.iter().map(std::time::Duration::as_secs_f64);
    let classes = bounds.chain([f64::INFINITY]).zip(times.classes);
    let classes: Vec<(f64, u64)> = classes.collect();
    let number = times.classes.iter().sum();
    to.encode_histogram::<NoLabelSet>(times.sum.as_secs_f64(), number, &classes, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::retention::{Level, Usage};
    use postrider_core::time::UnixTime;
    use std::time::Duration;

    fn lines(live: LiveAccount) -> Vec<String> {
        let home = AccountName::parse("home").unwrap();
        let text = text(BTreeMap::from([(home, live)]), Process::default()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_metric_of_the_table_is_written_in_the_words_of_the_documentation() {
        let lines = lines(LiveAccount::default());
        for metric in TABLE {
            let name = metric.series();
            let base = name.strip_suffix("_total").unwrap_or(&name);
            let base = base.strip_suffix("_info").unwrap_or(base);
            let kind = format!("# TYPE {base} {}", metric.source.kind());
            assert!(lines.contains(&kind), "{kind}\n{}", lines.join("\n"));
        }
        assert_eq!(lines.last().unwrap(), "# EOF");
    }

    #[test]
    fn what_an_account_did_is_in_the_answer() {
        let mut live = LiveAccount {
            last_success_at: Some(UnixTime::from_seconds(1_800_000_000)),
            quota: Usage {
                octets: Some(Level { used: 9, limit: 10 }),
                messages: None,
            },
            ..LiveAccount::default()
        };
        live.totals.passes = 2;
        live.totals.failures.insert("tls", 3);
        live.totals.stored.octets = 77;
        live.totals.times.classes[0] = 1;
        live.totals.times.classes[10] = 1;
        live.totals.times.sum = Duration::from_millis(3_600_050);
        let lines = lines(live);
        for line in [
            "postrider_last_success_timestamp_seconds{account=\"home\"} 1800000000",
            "postrider_account_state{account=\"home\",state=\"starting\"} 1",
            "postrider_account_state{account=\"home\",state=\"paused\"} 0",
            "postrider_passes_total{account=\"home\",result=\"complete\"} 2",
            "postrider_passes_total{account=\"home\",result=\"failed\"} 3",
            "postrider_pass_failures_total{account=\"home\",kind=\"tls\"} 3",
            "postrider_stored_bytes_total{account=\"home\"} 77",
            "postrider_quota_used{account=\"home\",resource=\"octets\"} 9",
            "postrider_quota_limit{account=\"home\",resource=\"octets\"} 10",
            "postrider_pass_duration_seconds_bucket{le=\"0.1\",account=\"home\"} 1",
            "postrider_pass_duration_seconds_bucket{le=\"3000.0\",account=\"home\"} 1",
            "postrider_pass_duration_seconds_bucket{le=\"+Inf\",account=\"home\"} 2",
            "postrider_pass_duration_seconds_count{account=\"home\"} 2",
            "postrider_pass_duration_seconds_sum{account=\"home\"} 3600.05",
        ] {
            assert!(
                lines.iter().any(|l| l == line),
                "{line}\n{}",
                lines.join("\n")
            );
        }
        let unknown = lines
            .iter()
            .find(|line| line.contains("brake_held_messages{"));
        assert_eq!(unknown, None, "what no pass has told is left out");
    }
}
