//! File names of messages: `<base>:2,<flags>`.
//!
//! Ours are `<seconds>.M<usec>P<pid>Q<n>R<random>.<host>,S=<octets>,W=<octets with CRLF>`; no UID is
//! in them, because readers carry a name along into other mailboxes. What follows `R` are 16 hexadecimal digits that
//! are this process' alone, and, once the message is whole, 16 of its hash: a file without an index still tells
//! whether it is what was received. Names that others made are read
//! as they are and keep what we do not know: unsorted and unknown letters, the `a` to `z` of
//! `dovecot-keywords`, `;2,` and `!2,` (mu, where a file system has no `:`), `:1,`, no info at all.

use postrider_core::flag::{Flag, FlagSet};
use postrider_core::message::Sha256;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// What parts a base from its flags; `x;2,S:2,F` is what readers make of a name they half know.
const INFO: [&str; 3] = [":2,", ";2,", "!2,"];

/// The longest base we make, in octets: notmuch stops its whole run at 240 (READERS.md).
pub const LONGEST_BASE: usize = 150;

/// Octets kept free for `,S=` and `,W=`, 20 digits each.
const SIZES: usize = 46;

/// Digits of the token behind `R`, and of the hash behind the token.
const DIGITS: usize = 16;

/// The name of a message's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    text: Box<str>,
    base: usize,
}

