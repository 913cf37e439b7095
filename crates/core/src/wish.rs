//! What servers say when they want less of us, in words that no standard has.
//!
//! Response codes come first (`imap/error.rs`, `pop3/reply.rs`); many servers send none, or one that means
//! something else, and a sentence. This is the one place where server text is matched on, and all that may come of it
//! is that we wait, use fewer connections, or tell a human what to do: never that we do more. It is read only
//! from refusals (NO, BAD, BYE, `-ERR`), never from anything that a message's author could write.
//!
//! A phrase is what was seen, where, and what it means; the server is not recognised by its name. Case does not
//! matter.

use crate::fault::Fault;
use std::time::Duration;

/// The longest time that is believed: a server that wants us to stay away for longer is asked once a day.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Which limit we have met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Octets or commands in a day or an hour.
    Bandwidth,
    /// Connections at the same time.
    Connections,
    /// Logins, or failed ones, in a while.
    Logins,
    /// The server has trouble of its own, which passes.
    Outage,
    /// Commands in a while.
    Requests,
    /// A human must log in with a browser first.
    Web,
}

impl Limit {
    /// What a person is told about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Bandwidth => {
                "the provider limits how much may be downloaded in a day (Gmail: 2500 MB by IMAP); it goes on by \
                 itself when the limit is lifted. Other mail programs on this account count too"
            }
            Self::Connections => {
                "too many connections to this account at once, those of other mail programs included; one fewer is \
                 used for an hour. To keep it so, lower `connections:`"
            }
            Self::Logins => {
                "the provider wants fewer logins; it is tried again later. Raise `poll:`, and look whether another \
                 program logs in with a wrong password"
            }
            Self::Outage => "the trouble is the server's; it is tried again later",
            Self::Requests => {
                "the provider limits how much this account may ask for in a while; it goes on by itself. If that \
                 happens often, lower `connections:` and raise `poll:`"
            }
            Self::Web => {
                "log in to the provider's web site with a browser once, answer what it asks, and run postrider sync"
            }
        }
    }

    /// What it means for the account.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Bandwidth | Self::Connections | Self::Logins | Self::Requests => Fault::Throttled,
            Self::Outage => Fault::Unreachable,
            Self::Web => Fault::Auth,
        }
    }

    /// How long we stay away where the server names no time; `None`: back-off alone decides.
    const fn patience(self) -> Option<Duration> {
        match self {
            // Gmail lifts it after an hour or more, up to a day (support.google.com/a/answer/1071518).
            Self::Bandwidth => Some(HOUR),
            // Exchange names five minutes where it names a time.
            Self::Requests => Some(MINUTE.saturating_mul(5)),
            Self::Logins => Some(MINUTE.saturating_mul(15)),
            Self::Connections => Some(MINUTE),
            Self::Outage | Self::Web => None,
        }
    }
}

/// What a server wants of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The limit that we have met.
    pub limit: Limit,
    /// How long it wants to be left alone: by its own words, or else by what is known of such limits.
    pub wait: Option<Duration>,
}

/// A row of [`PHRASES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words, in small letters.
    pub words: &'static str,
    /// What they mean.
    pub limit: Limit,
    /// Who says so, and who tells.
    pub seen: &'static str,
}

const fn phrase(words: &'static str, limit: Limit, seen: &'static str) -> Phrase {
    Phrase { words, limit, seen }
}

