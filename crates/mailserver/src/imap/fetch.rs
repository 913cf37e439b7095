//! FETCH and UID FETCH (RFC 3501 §6.4.5; CHANGEDSINCE and MODSEQ of RFC 7162; X-GM-EXT-1).

mod section;

use std::collections::BTreeMap;

use super::args::{Arg, quote};
use super::set::By;
use super::view::flag_list;
use super::{Outcome, Refusal, Session};
use crate::date;
use crate::faults::Faults;
use crate::store::Message;
use crate::wire::Reply;
use crate::wire_name::Spelling;
use section::BodyItem;
pub(crate) use section::header_end;

/// One thing to tell about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Body(BodyItem),
    /// RFC 8474 §5.1.
    EmailId,
    Flags,
    GmailLabels,
    GmailMessageId,
    GmailThreadId,
    InternalDate,
    ModSeq,
    Size,
    Uid,
}

impl Session {
    pub(super) fn fetch(&mut self, args: &[Arg], by: By) -> Outcome {
        let account = self.account()?;
        let [set, wanted, modifiers @ ..] = args else {
            return Err(Refusal::Bad("FETCH set items"));
        };
        let modifiers = Modifiers::parse(modifiers)?;
        let changed_since = modifiers.changed_since;
        let items = self.items(wanted, &modifiers, by)?;
        if modifiers.vanished {
            self.tell_vanished_since(changed_since, set, by)?;
        }
        let faults = self.service.faults.clone();
        let spelling = self.spelling();
        let mut literal_lie = std::mem::take(&mut self.literal_lie);
        self.view()?;
        let (Some(view), reply) = (&mut self.selected, &mut self.reply) else {
            return Err(Refusal::Bad("Select a mailbox first"));
        };
        let pairs = set.text().and_then(|set| view.resolve(&set, by));
        let pairs = pairs.ok_or(Refusal::Bad("Not a message set"))?;
        let marks_seen = !view.read_only
            && items
                .iter()
                .any(|item| matches!(item, Item::Body(body) if !body.peek));
        let mut state = account.lock();
        if marks_seen {
            // The changed flags follow with the other news before the tagged line.
            for (_, uid) in &pairs {
                state.change_flags(&view.name, *uid, |flags| {
                    flags.insert("\\Seen".to_owned());
                });
            }
        }
        let labels = if items.contains(&Item::GmailLabels) {
            quoted_labels(state.labels(&view.name), spelling)
        } else {
            BTreeMap::new()
        };
        let mailbox = state.mailbox(&view.name);
        let mailbox = mailbox.ok_or(Refusal::No("No such mailbox"))?;
        for (seq, uid) in pairs {
            let message = mailbox.find(uid);
            let message = message.filter(|m| changed_since.is_none_or(|since| m.mod_seq > since));
            if let Some(message) = message {
                let mut telling = Telling {
                    reply: &mut *reply,
                    faults: &faults,
                    labels: &labels,
                    literal_lie: &mut literal_lie,
                };
                telling.tell(seq, message, &items);
            }
        }
        Ok("fetched".to_owned())
    }

