//! The INBOX as one POP3 session sees it: fixed numbers, marks, and messages as dotted lines (RFC 1939 §5).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::faults::{Faults, Misbehaviour};
use crate::imap::header_end;
use crate::store::Account;
use crate::wire::Reply;

/// What was in the INBOX at login.
#[derive(Debug)]
pub(super) struct Maildrop {
    account: Account,
    drops: Vec<Drop>,
}

/// One message of it; its number is its position from one.
#[derive(Debug)]
struct Drop {
    uid: u32,
    uidl: String,
    bytes: Bytes,
    marked: bool,
    retrieved: bool,
}

impl Maildrop {
    pub(super) fn open(account: Account, faults: &Faults, connection: u64) -> Self {
        let messages = account.messages("INBOX").into_iter();
        let shown = messages.filter(|message| !faults.is_hidden(message.uid));
        let shown = shown.take(faults.session_limit());
        let drops = shown.map(|message| Drop {
            uid: message.uid,
            uidl: if faults.has(Misbehaviour::ChangesUidls) {
                format!("session{connection}.{}", message.uid)
            } else if faults.has(Misbehaviour::DuplicatesUidls) {
                "always-the-same".to_owned()
            } else {
                message.uidl
            },
            bytes: message.bytes,
            marked: false,
            retrieved: false,
        });
        Self {
            drops: drops.collect(),
            account,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.drops.len()
    }

    /// Marks what was retrieved (EXPIRE 0, RFC 2449 §6.7).
    pub(super) fn mark_retrieved(&mut self) {
        for drop in &mut self.drops {
            drop.marked |= drop.retrieved;
        }
    }

    /// The UIDs of what was retrieved.
    pub(super) fn retrieved(&self) -> BTreeSet<u32> {
        let retrieved = self.drops.iter().filter(|drop| drop.retrieved);
        retrieved.map(|drop| drop.uid).collect()
    }

    /// Removes what was marked from the account.
    pub(super) fn remove_marked(self) {
        let marked = self.drops.iter().filter(|drop| drop.marked);
        let uids: BTreeSet<u32> = marked.map(|drop| drop.uid).collect();
        let mut state = self.account.lock();
        state.remove("INBOX", |message| uids.contains(&message.uid));
    }

    /// A command of the TRANSACTION state.
    pub(super) fn perform(
        &mut self,
        name: &str,
        rest: &str,
        reply: &mut Reply,
        faults: &Faults,
    ) -> Result<(), &'static str> {
        match name {
            "NOOP" => reply.line("+OK"),
            "STAT" => {
                let told = self
                    .unmarked()
                    .map(|(_, drop)| faults.told_size(drop.bytes.len()));
                let octets: u64 = told.sum();
                reply.line(&format!("+OK {} {octets}", self.unmarked().count()));
            }
            "LIST" => self.tell_each(rest, reply, |drop| {
                faults.told_size(drop.bytes.len()).to_string()
            })?,
            "UIDL" if !faults.has(Misbehaviour::NoUidl) => {
                self.tell_each(rest, reply, |drop| drop.uidl.clone())?;
            }
            "RETR" => {
                let drop = self.find(rest)?;
                drop.retrieved = true;
                reply.line(&format!(
                    "+OK {} octets",
                    faults.told_size(drop.bytes.len())
                ));
                write_dotted(&drop.bytes, reply);
            }
            "TOP" if !faults.has(Misbehaviour::NoTop) => {
                let (number, lines) = rest.split_once(' ').ok_or("-ERR TOP number lines")?;
                let lines = lines.trim().parse().map_err(|_| "-ERR TOP number lines")?;
                let drop = self.find(number)?;
                reply.line("+OK top follows");
                write_dotted(&top(&drop.bytes, lines), reply);
            }
            "DELE" => {
                self.find(rest)?.marked = true;
                reply.line("+OK marked");
            }
            "RSET" => {
                for drop in &mut self.drops {
                    drop.marked = false;
                }
                reply.line("+OK");
            }
            _ => return Err("-ERR Unknown command"),
        }
        Ok(())
    }

    fn unmarked(&self) -> impl Iterator<Item = (usize, &Drop)> {
        (1..).zip(&self.drops).filter(|(_, drop)| !drop.marked)
    }

    fn find(&mut self, number: &str) -> Result<&mut Drop, &'static str> {
        let number: Option<usize> = number.trim().parse().ok();
        let at = number.and_then(|number| number.checked_sub(1));
        let drop = at.and_then(|at| self.drops.get_mut(at));
        drop.filter(|drop| !drop.marked)
            .ok_or("-ERR No such message")
    }

    /// One line about one message, or about each.
    fn tell_each(
        &mut self,
        rest: &str,
        reply: &mut Reply,
        tell: impl Fn(&Drop) -> String,
    ) -> Result<(), &'static str> {
        if !rest.trim().is_empty() {
            let drop = self.find(rest)?;
            let told = tell(drop);
            reply.line(&format!("+OK {} {told}", rest.trim()));
            return Ok(());
        }
        reply.line("+OK listing follows");
        for (number, drop) in self.unmarked() {
            reply.line(&format!("{number} {}", tell(drop)));
        }
        reply.line(".");
        Ok(())
    }
}

/// The message with its dots stuffed, and the terminator (RFC 1939 §3). Pieces between stuffed dots
/// are shared with the message.
fn write_dotted(message: &Bytes, reply: &mut Reply) {
    let mut from = 0;
    let mut at = 0;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            reply.octets(message.slice(from..at));
            reply.text(".");
            from = at;
        }
        at += line.len();
    }
    reply.octets(message.slice(from..));
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        reply.text("\r\n");
    }
    reply.line(".");
}

/// The header and so many lines of the body.
fn top(message: &Bytes, lines: usize) -> Bytes {
    let mut end = header_end(message);
    let body = message.get(end..).unwrap_or_default();
    let body = body.split_inclusive(|octet| *octet == b'\n').take(lines);
    end += body.map(<[u8]>::len).sum::<usize>();
    message.slice(..end)
}
