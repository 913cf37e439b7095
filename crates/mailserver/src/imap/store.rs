//! STORE and EXPUNGE, by sequence number and by UID (RFC 3501 §6.4; 4315; UNCHANGEDSINCE of RFC 7162).

use std::collections::BTreeSet;

use super::args::Arg;
use super::set::{self, By};
use super::view::flag_list;
use super::{Outcome, Refusal, Session};
use crate::store::canonical_flag;

/// What STORE does with the flags it names.
#[derive(Clone, Copy)]
enum Change {
    Add,
    Remove,
    Replace,
}

/// The second half of a STORE command.
struct Wish {
    change: Change,
    silent: bool,
    flags: BTreeSet<String>,
}

impl Wish {
    fn parse(args: &[Arg]) -> Result<Self, Refusal> {
        const USAGE: Refusal = Refusal::Bad("STORE set item flags");
        let (item, flags) = args.split_first().ok_or(USAGE)?;
        let (change, silent) = parse_item(item).ok_or(Refusal::Bad("Unknown STORE item"))?;
        let flags: Option<Vec<Vec<String>>> = flags.iter().map(Arg::texts).collect();
        let flags = flags.ok_or(USAGE)?.concat();
        Ok(Self {
            change,
            silent,
            flags: flags.iter().map(|flag| canonical_flag(flag)).collect(),
        })
    }

    fn apply(&self, set: &mut BTreeSet<String>) {
        match self.change {
            Change::Add => set.extend(self.flags.iter().cloned()),
            Change::Remove => set.retain(|flag| !self.flags.contains(flag)),
            Change::Replace => set.clone_from(&self.flags),
        }
    }
}

impl Session {
    pub(super) fn store(&mut self, args: &[Arg], by: By) -> Outcome {
        let (set, rest) = args
            .split_first()
            .ok_or(Refusal::Bad("STORE set item flags"))?;
        let (unchanged_since, rest) = match rest {
            [Arg::List(modifier), rest @ ..] => (Some(self.unchanged_since(modifier)?), rest),
            rest => (None, rest),
        };
        let mut wish = Wish::parse(rest)?;
        let account = self.account()?;
        let tells_mod_seq = self.enabled.condstore && self.keeps_mod_seqs();
        self.writable_view()?;
        let (Some(view), reply) = (&mut self.selected, &mut self.reply) else {
            return Err(Refusal::Bad("Select a mailbox first"));
        };
        let pairs = set.text().and_then(|set| view.resolve(&set, by));
        let pairs = pairs.ok_or(Refusal::Bad("Not a message set"))?;
        let mut state = account.lock();
        if let Some(mailbox) = state.mailbox(&view.name) {
            wish.flags.retain(|flag| mailbox.keeps(flag));
        }
        let mut modified = Vec::new();
        for (seq, uid) in pairs {
            let message = state.mailbox(&view.name).and_then(|m| m.find(uid));
            let before = message.map(|message| message.mod_seq);
            if before
                .zip(unchanged_since)
                .is_some_and(|(is, limit)| is > limit)
            {
                modified.push(if by == By::Uid {
                    uid
                } else {
                    u32::try_from(seq).unwrap_or(0)
                });
                continue;
            }
            let mod_seq = state.change_flags(&view.name, uid, |set| wish.apply(set));
            let message = state.mailbox(&view.name).and_then(|m| m.find(uid));
            let (Some(mod_seq), Some(message)) = (mod_seq, message) else {
                continue;
            };
            view.note(uid, mod_seq);
            let mut items = vec![format!("UID {uid}")];
            items.extend((!wish.silent).then(|| format!("FLAGS {}", flag_list(message))));
            // RFC 7162 §3.1.3: .SILENT silences the flags, never the mod-sequence.
            items.extend(tells_mod_seq.then(|| format!("MODSEQ ({mod_seq})")));
            if items.len() > 1 {
                reply.line(&format!("* {seq} FETCH ({})", items.join(" ")));
            }
        }
        if modified.is_empty() {
            return Ok("stored".to_owned());
        }
        Ok(format!(
            "[MODIFIED {}] some had changed",
            set::format(&modified)
        ))
    }

    fn unchanged_since(&mut self, modifier: &[Arg]) -> Result<u64, Refusal> {
        self.uses_mod_seqs()?;
        match modifier {
            [word, value] if word.word().is_some_and(|w| w == "UNCHANGEDSINCE") => {
                let value = value.number();
                value.ok_or(Refusal::Bad("UNCHANGEDSINCE mod-sequence"))
            }
            _ => Err(Refusal::Bad("Unknown STORE modifier")),
        }
    }

    /// The EXPUNGE lines follow with the other news before the tagged line.
    pub(super) fn expunge(&mut self, uids: Option<&[Arg]>) -> Outcome {
        let account = self.account()?;
        if uids.is_some() {
            self.needs("UIDPLUS")?;
        }
        let view = self.writable_view()?;
        let chosen = match uids {
            None => None,
            Some(args) => {
                let set = args.first().and_then(Arg::text);
                let pairs = set.and_then(|set| view.resolve(&set, By::Uid));
                let pairs = pairs.ok_or(Refusal::Bad("Not a UID set"))?;
                Some(
                    pairs
                        .into_iter()
                        .map(|(_, uid)| uid)
                        .collect::<BTreeSet<_>>(),
                )
            }
        };
        let name = view.name.clone();
        let removed = account.lock().remove(&name, |message| {
            let named = chosen
                .as_ref()
                .is_none_or(|uids| uids.contains(&message.uid));
            named && message.flags.contains("\\Deleted")
        });
        let code = self.highest_mod_seq_code(&name, &removed);
        Ok(format!("{code}expunged"))
    }
}

fn parse_item(item: &Arg) -> Option<(Change, bool)> {
    let word = item.word()?;
    let (word, silent) = match word.strip_suffix(".SILENT") {
        Some(word) => (word, true),
        None => (word.as_str(), false),
    };
    let change = match word {
        "FLAGS" => Change::Replace,
        "+FLAGS" => Change::Add,
        "-FLAGS" => Change::Remove,
        _ => return None,
    };
    Some((change, silent))
}