/// All of them. The first that is in a text counts.
pub const PHRASES: [Phrase; 19] = [
    phrase(
        "request is throttled",
        Limit::Requests,
        "Exchange Online (ikvk/imap_tools issue 135, imapsync/imapsync issue 272)",
    ),
    phrase(
        "suggested backoff time",
        Limit::Requests,
        "Exchange Online (simonrob/email-oauth2-proxy issue 191)",
    ),
    phrase(
        "exceeded command or bandwidth limits",
        Limit::Bandwidth,
        "Gmail (ljmerza/ha-email-sensor issue 16)",
    ),
    phrase(
        "exceeded the bandwidth",
        Limit::Bandwidth,
        "Gmail by POP3, and hosters with a traffic quota",
    ),
    phrase(
        "too many simultaneous connections",
        Limit::Connections,
        "Gmail: 15 for an account (zone-eu/wildduck issue 35)",
    ),
    phrase(
        "maximum number of connections",
        Limit::Connections,
        "Dovecot's mail_max_userip_connections, with [UNAVAILABLE] (mscdex/node-imap issue 606)",
    ),
    phrase(
        "maximum connection limit",
        Limit::Connections,
        "Courier's MAXPERIP (tcpd/tcpd.c)",
    ),
    phrase(
        "too many connections",
        Limit::Connections,
        "Yahoo, Zoho, QQ, Courier's MAXDAEMONS",
    ),
    phrase(
        "too many open connections",
        Limit::Connections,
        "Cyrus: maxlogins_per_user, maxlogins_per_host (imap/proc.c)",
    ),
    phrase(
        "too many login",
        Limit::Logins,
        "with [AUTHENTICATIONFAILED] too: the password may be right (ddeboer/imap issue 368)",
    ),
    phrase(
        "too many failed",
        Limit::Logins,
        "guards against guessing: they refuse the right password as well",
    ),
    phrase("login frequency", Limit::Logins, "QQ, 163.com"),
    phrase(
        "lockdown in sector",
        Limit::Bandwidth,
        "Gmail, for an account that is locked for up to a day",
    ),
    phrase(
        "rate limit",
        Limit::Requests,
        "Yahoo, with [LIMIT] (postalsys/imapflow issue 75)",
    ),
    phrase(
        "web login required",
        Limit::Web,
        "Gmail, with [ALERT] or [WEBALERT]: it doubts that it is us",
    ),
    phrase(
        "log in via your web browser",
        Limit::Web,
        "Gmail: \"Please log in via your web browser\", with [ALERT]",
    ),
    phrase(
        "authenticated but not connected",
        Limit::Outage,
        "Exchange Online, after the right password (mscdex/node-imap issue 523)",
    ),
    phrase(
        "server unavailable",
        Limit::Outage,
        "Exchange: \"Server Unavailable. 15\" (lefcha/imapfilter issue 146)",
    ),
    phrase(
        "temporarily unavailable",
        Limit::Outage,
        "iCloud: \"Service temporarily unavailable\" (s1t5/mail-archiver issue 414)",
    ),
];

impl Wish {
    /// What the text of a refusal says, if it says anything of the kind.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let known = PHRASES.iter().find(|phrase| text.contains(phrase.words))?;
        Some(Self {
            limit: known.limit,
            wait: named_time(&text).or_else(|| known.limit.patience()),
        })
    }

    /// The wish that a response code stands for; the text may name a time.
    #[must_use]
    pub fn of_code(limit: Limit, text: &str) -> Self {
        let said = Self::read(text);
        let limit = said.map_or(limit, |said| said.limit);
        let wait = named_time(&text.to_ascii_lowercase()).or_else(|| limit.patience());
        Self { limit, wait }
    }
}

