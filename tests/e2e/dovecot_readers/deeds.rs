//! What users do in their readers while the daemon runs, and what is at the server then.

use super::sitting::{Mailboxes, Sitting};
use postrider_tests::digest::sha256_lf;
use postrider_tests::oracle::Held;
use postrider_tests::readers::Deed;
use postrider_tests::rig::message;

/// The deeds that are done to a message of INBOX, and what it bears before.
const TOUCHED: [(&str, &[&str]); 9] = [
    ("open", &[]),
    ("read", &[]),
    ("unread", &["\\Seen", "\\Answered"]),
    ("flag", &["\\Seen"]),
    ("unflag", &["\\Flagged"]),
    ("answer", &["\\Seen"]),
    ("delete", &["\\Seen"]),
    ("move", &["\\Seen", "\\Flagged"]),
    ("copy", &[]),
];
/// So many messages of INBOX nobody touches.
const UNTOUCHED: usize = 4;

const PUSHES: &str = "    upload: true\n    deletions: push\n";

/// The message that a deed is done to.
fn number(deed: &str) -> usize {
    let at = TOUCHED.iter().position(|(name, _)| *name == deed);
    at.unwrap_or(TOUCHED.len())
}

fn id(deed: &str) -> String {
    format!("<{}.INBOX@example.org>", number(deed))
}

fn sitting(more: &str) -> Sitting {
    let mut inbox: Vec<&[&str]> = TOUCHED.iter().map(|(_, flags)| *flags).collect();
    inbox.resize(TOUCHED.len() + UNTOUCHED, &["\\Seen"]);
    Sitting::begin(&format!("{PUSHES}{more}"), &inbox)
}

/// How many drafts there are and how many messages in Sent.
#[derive(Clone, Copy, Default)]
struct Written {
    drafts: usize,
    sent: usize,
}

impl Written {
    /// After this, too. Readers that send file a copy of an answer in Sent.
    fn and(mut self, deed: &str, sends: bool) -> Self {
        match deed {
            "draft" => self.drafts += 1,
            "send" => self.sent += 1,
            "answer" if sends => self.sent += 1,
            "recall" => {
                self.drafts -= 1;
                self.sent += 1;
            }
            _ => {}
        }
        self
    }
}

/// What the server should hold after a deed, and does not.
fn lacking(deed: &str, server: &Mailboxes<Held>) -> Option<String> {
    let (inbox, archive) = (of(server, "INBOX", deed), of(server, "Archive", deed));
    let flag = |flag: &str, borne: bool| inbox.len() == 1 && inbox[0].has(flag) == borne;
    let there = match deed {
        "open" | "read" => flag("\\Seen", true),
        "unread" => flag("\\Seen", false) && flag("\\Answered", true),
        "flag" => flag("\\Flagged", true) && flag("\\Seen", true),
        "unflag" => flag("\\Flagged", false),
        "answer" => flag("\\Answered", true),
        "delete" => inbox.is_empty() && archive.is_empty(),
        "move" => inbox.is_empty() && is_the_same(&archive, deed) && archive[0].has("\\Flagged"),
        "copy" => is_the_same(&inbox, deed) && is_the_same(&archive, deed),
        _ => true,
    };
    (!there).then(|| format!("{deed} is not at the server"))
}

fn of<'a>(server: &'a Mailboxes<Held>, mailbox: &str, deed: &str) -> Vec<&'a Held> {
    let held = server[mailbox].iter();
    held.filter(|held| held.message_id == id(deed)).collect()
}

/// One message with the octets that it had at the server, whatever the reader made of its file.
fn is_the_same(held: &[&Held], deed: &str) -> bool {
    let octets = message("INBOX", number(deed));
    held.len() == 1 && held[0].sha256_lf == sha256_lf(octets.as_bytes())
}

/// Whether drafts are drafts, and what was sent was read.
fn lacking_of_written(written: Written, server: &Mailboxes<Held>) -> Option<String> {
    let (drafts, sent) = (&server["Drafts"], &server["Sent"]);
    let there = drafts.len() == written.drafts
        && sent.len() == written.sent
        && drafts
            .iter()
            .all(|held| held.has("\\Draft") && held.has("\\Seen"))
        && sent
            .iter()
            .all(|held| held.has("\\Seen") && !held.has("\\Draft"));
    (!there).then(|| "drafts and sent messages are not as they were written".to_owned())
}

