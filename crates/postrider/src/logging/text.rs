//! Lines for people: `2026-01-02T03:04:05Z INFO message.stored account=home mailbox=INBOX uid=7`.

use super::fields::Fields;
use serde_json::Value;
use std::fmt;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// One line per event.
#[derive(Debug)]
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let paint = if writer.has_ansi_escapes() {
            Paint::of(*level)
        } else {
            Paint::default()
        };
        let Paint {
            dim, colour, plain, ..
        } = paint;
        let timestamp = format!("{:.0}", jiff::Timestamp::now());
        let said = said(&fields, (*level, target), paint);
        writeln!(
            writer,
            "{dim}{timestamp}{plain} {colour}{level:<5}{plain} {said}"
        )
    }
}

/// What turns colours on and off; nothing where there are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paint {
    dim: &'static str,
    bold: &'static str,
    colour: &'static str,
    plain: &'static str,
}

impl Paint {
    const fn of(level: Level) -> Self {
        Self {
            dim: "\x1b[2m",
            bold: "\x1b[1m",
            colour: colour(level),
            plain: "\x1b[0m",
        }
    }
}

/// An event in one line, without its time and level.
pub(super) fn said(fields: &Fields, (level, target): (Level, &str), paint: Paint) -> String {
    let Paint {
        dim, bold, plain, ..
    } = paint;
    // The name says what the sentence would; the sentence is for events without a name, and for
    // what went wrong.
    let mut said = match (&fields.event, &fields.message) {
        (Some(event), Some(message)) if level <= Level::WARN => {
            format!("{bold}{event}{plain} {}:", visible(message))
        }
        (Some(event), _) => format!("{bold}{event}{plain}"),
        (None, message) => {
            let message = message.as_deref().unwrap_or_default();
            format!("{target}: {}", visible(message))
        }
    };
    for (name, value) in &fields.others {
        said.push_str(&format!(" {dim}{name}={plain}{}", shown(value)));
    }
    said
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[34m",
    }
}

/// A value that can be told apart from its neighbours: in quotes when it is more than one word.
fn shown(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let word = |c: char| !c.is_whitespace() && !c.is_control() && !"\"\\=".contains(c);
    if !text.is_empty() && text.chars().all(word) {
        text.clone()
    } else {
        format!("\"{}\"", visible(text).replace('"', "\\\""))
    }
}

/// What a server said cannot move the cursor, nor forge a line of the log.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '\\' {
            visible.extend(c.escape_default());
        } else {
            visible.push(c);
        }
    }
    visible
}
