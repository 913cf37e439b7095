//! SEARCH and UID SEARCH (RFC 3501 §6.4.4; RETURN of RFC 4731; SAVE of RFC 5182; MODSEQ of RFC 7162).

use std::slice::Iter;

use super::args::{Arg, quote};
use super::set::{self, By};
use super::view::View;
use super::{Outcome, Refusal, Session};
use crate::date;
use crate::store::{Message, canonical_flag};

/// One condition.
enum Key {
    All,
    And(Vec<Self>),
    Before(i64),
    /// X-GM-MSGID and X-GM-THRID.
    EmailId(u64),
    Flag(String),
    Header(String, String),
    Larger(usize),
    ModSeq(u64),
    Not(Box<Self>),
    Or(Box<Self>, Box<Self>),
    /// Sequence numbers, resolved.
    Positions(Vec<usize>),
    Since(i64),
    Smaller(usize),
}

impl Key {
    fn fits(&self, seq: usize, message: &Message) -> bool {
        match self {
            Self::All => true,
            Self::And(keys) => keys.iter().all(|key| key.fits(seq, message)),
            Self::Before(day) => message.internal_date < *day,
            Self::EmailId(id) => message.email_id == *id,
            Self::Flag(flag) => message.flags.contains(flag),
            Self::Header(name, value) => has_header(&message.bytes, name, value),
            Self::Larger(octets) => message.bytes.len() > *octets,
            Self::ModSeq(mod_seq) => message.mod_seq >= *mod_seq,
            Self::Not(key) => !key.fits(seq, message),
            Self::Or(one, other) => one.fits(seq, message) || other.fits(seq, message),
            Self::Positions(found) => found.binary_search(&seq).is_ok(),
            Self::Since(day) => message.internal_date >= *day,
            Self::Smaller(octets) => message.bytes.len() < *octets,
        }
    }
}

impl Session {
    pub(super) fn search(&mut self, args: &[Arg], by: By) -> Outcome {
        let account = self.account()?;
        let (returns, args) = match args {
            [word, Arg::List(options), rest @ ..] if word.word().is_some_and(|w| w == "RETURN") => {
                self.needs("ESEARCH")?;
                let options: Vec<String> = options.iter().filter_map(Arg::word).collect();
                if options.iter().any(|option| option == "SAVE") {
                    self.needs("SEARCHRES")?;
                }
                (Some(options), rest)
            }
            args => (None, args),
        };
        let condstore = self.has("CONDSTORE") && self.keeps_mod_seqs();
        let view = self.view()?;
        let mut words = args.iter();
        let mut keys = Vec::new();
        while words.len() > 0 {
            let key = parse_key(&mut words, view, condstore);
            keys.push(key.ok_or(Refusal::Bad("Unknown search key"))?);
        }
        let key = Key::And(keys);
        let mut found = Vec::new();
        let mut uids = Vec::new();
        let mut highest = 0;
        let state = account.lock();
        let mailbox = state
            .mailbox(&view.name)
            .ok_or(Refusal::No("No such mailbox"))?;
        for (seq, uid) in view.all() {
            if let Some(message) = mailbox.find(uid).filter(|m| key.fits(seq, m)) {
                highest = highest.max(message.mod_seq);
                let seq = u32::try_from(seq).unwrap_or(u32::MAX);
                found.push(if by == By::Uid { uid } else { seq });
                uids.push(uid);
            }
        }
        let by_mod_seq = args
            .iter()
            .filter_map(Arg::word)
            .any(|word| word == "MODSEQ");
        if let Some(options) = &returns {
            view.save(uids, options);
        }
        let mod_seq = (by_mod_seq && !found.is_empty()).then_some(highest);
        self.enabled.condstore |= by_mod_seq;
        self.tell_found(
            &found,
            mod_seq,
            returns.as_deref().map(|options| (options, by)),
        );
        Ok("searched".to_owned())
    }

