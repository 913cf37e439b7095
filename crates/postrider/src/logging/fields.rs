//! The fields of an event, in the order they were written, as JSON values.

use serde_json::Value;
use std::fmt::Debug;
use tracing::field::{Field, Visit};

/// The fields of one event.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// The fixed sentence.
    pub(super) message: Option<String>,
    /// `subject.verbed`; libraries' events have none.
    pub(super) event: Option<String>,
    /// All others; `account` and `mailbox` first.
    pub(super) others: Vec<(&'static str, Value)>,
}

impl Fields {
    /// Collects the fields of `event`.
    pub(super) fn of(event: &tracing::Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        // A stable sort: the event's own fields keep their order.
        fields.others.sort_by_key(|(name, _)| match *name {
            "account" => 0,
            "mailbox" => 1,
            _ => 2,
        });
        fields
    }

    fn put(&mut self, field: &Field, value: Value) {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match field.name() {
            "message" => self.message = Some(text(value)),
            "event" => self.event = Some(text(value)),
            name => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}").into());
    }
}
