//! JSON lines: `timestamp level event account mailbox`, then the event's own fields, flat.

use super::fields::Fields;
use serde_json::Value;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// One flat object per event.
#[derive(Debug)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
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
        let metadata = event.metadata();
        let mut line = Vec::with_capacity(fields.others.len() + 4);
        let timestamp = format!("{:.3}", jiff::Timestamp::now());
        line.push(("timestamp", timestamp.into()));
        let level = metadata.level().as_str().to_lowercase();
        line.push(("level", level.into()));
        match fields.event {
            Some(event) => line.push(("event", event.into())),
            // A library's: where it comes from is the next best thing.
            None => line.push(("target", metadata.target().into())),
        }
        line.extend(fields.others);
        if let Some(message) = fields.message {
            line.push(("message", message.into()));
        }
        writeln!(writer, "{}", object(line)?)
    }
}

/// An object with its keys in the given order: `serde_json`'s own map would sort them.
fn object(fields: Vec<(&str, Value)>) -> Result<String, fmt::Error> {
    let mut seen = Vec::new();
    let mut text = String::from("{");
    for (key, value) in fields {
        // A field given twice would make the line ambiguous; the first one counts.
        if seen.contains(&key) {
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(key).map_err(|_| fmt::Error)?);
        text.push(':');
        text.push_str(&value.to_string());
        seen.push(key);
    }
    text.push('}');
    Ok(text)
}
