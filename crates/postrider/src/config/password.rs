//! Where a password comes from, and that one standing in the file is nobody else's to read.

use super::error::Problem;
use super::file::{Entry, Node, Value};
use super::reading::Reading;
use postrider_core::secret::Secret;
use postrider_core::settings::PasswordSource;
use std::collections::BTreeMap;

/// Reading for the group and for others.
const OTHERS_READ: u32 = 0o044;

/// Every key of `password`.
pub(super) const KEYS: &[&str] = &["command", "file", "env", "credential", "secret_service"];

/// Reads `password`.
pub(super) fn password(reading: &mut Reading<'_>, node: &Node) -> Option<PasswordSource> {
    secret(reading, "password", node)
}

/// Reads a secret in any of the forms that `password` has. Whatever is wrong, nothing below the key is quoted.
pub(super) fn secret(
    reading: &mut Reading<'_>,
    key: &'static str,
    node: &Node,
) -> Option<PasswordSource> {
    match &node.value {
        Value::Text(text) if !text.is_empty() => inline(reading, key, (node, text)),
        Value::Map(entries) => source(reading, node, entries),
        Value::Text(_) | Value::Empty | Value::List(_) => {
            let (key, wanted) = (
                key,
                "text, or one of {command: ...}, {file: ...}, {env: ...}, {credential: ...}, {secret_service: ...}",
            );
            reading.complain(node.at, Problem::Kind { key, wanted });
            None
        }
    }
}

/// A secret that is no secret: it was put into the binary.
pub(super) fn built_in(text: &str) -> PasswordSource {
    PasswordSource::Inline(Secret::new(text.to_owned()))
}

fn inline(
    reading: &mut Reading<'_>,
    key: &'static str,
    (node, text): (&Node, &str),
) -> Option<PasswordSource> {
    private(reading, node);
    sendable(reading, key, node, text)?;
    Some(PasswordSource::Inline(Secret::new(text.to_owned())))
}

/// Complains where others can read the file in which a secret stands.
pub(super) fn private(reading: &mut Reading<'_>, node: &Node) {
    let mode = reading.mode;
    if mode & OTHERS_READ != 0 {
        reading.complain(node.at, Problem::ReadableByOthers { mode });
    }
}

/// Complains of what no login can carry: a line end would end the command it stands in (a YAML block
/// adds one), and NUL ends the fields of PLAIN (RFC 4616 §2).
pub(super) fn sendable(
    reading: &mut Reading<'_>,
    key: &'static str,
    node: &Node,
    text: &str,
) -> Option<()> {
    if text.chars().any(char::is_control) {
        reading.complain(node.at, Problem::Unsendable { key });
        return None;
    }
    Some(())
}

fn source(reading: &mut Reading<'_>, node: &Node, entries: &[Entry]) -> Option<PasswordSource> {
    reading.doubles(entries, false);
    let mut strange = entries.iter().filter(|e| !KEYS.contains(&e.key.as_str()));
    if let Some(entry) = strange.next() {
        reading.complain(entry.at, Problem::UnknownPasswordKey);
        return None;
    }
    let [Entry { key, node, .. }] = entries else {
        reading.complain(node.at, Problem::PasswordSources);
        return None;
    };
    match key.as_str() {
        "command" => {
            let command = reading.text("command", node)?;
            Some(PasswordSource::Command(command.to_owned()))
        }
        "file" => reading.path("file", node).map(PasswordSource::File),
        "env" => {
            let name = reading.text("env", node)?;
            let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if !name.chars().all(plain) {
                let wanted = "the name of an environment variable is wanted, without `$`";
                reading.wrong_form("env", node.at, (name, wanted.to_owned()));
                return None;
            }
            Some(PasswordSource::Env(name.to_owned()))
        }
        "secret_service" => secret_service(reading, node),
        _ => {
            let name = reading.text("credential", node)?;
            // It becomes a file name below $CREDENTIALS_DIRECTORY.
            if name.contains(['/', '\0']) || name.starts_with('.') {
                let wanted = "the name that LoadCredential= gives it is wanted, not a path";
                reading.wrong_form("credential", node.at, (name, wanted.to_owned()));
                return None;
            }
            Some(PasswordSource::Credential(name.to_owned()))
        }
    }
}

const NO_SECRET_SERVICE: &str = "this postrider was built without the Secret Service: build it with \
     `cargo build --release --features secret-service`, or write {command: secret-tool lookup ...}";

/// The attributes of one secret.
fn secret_service(reading: &mut Reading<'_>, node: &Node) -> Option<PasswordSource> {
    if !cfg!(feature = "secret-service") {
        let what = NO_SECRET_SERVICE;
        reading.complain(node.at, Problem::NotBuiltIn { what });
        return None;
    }
    let wanted = "the attributes of a secret: {service: imap, user: ada}";
    let Value::Map(entries) = &node.value else {
        let key = "secret_service";
        reading.complain(node.at, Problem::Kind { key, wanted });
        return None;
    };
    reading.doubles(entries, false);
    let pairs = entries.iter().map(|entry| {
        let value = reading.text("secret_service", &entry.node)?;
        Some((entry.key.clone(), value.to_owned()))
    });
    let attributes: BTreeMap<_, _> = pairs.collect::<Option<_>>()?;
    if attributes.is_empty() {
        let key = "secret_service";
        reading.complain(node.at, Problem::Kind { key, wanted });
        return None;
    }
    Some(PasswordSource::SecretService(attributes))
}
