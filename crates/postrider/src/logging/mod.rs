//! The log: always on stderr, as text, JSON lines or journald entries, with the same field names.
//!
//! Which events there are is not decided here: the engine and [`crate::events`] make them.

mod fields;
mod journal;
mod json;
mod text;
mod writer;

#[cfg(test)]
mod tests;

use crate::config::surroundings::Surroundings;
use crate::config::{LogFormat, LogLevel, LogSettings};
use crate::error::Error;
use crate::events;
use crate::progress::Screen;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};
use writer::LogWriter;

/// The name of the variable that overrides the configured level, in the syntax of `RUST_LOG`.
const OVERRIDE: &str = "POSTRIDER_LOG";

/// Who reads the log, and who reads stderr: nothing is said twice to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The log is in the journal, and stderr is not: somebody else reads that.
    JournalAndPeople,
    /// The log is text on stderr.
    People,
    /// The log is JSON on stderr, or the journal that stderr leads to.
    Programs,
}

/// The running log.
#[derive(Debug)]
pub struct Logging {
    audience: Audience,
    filter: reload::Handle<EnvFilter, Registry>,
    overridden: bool,
}

impl Logging {
    /// Starts the log of this process; `screen` is where progress is shown meanwhile.
    ///
    /// When a log is running already (a test's, the demo's), that one stays.
    ///
    /// # Errors
    /// When `$POSTRIDER_LOG` cannot be read.
    pub fn start(
        settings: LogSettings,
        around: &Surroundings,
        screen: Option<Screen>,
    ) -> Result<Self, Error> {
        let given = around.var(OVERRIDE);
        let filter = match given {
            Some(given) => EnvFilter::try_new(given).map_err(|source| Error::LogFilter {
                given: given.to_owned(),
                source,
            })?,
            None => filter(settings.level),
        };
        let (filter, handle) = reload::Layer::new(filter);
        let (layer, audience, trouble) = layer(settings.format, around, screen);
        let started = tracing_subscriber::registry().with(filter).with(layer);
        // Fails only when there is a log already.
        let first = started.try_init().is_ok();
        if let Some(error) = trouble.filter(|_| first) {
            events::log_degraded(&error);
        }
        Ok(Self {
            audience,
            filter: handle,
            overridden: given.is_some(),
        })
    }

    /// Who reads it.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        self.audience
    }

    /// Takes over the level of a reloaded configuration; an override stays one. The form stays:
    /// whoever reads the log has begun to read it.
    pub fn set_level(&self, level: LogLevel) {
        if !self.overridden
            && let Err(error) = self.filter.reload(filter(level))
        {
            tracing::debug!(error = %error, "changing the level of the log");
        }
    }
}

/// Ours at the level asked for; libraries only when something is wrong. What is said on the wire
/// (target `wire`) is for `trace` alone.
fn filter(level: LogLevel) -> EnvFilter {
    let wire = match level {
        LogLevel::Trace => "trace",
        LogLevel::Error | LogLevel::Warn | LogLevel::Info | LogLevel::Debug => "off",
    };
    let others = match level {
        LogLevel::Error => "error",
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug | LogLevel::Trace => "warn",
    };
    let level = level.as_str();
    EnvFilter::new(format!("{others},postrider={level},wire={wire}"))
}

type Below = tracing_subscriber::layer::Layered<reload::Layer<EnvFilter, Registry>, Registry>;
type AnyLayer = Box<dyn Layer<Below> + Send + Sync>;

/// The layer of a format, who reads it, and why it is not the one asked for if it is not.
fn layer(
    format: LogFormat,
    around: &Surroundings,
    screen: Option<Screen>,
) -> (AnyLayer, Audience, Option<io::Error>) {
    let writer = LogWriter::new(screen);
    let of_journal = if stderr_is_journal(around) {
        Audience::Programs
    } else {
        Audience::JournalAndPeople
    };
    let native = match format {
        LogFormat::Journald => true,
        LogFormat::Auto => of_journal == Audience::Programs,
        LogFormat::Text | LogFormat::Json => false,
    };
    if native {
        match journal::Journal::open() {
            Ok(journal) => return (journal.boxed(), of_journal, None),
            Err(error) => return (text_layer(around, writer), Audience::People, Some(error)),
        }
    }
    if format == LogFormat::Json {
        let layer = fmt::layer().with_ansi(false).event_format(json::Json);
        let layer = layer.with_writer(writer).boxed();
        return (layer, Audience::Programs, None);
    }
    (text_layer(around, writer), Audience::People, None)
}

fn text_layer(around: &Surroundings, writer: LogWriter) -> AnyLayer {
    // https://no-color.org
    let colour = io::stderr().is_terminal() && around.var("NO_COLOR").is_none();
    let layer = fmt::layer().with_ansi(colour).event_format(text::Text);
    layer.with_writer(writer).boxed()
}

/// Whether stderr is the stream that systemd named: the variable is inherited by whatever a service
/// starts, so the device and inode have to match (systemd.exec(5), `$JOURNAL_STREAM`).
fn stderr_is_journal(around: &Surroundings) -> bool {
    let named = around.var("JOURNAL_STREAM").and_then(|named| {
        let (device, inode) = named.split_once(':')?;
        Some((device.parse::<u64>().ok()?, inode.parse::<u64>().ok()?))
    });
    named.is_some() && named == device_and_inode(io::stderr()).ok()
}

fn device_and_inode(stream: impl AsFd) -> io::Result<(u64, u64)> {
    let metadata = File::from(stream.as_fd().try_clone_to_owned()?).metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}
