//! What an event says: which directory has changed, or where to look for directories. Nothing else is
//! read from it; what has changed is for the pass to find out.
//!
//! Seen with inotify: one rename is three events, `From`, `To` and `Both`; every open and close is
//! one, those of our own scans among them; Dovecot renames its indexes in the mailbox's directory all
//! the time.

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};

/// What a directory is to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the tree, a mailbox's or above one: only directories in it matter.
    Branch,
    /// A mailbox's `cur` or `new`: files in it are messages.
    Leaf,
}

/// What an event in a directory asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The directory has changed.
    Changed,
    /// Its path may be that of a directory which came or went.
    Look,
    /// The same, if a directory was known there: whatever it is, it is gone.
    LookIfKnown,
    /// It asks for nothing.
    Nothing,
}

/// What an event means about an entry of a directory of this kind.
pub(super) const fn within(directory: Kind, event: EventKind) -> Meaning {
    match directory {
        Kind::Branch => in_branch(event),
        Kind::Leaf => in_leaf(event),
    }
}

const fn in_branch(event: EventKind) -> Meaning {
    match event {
        EventKind::Create(CreateKind::File)
        | EventKind::Remove(RemoveKind::File)
        | EventKind::Modify(
            ModifyKind::Data(_) | ModifyKind::Metadata(_) | ModifyKind::Name(RenameMode::Both),
        )
        | EventKind::Access(_) => Meaning::Nothing,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Meaning::LookIfKnown,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => Meaning::Look,
    }
}

const fn in_leaf(event: EventKind) -> Meaning {
    match event {
        // A file that a reader writes in place is not whole before it is closed.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Meaning::Changed,
        EventKind::Access(_)
        | EventKind::Modify(ModifyKind::Metadata(_) | ModifyKind::Name(RenameMode::Both)) => {
            Meaning::Nothing
        }
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => Meaning::Changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{DataChange, MetadataKind};

    #[test]
    fn only_what_changes_messages_or_directories_means_anything() {
        let name = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let touched = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        use Meaning::{Changed, Look, LookIfKnown, Nothing};
        for (event, in_branch, in_leaf) in [
            (EventKind::Create(CreateKind::File), Nothing, Changed),
            (EventKind::Create(CreateKind::Folder), Look, Changed),
            (EventKind::Remove(RemoveKind::File), Nothing, Changed),
            (EventKind::Remove(RemoveKind::Folder), Look, Changed),
            (name(RenameMode::From), LookIfKnown, Changed),
            (name(RenameMode::To), Look, Changed),
            (name(RenameMode::Both), Nothing, Nothing),
            (written, Nothing, Changed),
            (closed, Nothing, Changed),
            (touched, Nothing, Nothing),
            (opened, Nothing, Nothing),
            (read, Nothing, Nothing),
            (EventKind::Any, Look, Changed),
        ] {
            assert_eq!(within(Kind::Branch, event), in_branch, "{event:?}");
            assert_eq!(within(Kind::Leaf, event), in_leaf, "{event:?}");
        }
    }
}
