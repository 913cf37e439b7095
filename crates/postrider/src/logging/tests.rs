//! The shape of log lines.

use super::*;
use std::sync::{Arc, Mutex};
use tracing::{error, info, warn};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a formatter makes of what `tell` tells, as lines.
fn told<L>(layer: impl FnOnce(Lines) -> L, tell: impl FnOnce()) -> Vec<String>
where
    L: Layer<Registry> + Send + Sync,
{
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(layer(lines.clone()));
    tracing::subscriber::with_default(subscriber, tell);
    let octets = lines.0.lock().unwrap().clone();
    let text = String::from_utf8(octets).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn json(tell: impl FnOnce()) -> Vec<String> {
    let layer = |lines: Lines| {
        fmt::layer()
            .event_format(json::Json)
            .with_writer(move || lines.clone())
    };
    told(layer, tell)
}

fn text(tell: impl FnOnce()) -> Vec<String> {
    let layer = |lines: Lines| {
        let layer = fmt::layer().with_ansi(false).event_format(text::Text);
        layer.with_writer(move || lines.clone())
    };
    told(layer, tell)
}

#[test]
fn a_json_line_is_flat_and_begins_with_what_every_event_has() {
    let lines = json(|| {
        info!(
            target: "postrider", uid = 7_u32, event = "message.stored", mailbox = "IN\"BOX",
            account = "home", octets = 2_311_u64, proven = true, because = %"a\nb", "a message is stored"
        );
        warn!(target: "rustls", "a library speaks");
    });
    let [stored, library] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let (timestamp, rest) = stored.split_at("{\"timestamp\":\"2026-01-02T03:04:05.678Z\"".len());
    assert!(
        timestamp.starts_with("{\"timestamp\":\"2") && timestamp.ends_with("Z\""),
        "{timestamp}"
    );
    assert_eq!(
        rest,
        ",\"level\":\"info\",\"event\":\"message.stored\",\"account\":\"home\",\
         \"mailbox\":\"IN\\\"BOX\",\"uid\":7,\"octets\":2311,\"proven\":true,\"because\":\"a\\nb\",\
         \"message\":\"a message is stored\"}"
    );
    let value: serde_json::Value = serde_json::from_str(library).unwrap();
    assert_eq!(value["target"], "rustls");
    assert_eq!(value["level"], "warn");
    assert!(value.get("event").is_none());
}

#[test]
fn a_field_of_an_event_cannot_pose_as_the_level() {
    let lines = json(|| error!(level = "info", timestamp = 0, event = "x.failed", "x"));
    let value: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(value["level"], "error");
    assert_eq!(lines[0].matches("\"timestamp\"").count(), 1);
}

#[test]
fn a_text_line_is_one_line_whatever_a_server_says() {
    let lines = text(|| {
        info!(target: "postrider", event = "message.stored", uid = 7, account = "home", "stored");
        error!(
            target: "postrider", event = "account.failed", account = "home", kind = "auth",
            error = "NO \"x\"\r\n2026 INFO forged \u{1b}[2J", "an account failed"
        );
        warn!(target: "rustls", "a library speaks");
    });
    let after_time: Vec<&str> = lines
        .iter()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        after_time,
        [
            "INFO  message.stored account=home uid=7",
            "ERROR account.failed an account failed: account=home kind=auth \
             error=\"NO \\\"x\\\"\\r\\n2026 INFO forged \\u{1b}[2J\"",
            "WARN  rustls: a library speaks",
        ]
    );
}

#[test]
fn the_journal_is_recognised_by_device_and_inode() {
    let (device, inode) = device_and_inode(io::stderr()).unwrap();
    let named = |value: &str| stderr_is_journal(&Surroundings::of([("JOURNAL_STREAM", value)]));
    assert!(named(&format!("{device}:{inode}")));
    assert!(!named(&format!("{device}:{}", inode + 1)));
    assert!(!named("nonsense"));
    assert!(!stderr_is_journal(&Surroundings::default()));
}

#[test]
fn the_wire_is_for_trace_alone() {
    for (level, said) in [
        (LogLevel::Error, "postrider=error,wire=off,error"),
        (LogLevel::Debug, "postrider=debug,wire=off,warn"),
        (LogLevel::Trace, "postrider=trace,wire=trace,warn"),
    ] {
        let shown = filter(level).to_string();
        let mut parts: Vec<&str> = shown.split(',').collect();
        let mut wanted: Vec<&str> = said.split(',').collect();
        parts.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(parts, wanted);
    }
}

#[test]
fn an_override_that_cannot_be_read_is_an_error() {
    let around = Surroundings::of([("POSTRIDER_LOG", "postrider=loud")]);
    let error = Logging::start(LogSettings::default(), &around, None).unwrap_err();
    assert_eq!(error.fault().exit_status(), 78);
}