/// A time to stay away in a text in small letters: `suggested backoff time: 299923 milliseconds`, `try again in 10 minutes`.
/// Only after words that announce one: a number alone is anything.
fn named_time(text: &str) -> Option<Duration> {
    const ANNOUNCED: [&str; 8] = [
        "backoff time",
        "back off for",
        "try again in",
        "try again after",
        "retry in",
        "retry after",
        "please wait",
        "wait for",
    ];
    let after = ANNOUNCED.iter().find_map(|words| {
        let (_, after) = text.split_once(words)?;
        Some(after)
    })?;
    let after = after.trim_start_matches([':', '=', ' ']);
    let digits = after.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = after.split_at(digits.unwrap_or(after.len()));
    let number: u64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let one = match unit {
        _ if unit.starts_with("ms") || unit.starts_with("milli") => Duration::from_millis(1),
        _ if unit.starts_with("min") => MINUTE,
        _ if unit.starts_with('h') => HOUR,
        _ if unit.starts_with('s') => Duration::from_secs(1),
        _ => return None,
    };
    let times = u32::try_from(number).unwrap_or(u32::MAX);
    Some(one.saturating_mul(times).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Limit, Option<u64>)> {
        let wish = Wish::read(text)?;
        Some((wish.limit, wish.wait.map(|wait| wait.as_secs())))
    }

    /// What providers were seen saying, and what is read from it: limit and seconds.
    const SAID: [(&str, Limit, Option<u64>); 16] = [
        (
            "Request is throttled. Suggested Backoff Time: 299923 milliseconds",
            Limit::Requests,
            Some(299),
        ),
        ("Request is throttled.", Limit::Requests, Some(300)),
        (
            "Account exceeded command or bandwidth limits. (Failure)",
            Limit::Bandwidth,
            Some(3_600),
        ),
        (
            "Too many simultaneous connections. (Failure)",
            Limit::Connections,
            Some(60),
        ),
        (
            "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            Limit::Connections,
            Some(60),
        ),
        ("CAPABILITY Rate limit hit.", Limit::Requests, Some(300)),
        (
            "Lockdown in sector 4! (Failure)",
            Limit::Bandwidth,
            Some(3_600),
        ),
        (
            "Web login required: https://support.google.com/mail/answer/78754 (Failure)",
            Limit::Web,
            None,
        ),
        (
            "Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)",
            Limit::Web,
            None,
        ),
        (
            "User is authenticated but not connected.",
            Limit::Outage,
            None,
        ),
        ("Server Unavailable. 15", Limit::Outage, None),
        ("Service temporarily unavailable", Limit::Outage, None),
        (
            "Authentication failed - Too many login failures",
            Limit::Logins,
            Some(900),
        ),
        (
            "TOO MANY CONNECTIONS, please try again in 10 minutes",
            Limit::Connections,
            Some(600),
        ),
        ("rate limit: retry after 30s", Limit::Requests, Some(30)),
        (
            "rate limit: retry after 2 hours",
            Limit::Requests,
            Some(7_200),
        ),
    ];

    #[test]
    fn what_providers_say_is_understood() {
        for (text, limit, seconds) in SAID {
            assert_eq!(read(text), Some((limit, seconds)), "{text}");
        }
    }

    #[test]
    fn what_says_nothing_of_the_kind_is_no_wish() {
        for text in [
            "",
            "Invalid credentials (Failure)",
            "LOGIN failed.",
            "No such mailbox",
            "Message 17 is too large",
            "wait",
            "try again in 10 minutes",
            "Suggested",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_in_place_of_a_time_is_no_time() {
        for text in [
            "Suggested Backoff Time: milliseconds",
            "Suggested Backoff Time: -5 milliseconds",
            "Suggested Backoff Time: 5 fortnights",
            "Suggested Backoff Time: 5",
            "Suggested Backoff Time",
            "Suggested Backoff Time: 99999999999999999999999999 milliseconds",
        ] {
            assert_eq!(read(text), Some((Limit::Requests, Some(300))), "{text}");
        }
        let day = Some((Limit::Requests, Some(86_400)));
        assert_eq!(
            read("Suggested Backoff Time: 18446744073709551615 hours"),
            day
        );
        assert_eq!(
            read("Suggested Backoff Time: 0 milliseconds"),
            Some((Limit::Requests, Some(0)))
        );
    }

    #[test]
    fn a_code_without_words_has_a_wish_all_the_same() {
        let wish = Wish::of_code(Limit::Requests, "slow down");
        assert_eq!(wish.wait, Some(MINUTE * 5));
        let wish = Wish::of_code(Limit::Requests, "Too many simultaneous connections");
        assert_eq!(wish.limit, Limit::Connections);
        let wish = Wish::of_code(Limit::Requests, "slow down, try again in 3 minutes");
        assert_eq!(wish.wait, Some(MINUTE * 3));
    }

    #[test]
    fn every_phrase_can_be_met() {
        for (at, phrase) in PHRASES.iter().enumerate() {
            assert_eq!(phrase.words, phrase.words.to_ascii_lowercase());
            let before = PHRASES.iter().take(at);
            let hidden = before.filter(|other| phrase.words.contains(other.words));
            assert_eq!(hidden.count(), 0, "{}", phrase.words);
            assert!(!phrase.seen.is_empty() && !phrase.limit.hint().is_empty());
        }
    }
}