    fn tell_found(
        &mut self,
        found: &[u32],
        mod_seq: Option<u64>,
        returns: Option<(&[String], By)>,
    ) {
        let Some((options, by)) = returns else {
            let numbers: String = found.iter().map(|number| format!(" {number}")).collect();
            let mod_seq = mod_seq.map_or_else(String::new, |n| format!(" (MODSEQ {n})"));
            self.reply.line(&format!("* SEARCH{numbers}{mod_seq}"));
            return;
        };
        if options == ["SAVE"] {
            // RFC 5182 §2.1: kept, not told.
            return;
        }
        let uid = if by == By::Uid { " UID" } else { "" };
        let mut line = format!("* ESEARCH (TAG {}){uid}", quote(&self.tag));
        // RFC 4731 §3.1: no options mean ALL; without a hit only COUNT has something to say.
        let wants = |option: &str| options.iter().any(|o| o == option);
        if let (Some(first), Some(last)) = (found.first(), found.last()) {
            if wants("MIN") {
                line.push_str(&format!(" MIN {first}"));
            }
            if wants("MAX") {
                line.push_str(&format!(" MAX {last}"));
            }
            if wants("ALL") || options.is_empty() {
                line.push_str(&format!(" ALL {}", set::format(found)));
            }
        }
        if wants("COUNT") {
            line.push_str(&format!(" COUNT {}", found.len()));
        }
        if let Some(mod_seq) = mod_seq {
            line.push_str(&format!(" MODSEQ {mod_seq}"));
        }
        self.reply.line(&line);
    }
}

fn parse_key(words: &mut Iter<'_, Arg>, view: &View, condstore: bool) -> Option<Key> {
    let positions = |text: &str, by| -> Option<Key> {
        let pairs = view.resolve(text, by)?;
        Some(Key::Positions(
            pairs.into_iter().map(|(seq, _)| seq).collect(),
        ))
    };
    let arg = words.next()?;
    if let Some(list) = arg.list() {
        let mut inner = list.iter();
        let mut keys = Vec::new();
        while inner.len() > 0 {
            // Lists are at most as deep as the argument reader lets them be.
            keys.push(parse_key(&mut inner, view, condstore)?);
        }
        return Some(Key::And(keys));
    }
    let word = arg.word()?;
    let mut text = || words.next().and_then(Arg::text);
    Some(match word.as_str() {
        "ALL" => Key::All,
        "ANSWERED" | "DELETED" | "DRAFT" | "FLAGGED" | "SEEN" => flag_key(&word),
        "UNANSWERED" | "UNDELETED" | "UNDRAFT" | "UNFLAGGED" | "UNSEEN" => {
            Key::Not(Box::new(flag_key(word.strip_prefix("UN")?)))
        }
        "KEYWORD" => Key::Flag(text()?),
        "UNKEYWORD" => Key::Not(Box::new(Key::Flag(text()?))),
        "BEFORE" => Key::Before(date::parse_day(&text()?)?),
        "SINCE" => Key::Since(date::parse_day(&text()?)?),
        "ON" => {
            let day = date::parse_day(&text()?)?;
            Key::And(vec![Key::Since(day), Key::Before(day + 86_400)])
        }
        "LARGER" => Key::Larger(text()?.parse().ok()?),
        "SMALLER" => Key::Smaller(text()?.parse().ok()?),
        "MODSEQ" if condstore => Key::ModSeq(text()?.parse().ok()?),
        "X-GM-MSGID" | "X-GM-THRID" => Key::EmailId(text()?.parse().ok()?),
        "HEADER" => Key::Header(text()?, text()?),
        "UID" => positions(&text()?, By::Uid)?,
        "NOT" => Key::Not(Box::new(parse_key(words, view, condstore)?)),
        "OR" => {
            let one = Box::new(parse_key(words, view, condstore)?);
            Key::Or(one, Box::new(parse_key(words, view, condstore)?))
        }
        _ => positions(&word, By::Sequence)?,
    })
}

fn flag_key(word: &str) -> Key {
    Key::Flag(canonical_flag(&format!("\\{word}")))
}

/// Whether a header field contains a text, in any case; folded lines are not joined.
fn has_header(message: &[u8], name: &str, value: &str) -> bool {
    let header = message
        .get(..super::fetch::header_end(message))
        .unwrap_or_default();
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    let name = format!("{}:", name.to_ascii_lowercase());
    let value = value.to_ascii_lowercase();
    let mut lines = header.lines();
    lines.any(|line| {
        line.strip_prefix(&name)
            .is_some_and(|rest| rest.contains(&value))
    })
}
