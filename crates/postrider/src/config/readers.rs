//! `flags`, `deleted_flag`, `deletions`, `moves` and `upload`: what a reader does here and the server
//! hears of, and the other way round.

use super::account::Account;
use super::reading::{Reading, or};
use postrider_core::account::Protocol;
use postrider_core::settings::{FlagSync, Moves};

const NO_FLAGS: Option<&str> = Some("POP3 has no flags");
const NO_MAILBOXES: Option<&str> = Some("POP3 has no mailboxes");
const NO_STORE: Option<&str> = Some("POP3 cannot store messages");

/// What the keys say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readers {
    pub(super) flags: FlagSync,
    pub(super) deleted_flag: bool,
    pub(super) deletions_pushed: bool,
    pub(super) moves: Moves,
    pub(super) upload: bool,
}

/// Reads them. POP3 has only `deletions`; the values of the others say that nothing is done.
pub(super) fn readers(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    protocol: Protocol,
) -> Option<Readers> {
    let flags = flags(reading, keys, protocol);
    let node = keys.imap_only(reading, protocol, ("deleted_flag", NO_FLAGS));
    let deleted_flag = or(node, false, |node| reading.truth("deleted_flag", node));
    let words = [("keep", false), ("push", true)];
    let deletions_pushed = or(keys.find("deletions"), false, |node| {
        reading.word("deletions", node, &words)
    });
    let moves = moves(reading, keys, protocol);
    let node = keys.imap_only(reading, protocol, ("upload", NO_STORE));
    let upload = or(node, false, |node| reading.truth("upload", node));
    Some(Readers {
        flags: flags?,
        deleted_flag: deleted_flag?,
        deletions_pushed: deletions_pushed?,
        moves: moves?,
        upload: upload?,
    })
}

fn flags(reading: &mut Reading<'_>, keys: &Account<'_>, protocol: Protocol) -> Option<FlagSync> {
    let words = [
        ("both", FlagSync::Both),
        ("pull", FlagSync::Pull),
        ("push", FlagSync::Push),
        ("none", FlagSync::None),
    ];
    let usual = match protocol {
        Protocol::Imap => FlagSync::default(),
        Protocol::Pop3 => FlagSync::None,
    };
    let node = keys.imap_only(reading, protocol, ("flags", NO_FLAGS));
    or(node, usual, |node| reading.word("flags", node, &words))
}

fn moves(reading: &mut Reading<'_>, keys: &Account<'_>, protocol: Protocol) -> Option<Moves> {
    let words = [("push", Moves::Push), ("ignore", Moves::Ignore)];
    let usual = match protocol {
        Protocol::Imap => Moves::default(),
        Protocol::Pop3 => Moves::Ignore,
    };
    let node = keys.imap_only(reading, protocol, ("moves", NO_MAILBOXES));
    or(node, usual, |node| reading.word("moves", node, &words))
}