    /// What is to be told of each message, when this server knows all of it.
    fn items(&mut self, wanted: &Arg, modifiers: &Modifiers, by: By) -> Result<Vec<Item>, Refusal> {
        let mut items = Vec::new();
        if by == By::Uid {
            items.push(Item::Uid);
        }
        for word in wanted.texts().ok_or(Refusal::Bad("FETCH set items"))? {
            for item in parse_item(&word).ok_or(Refusal::Bad("Unknown FETCH item"))? {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        if modifiers.changed_since.is_some() && !items.contains(&Item::ModSeq) {
            items.push(Item::ModSeq);
        }
        for item in &items {
            match item {
                Item::EmailId => self.needs("OBJECTID")?,
                Item::ModSeq => self.uses_mod_seqs()?,
                Item::GmailLabels | Item::GmailMessageId | Item::GmailThreadId => {
                    self.needs("X-GM-EXT-1")?;
                }
                Item::Body(_) | Item::Flags | Item::InternalDate | Item::Size | Item::Uid => {}
            }
        }
        Ok(items)
    }
}

/// What stands behind the items of a FETCH (RFC 4466 §2.4).
#[derive(Debug, Default)]
struct Modifiers {
    changed_since: Option<u64>,
    vanished: bool,
}

impl Modifiers {
    fn parse(args: &[Arg]) -> Result<Self, Refusal> {
        let mut modifiers = Self::default();
        let list = match args {
            [] => return Ok(modifiers),
            [Arg::List(list)] => list.as_slice(),
            _ => return Err(Refusal::Bad("FETCH set items (modifiers)")),
        };
        let mut words = list.iter();
        while let Some(word) = words.next() {
            match word.word().as_deref() {
                Some("CHANGEDSINCE") => {
                    let value = words.next().and_then(Arg::number);
                    let value = value.ok_or(Refusal::Bad("CHANGEDSINCE mod-sequence"))?;
                    modifiers.changed_since = Some(value);
                }
                Some("VANISHED") => modifiers.vanished = true,
                _ => return Err(Refusal::Bad("Unknown FETCH modifier")),
            }
        }
        Ok(modifiers)
    }
}

/// The way of FETCH lines into the reply.
struct Telling<'a> {
    reply: &'a mut Reply,
    faults: &'a Faults,
    /// Of each message that has any, ready for the wire.
    labels: &'a BTreeMap<u64, Vec<String>>,
    /// How wrong the next literal is about its length.
    literal_lie: &'a mut i64,
}

impl Telling<'_> {
    fn tell(&mut self, seq: usize, message: &Message, items: &[Item]) {
        self.reply.text(&format!("* {seq} FETCH ("));
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.reply.text(" ");
            }
            match item {
                Item::EmailId => self.reply.text(&format!("EMAILID (M{})", message.email_id)),
                Item::Flags => self.reply.text(&format!("FLAGS {}", flag_list(message))),
                Item::GmailLabels => {
                    let labels = self.labels.get(&message.email_id);
                    let labels = labels.map_or_else(String::new, |labels| labels.join(" "));
                    self.reply.text(&format!("X-GM-LABELS ({labels})"));
                }
                Item::GmailMessageId => {
                    self.reply.text(&format!("X-GM-MSGID {}", message.email_id));
                }
                // Every message is a thread of its own.
                Item::GmailThreadId => {
                    self.reply.text(&format!("X-GM-THRID {}", message.email_id));
                }
                Item::InternalDate => {
                    let when = date::format(message.internal_date);
                    self.reply.text(&format!("INTERNALDATE \"{when}\""));
                }
                Item::ModSeq => self.reply.text(&format!("MODSEQ ({})", message.mod_seq)),
                Item::Size => {
                    let octets = self.faults.told_size(message.bytes.len());
                    self.reply.text(&format!("RFC822.SIZE {octets}"));
                }
                Item::Uid => self.reply.text(&format!("UID {}", message.uid)),
                Item::Body(body) => {
                    let octets = body.octets(&message.bytes);
                    let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
                    let told = length.saturating_add_signed(std::mem::take(self.literal_lie));
                    self.reply.text(&format!("{} {{{told}}}\r\n", body.label));
                    self.reply.octets(octets);
                }
            }
        }
        self.reply.line(")");
    }
}

/// Labels travel as mailbox names do.
fn quoted_labels(
    mut labels: BTreeMap<u64, Vec<String>>,
    spelling: Spelling,
) -> BTreeMap<u64, Vec<String>> {
    for label in labels.values_mut().flatten() {
        *label = quote(&spelling.encode(label));
    }
    labels
}

/// The items of one word; macros name several (RFC 3501 §6.4.5). `None`: unknown, ENVELOPE among them.
fn parse_item(word: &str) -> Option<Vec<Item>> {
    Some(match word.to_ascii_uppercase().as_str() {
        "FAST" => vec![Item::Flags, Item::InternalDate, Item::Size],
        "EMAILID" => vec![Item::EmailId],
        "FLAGS" => vec![Item::Flags],
        "X-GM-LABELS" => vec![Item::GmailLabels],
        "X-GM-MSGID" => vec![Item::GmailMessageId],
        "X-GM-THRID" => vec![Item::GmailThreadId],
        "INTERNALDATE" => vec![Item::InternalDate],
        "MODSEQ" => vec![Item::ModSeq],
        "RFC822.SIZE" => vec![Item::Size],
        "UID" => vec![Item::Uid],
        _ => vec![Item::Body(BodyItem::parse(word)?)],
    })
}
