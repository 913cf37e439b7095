//! NAMESPACE (RFC 2342), and which mailboxes a pattern reaches.

use super::args::quote;
use super::{Outcome, Session};

impl Session {
    pub(super) fn namespace(&mut self) -> Outcome {
        self.needs("NAMESPACE")?;
        self.account()?;
        let namespaces = &self.service.options.namespaces;
        let groups = [
            &namespaces.personal,
            &namespaces.other_users,
            &namespaces.shared,
        ];
        let groups = groups.map(|prefixes| self.namespace_group(prefixes));
        self.reply
            .line(&format!("* NAMESPACE {}", groups.join(" ")));
        Ok("that is all".to_owned())
    }

    fn namespace_group(&self, prefixes: &[String]) -> String {
        if prefixes.is_empty() {
            return "NIL".to_owned();
        }
        let separator = self.quoted_separator();
        let rows = prefixes.iter().map(|prefix| {
            let prefix = self.quoted_name(prefix);
            format!("({prefix} {separator})")
        });
        format!("({})", rows.collect::<String>())
    }

    /// The separator as LIST and NAMESPACE tell it.
    pub(super) fn quoted_separator(&self) -> String {
        let separator = self.service.options.separator;
        separator.map_or_else(|| "NIL".to_owned(), |c| quote(&c.to_string()))
    }

    /// Whether `pattern` may show `name`: mail of others only when it is asked for by its prefix.
    pub(super) fn reaches(&self, pattern: &str, name: &str) -> bool {
        let namespaces = &self.service.options.namespaces;
        let foreign = namespaces.other_users.iter().chain(&namespaces.shared);
        let mut around = foreign.filter(|prefix| {
            let bare = prefix.strip_suffix('/').unwrap_or(prefix);
            name == bare || name.starts_with(prefix.as_str())
        });
        namespaces.listed
            || around.all(|prefix| {
                let wire = self.spelling().encode(prefix.trim_end_matches('/'));
                pattern.starts_with(&wire)
            })
    }
}
