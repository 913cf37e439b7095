//! The command that is run when a pass has stored mail (CONTRACT section 3, `on_new`): what it is told.

use std::collections::BTreeMap;
use std::time::Duration;

/// Mailboxes that `{mailbox}` names before it counts the rest: an argument is for people, and has an end.
const NAMED: usize = 10;

/// Characters of a mailbox's name.
const SHOWN: usize = 250;

/// Octets of all names: half of what Linux lets one variable have (128 KiB, execve(2)).
const LONGEST: usize = 64 * 1_024;

/// A command that is run when a pass has stored mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments, with placeholders; never empty. No shell reads it.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What was stored: how many messages, by the name of the mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News(BTreeMap<String, u64>);

impl News {
    /// One message more in a mailbox.
    pub fn add(&mut self, mailbox: &str) {
        match self.0.get_mut(mailbox) {
            Some(count) => *count += 1,
            None => {
                self.0.insert(mailbox.to_owned(), 1);
            }
        }
    }

    /// Takes over what another pass has stored.
    pub fn join(&mut self, other: Self) {
        for (mailbox, count) in other.0 {
            *self.0.entry(mailbox).or_default() += count;
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many messages.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The mailboxes in words: `INBOX`, or `INBOX, Work`, the first ten of them by name.
    #[must_use]
    pub fn in_words(&self) -> String {
        let names: Vec<String> = self.0.keys().take(NAMED).map(|name| plain(name)).collect();
        let more = self.0.len().saturating_sub(NAMED);
        let rest = (more > 0).then(|| format!(" and {more} more"));
        names.join(", ") + &rest.unwrap_or_default()
    }

    /// The mailboxes, one to a line; of very many, as many as a variable of the environment holds.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for name in self.0.keys() {
            let name = plain(name);
            if lines.len() + name.len() > LONGEST {
                break;
            }
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(&name);
        }
        lines
    }
}

/// A server chooses the names of mailboxes: a line end or a NUL in one would end more than the name, and
/// there are servers that know no longest one.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len().min(SHOWN));
    for c in name.chars().take(SHOWN) {
        if c.is_control() {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    if name.chars().nth(SHOWN).is_some() {
        plain.push('…');
    }
    plain
}

impl Hook {
    /// The command with its placeholders filled in. What is filled in is not looked at again.
    #[must_use]
    pub fn arguments(&self, account: &str, news: &News) -> Vec<String> {
        let (mailbox, count) = (news.in_words(), news.count().to_string());
        let values = [
            ("{account}", account),
            ("{mailbox}", &mailbox),
            ("{count}", &count),
        ];
        self.command
            .iter()
            .map(|text| fill(text, &values))
            .collect()
    }
}

fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let found = values
            .iter()
            .find_map(|(name, value)| Some((rest.strip_prefix(name)?, value)));
        rest = match found {
            Some((behind, value)) => {
                filled.push_str(value);
                behind
            }
            None => {
                filled.push(c);
                rest.strip_prefix(c).unwrap_or_default()
            }
        };
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(mailboxes: &[&str]) -> News {
        let mut news = News::default();
        mailboxes.iter().for_each(|mailbox| news.add(mailbox));
        news
    }

    fn arguments(command: &[&str], news: &News) -> Vec<String> {
        let hook = Hook {
            command: command.iter().map(|text| (*text).to_owned()).collect(),
            timeout: Duration::from_secs(1),
        };
        hook.arguments("home", news)
    }

    #[test]
    fn placeholders_are_filled_in_wherever_they_stand() {
        let command = [
            "notify",
            "{count} new in {account}: {mailbox}",
            "{count}",
            "{",
            "{x}",
        ];
        assert_eq!(
            arguments(&command, &news(&["Work", "INBOX", "Work"])),
            ["notify", "3 new in home: INBOX, Work", "3", "{", "{x}"]
        );
    }

    #[test]
    fn what_a_server_calls_its_mailboxes_is_one_argument_and_no_placeholder() {
        let strange = "{count}; rm -rf \"$HOME\"\n\0`id`";
        assert_eq!(
            arguments(&["show", "{mailbox}"], &news(&[strange])),
            ["show", "{count}; rm -rf \"$HOME\"\\n\\u{0}`id`"]
        );
        assert_eq!(news(&[strange, "x"]).lines().lines().count(), 2);
    }

    #[test]
    fn many_mailboxes_are_counted() {
        let names: Vec<String> = (10..30).map(|n| format!("m{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let news = news(&names);
        let said = "m10, m11, m12, m13, m14, m15, m16, m17, m18, m19 and 10 more";
        assert_eq!(news.in_words(), said);
        assert_eq!(news.lines().lines().count(), 20);
    }

    #[test]
    fn whatever_a_server_has_it_fits_into_an_argument() {
        let mut news = News::default();
        for n in 0..10_000 {
            news.add(&format!("{n}{}", "é".repeat(100_000 / (n + 1))));
        }
        assert!(news.in_words().len() < 6_000);
        assert!((60_000..=LONGEST).contains(&news.lines().len()));
        assert_eq!(news.count(), 10_000);
    }

    #[test]
    fn passes_are_added_up() {
        let mut first = news(&["INBOX"]);
        first.join(news(&["INBOX", "Work"]));
        assert_eq!(first, news(&["Work", "INBOX", "INBOX"]));
        assert_eq!(first.count(), 3);
        assert!(News::default().is_empty());
    }
}