impl FileName {
    /// Reads a name; `None` when it names no message: empty, hidden, or no name of a file at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.starts_with('.') || text.contains(['/', '\0']) {
            return None;
        }
        // mbsync 1.4.4 makes files named `:2,DFPRST`. They have no base but themselves, and keep it
        // when they are given flags.
        let marks = INFO.iter().flat_map(|mark| text.match_indices(mark));
        let base = marks.map(|(at, _)| at).filter(|at| *at > 0).min();
        let base = base.unwrap_or(text.len());
        Some(Self {
            text: text.into(),
            base,
        })
    }

    /// A name that we made: `base` octets of it are the base.
    pub(crate) fn ours(text: String, base: usize) -> Self {
        Self {
            text: text.into(),
            base,
        }
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stays when a reader re-flags or moves the file: the message's identity within its account.
    #[must_use]
    pub fn base(&self) -> &str {
        self.text.get(..self.base).unwrap_or(&self.text)
    }

    /// The mark and all that follows it; empty in `new`.
    #[must_use]
    pub fn info(&self) -> &str {
        self.text.get(self.base..).unwrap_or_default()
    }

    /// The flags that the letters mean.
    #[must_use]
    pub fn flags(&self) -> FlagSet {
        FlagSet::from_letters(&self.letters())
    }

    /// The same file with other flags, in ASCII order among the letters that are not ours to judge.
    /// Keywords of `flags` have no letter.
    #[must_use]
    pub fn with_flags(&self, flags: &FlagSet) -> Self {
        // What begins a mark is no letter: kept, it could make a second mark with what follows.
        let begins_mark = |letter| INFO.iter().any(|mark| mark.starts_with(letter));
        let unknown = |letter: &char| Flag::from_letter(*letter).is_none() && !begins_mark(*letter);
        let mut letters: Vec<char> = self.letters().chars().filter(unknown).collect();
        letters.extend(flags.letters().chars());
        letters.sort_unstable();
        letters.dedup();
        let mark = self.mark();
        let letters: String = letters.into_iter().collect();
        let text = format!("{}{mark}{letters}{}", self.base(), self.tail());
        Self {
            text: text.into(),
            base: self.base,
        }
    }

    /// The octets of the file, as the name has it (`,S=`). Others' names may lie.
    #[must_use]
    pub fn octets(&self) -> Option<u64> {
        self.field("S=")
    }

    /// The octets with every line end as CRLF, as the name has it (`,W=`).
    #[must_use]
    pub fn octets_crlf(&self) -> Option<u64> {
        self.field("W=")
    }

    /// Whether the name is one that we gave to a message of these sizes and this hash. `None` when it is not of our
    /// making, or tells nothing of a hash.
    #[must_use]
    pub fn vouches_for(&self, octets: u64, octets_crlf: u64, sha256: &Sha256) -> Option<bool> {
        let told = made(self.base())?.hash?;
        let hash = told.eq_ignore_ascii_case(&beginning(sha256));
        let sizes = self.octets() == Some(octets) && self.octets_crlf() == Some(octets_crlf);
        Some(hash && sizes)
    }

    fn field(&self, key: &str) -> Option<u64> {
        let mut fields = self.base().split(',').skip(1);
        fields.find_map(|field| field.strip_prefix(key)?.parse().ok())
    }

    /// Which mark a new name gets: the one it has, `:2,` where there are several or none.
    fn mark(&self) -> &'static str {
        let mut found = INFO.iter().filter(|mark| self.info().contains(**mark));
        found.next().copied().unwrap_or(":2,")
    }

    /// All letters, of every mark, as they stand.
    fn letters(&self) -> String {
        let mut letters = self.info().to_owned();
        for mark in INFO {
            letters = letters.replace(mark, "");
        }
        letters.split(',').next().unwrap_or_default().to_owned()
    }

    /// What some readers put behind the letters (`:2,S,x`), with its comma.
    fn tail(&self) -> &str {
        let after = INFO.iter().filter_map(|mark| {
            let at = self.info().rfind(mark)?;
            self.info().get(at + mark.len()..)
        });
        let last = after.min_by_key(|rest| rest.len()).unwrap_or_default();
        last.find(',')
            .and_then(|at| last.get(at..))
            .unwrap_or_default()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Makes names that no other process, host or earlier life of ours makes.
#[derive(Debug)]
pub struct Namer {
    host: String,
    pid: u32,
    token: String,
    made: AtomicU64,
}

impl Namer {
    /// A namer of this process. `token` tells its unfinished files from those of its earlier and
    /// later lives: [`Namer::random_token`], kept in the index before the first file is made.
    ///
    /// In `host`, what parts a name (`/`, `:`, `;`, `!`, `,`) and all that is not printable ASCII
    /// becomes `-`; in `token` only hexadecimal digits are kept.
    #[must_use]
    pub fn new(host: &str, pid: u32, token: &str) -> Self {
        let plain = |c: char| {
            if c.is_ascii_graphic() && !"/:;!,".contains(c) {
                c
            } else {
                '-'
            }
        };
        let host: String = host.chars().map(plain).collect();
        let digit = |c: &char| c.is_ascii_hexdigit();
        let token: String = token.chars().filter(digit).take(DIGITS).collect();
        let host = if host.is_empty() {
            "localhost".to_owned()
        } else {
            host
        };
        Self {
            host,
            pid,
            token,
            made: AtomicU64::new(0),
        }
    }

    /// 16 hexadecimal digits that the system's randomness gave.
    #[must_use]
    pub fn random_token() -> String {
        // The keys of the standard library's hash maps; good enough for a name, no secret.
        format!("{:016x}", RandomState::new().hash_one(0_u8))
    }

    /// The token in every name of this namer.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The next unique name, made at `now_micros` (microseconds since the epoch). The base that is made of
    /// it stays within [`LONGEST_BASE`] octets; a host name that is too long is cut.
    #[must_use]
    pub fn unique(&self, now_micros: u64) -> String {
        let (seconds, micros) = (now_micros / 1_000_000, now_micros % 1_000_000);
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let (pid, token) = (self.pid, &self.token);
        let mut unique = format!("{seconds}.M{micros}P{pid}Q{made}R{token}.");
        let room = (LONGEST_BASE - SIZES - DIGITS).saturating_sub(unique.len());
        unique.extend(self.host.chars().take(room));
        unique
    }
}

/// The base of a message that has come whole under a name of [`Namer::unique`].
pub(crate) fn base(unique: &str, (octets, octets_crlf): (u64, u64), sha256: &Sha256) -> String {
    let told = beginning(sha256);
    let at = unique.match_indices('.').nth(1).map(|(at, _)| at);
    let (made, host) = unique.split_at(at.unwrap_or(unique.len()));
    format!("{made}{told}{host},S={octets},W={octets_crlf}")
}

/// As much of a hash as a name tells.
fn beginning(sha256: &Sha256) -> String {
    let mut digits = sha256.to_string();
    digits.truncate(DIGITS);
    digits
}

/// What a name that a namer made says of its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made<'n> {
    /// Microseconds since the epoch, by the clock of that moment.
    pub(crate) at_micros: u64,
    /// The process.
    pub(crate) token: &'n str,
    /// Which of its names this is.
    pub(crate) nth: u64,
    /// The beginning of the message's hash; `None` before it is whole.
    hash: Option<&'n str>,
}

/// Reads a name that a namer made; `None` for everybody else's names.
pub(crate) fn made(name: &str) -> Option<Made<'_>> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let (seconds, rest) = name.split_once(".M")?;
    let (micros, rest) = rest.split_once('P')?;
    let (pid, rest) = rest.split_once('Q')?;
    let (made, rest) = rest.split_once('R')?;
    let (random, _host) = rest.split_once('.')?;
    let numbers = [seconds, micros, pid, made].into_iter().all(number);
    let hex = random.len() >= 8 && random.bytes().all(|c| c.is_ascii_hexdigit());
    let (token, hash) = match random.split_at_checked(DIGITS) {
        Some((token, hash)) if hash.len() == DIGITS => (token, Some(hash)),
        _ => (random, None),
    };
    // More digits than fit are no time that any clock told.
    let parsed = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    let at_micros = parsed(seconds).saturating_mul(1_000_000);
    (numbers && hex).then(|| Made {
        at_micros: at_micros.saturating_add(parsed(micros)),
        token,
        nth: parsed(made),
        hash,
    })
}

/// The token in a name that a namer made; `None` for everybody else's names.
#[must_use]
pub fn token_of(name: &str) -> Option<&str> {
    made(name).map(|made| made.token)
}

#[cfg(test)]
mod tests;