/// Does this in one reader, in several sessions, and looks at the server after each.
fn reach_the_server(reader: &str, sessions: &[&[&'static str]]) {
    let mut sitting = sitting("");
    let mut written = Written::default();
    let sends = ["mutt", "neomutt", "aerc"].contains(&reader);
    for names in sessions {
        let ids: Vec<String> = names.iter().map(|name| id(name)).collect();
        let deeds = names.iter().zip(&ids).map(|(name, id)| match *name {
            "move" | "copy" => Deed::to(name, id, "Archive"),
            "draft" | "send" | "redraft" | "recall" => Deed::write(name),
            _ => Deed::of(name, id),
        });
        let deeds: Vec<Deed<'_>> = deeds.collect();
        sitting.act(reader, &[], &deeds);
        if names.iter().any(|name| REMOVES.contains(name)) {
            sitting.poll();
        }
        for name in *names {
            written = written.and(name, sends);
        }
        sitting.await_server(|server| {
            let done = names.iter().find_map(|name| lacking(name, server));
            done.or_else(|| lacking_of_written(written, server))
        });
    }
    sitting.end();
}

/// After these a file is gone.
const REMOVES: [&str; 3] = ["delete", "redraft", "recall"];
const FLAGS: &[&str] = &["open", "read", "unread", "flag", "unflag", "answer"];
const PLACES: &[&str] = &["move", "copy"];

/// What mutt and neomutt can do.
const MUTTS: &[&[&str]] = &[
    FLAGS,
    PLACES,
    &["delete"],
    &["draft", "send"],
    &["redraft"],
    &["recall"],
];

#[test]
fn what_is_done_in_mutt_reaches_the_server() {
    reach_the_server("mutt", MUTTS);
}

#[test]
fn what_is_done_in_neomutt_reaches_the_server() {
    reach_the_server("neomutt", MUTTS);
}

#[test]
fn what_is_done_in_aerc_reaches_the_server() {
    reach_the_server(
        "aerc",
        &[FLAGS, PLACES, &["delete"], &["draft", "send"], &["recall"]],
    );
}

#[test]
fn what_is_done_in_notmuch_reaches_the_server() {
    let flags = &["open", "unread", "flag", "unflag", "answer"];
    reach_the_server("notmuch", &[flags, &["draft", "send"]]);
}

#[test]
fn what_is_done_in_mu_reaches_the_server() {
    reach_the_server("mu", &[FLAGS, &["move"]]);
}

#[test]
fn what_is_done_with_pythons_mailbox_reaches_the_server() {
    reach_the_server("python", &[FLAGS, PLACES, &["delete"], &["draft", "send"]]);
}

/// mutt and neomutt copy what is deleted into a mailbox, and delete it then.
fn a_trash_mailbox_is_a_move(reader: &str) {
    let mut sitting = sitting("");
    let setting = format!("set trash=\"{}\"", sitting.path("Trash"));
    sitting.act(reader, &[setting], &[Deed::of("delete", &id("delete"))]);
    sitting.await_server(|server| {
        let (inbox, trash) = (of(server, "INBOX", "delete"), of(server, "Trash", "delete"));
        let moved = inbox.is_empty() && is_the_same(&trash, "delete");
        (!moved).then(|| "it is not in the server's Trash".to_owned())
    });
    sitting.end();
}

#[test]
fn a_trash_mailbox_of_mutts_is_a_move() {
    a_trash_mailbox_is_a_move("mutt");
}

#[test]
fn a_trash_mailbox_of_neomutts_is_a_move() {
    a_trash_mailbox_is_a_move("neomutt");
}

/// mutt, neomutt and mu mark what is deleted with T, where that is what `\Deleted` is.
fn a_mark_of_deletion_is_a_flag(reader: &str) {
    let mut sitting = sitting("    deleted_flag: true\n");
    let setting = "set maildir_trash=yes".to_owned();
    let settings = if reader == "mu" {
        vec![]
    } else {
        vec![setting]
    };
    sitting.act(reader, &settings, &[Deed::of("delete", &id("delete"))]);
    sitting.await_server(|server| {
        let inbox = of(server, "INBOX", "delete");
        let marked = is_the_same(&inbox, "delete") && inbox[0].has("\\Deleted");
        (!marked).then(|| "it is not marked at the server".to_owned())
    });
    sitting.end();
}

#[test]
fn mutts_mark_of_deletion_is_a_flag() {
    a_mark_of_deletion_is_a_flag("mutt");
}

#[test]
fn mus_mark_of_deletion_is_a_flag() {
    a_mark_of_deletion_is_a_flag("mu");
}
