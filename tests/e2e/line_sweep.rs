//! R1 to R3 on the built binary and a real Dovecot: the line ends, or the binary is killed, at many octets of
//! a pass that deletes on the server, those around STORE, EXPUNGE, MOVE, COPY, DELE and QUIT among them.
//!
//! After each, a pass over a whole line must find every message exactly once here and do what is left to do.

mod story;
mod witness;

use postrider_tests::cutting_proxy::{Cut, CuttingProxy, End, Side, Transcript};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::postrider::{binary, said};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use story::Story;
use witness::Witness;

/// Runs that go on at the same time: they wait for flushes and for the server more than they compute.
const WORKERS: usize = 3;

/// Longer than a client with nothing to wait for needs to do what the last octet asks of it.
const PAUSE: Duration = Duration::from_millis(40);

/// A sync that meets its end, and what it left.
fn run(dovecot: &Dovecot, story: &Story, (at, cut): (usize, Cut)) -> Result<(), String> {
    let user = format!("run{at}");
    story::clone_template(dovecot, &user);
    let proxy = CuttingProxy::start(story.port(dovecot));
    let home = story.home(&proxy, &user);
    let witness = Witness::new(story, &home, dovecot.dir.join("home").join(&user));
    proxy.plan(Some(cut));
    let mut sync = home.command(&["sync"]);
    let sync = sync.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut sync = sync.spawn().unwrap();
    let reached = proxy.reaches_cut(|| sync.try_wait().unwrap().is_some());
    if cut.end == End::Held && reached {
        // Some at once, some when all is done that can be done without another octet.
        if at.is_multiple_of(2) {
            std::thread::sleep(PAUSE);
        }
        sync.kill().unwrap();
    }
    let ended = sync.wait_with_output().unwrap();
    // 130 and the like do not come from a line that ends.
    let expected = [None, Some(0), Some(69), Some(76)];
    if !expected.contains(&ended.status.code()) {
        return Err(format!("{}: {}", ended.status, said(&ended)));
    }
    let _whole = proxy.settle();
    witness.nothing_is_lost()?;
    proxy.plan(None);
    let healed = home.run(&["sync", "--json"]);
    let told = said(&healed);
    if !healed.status.success() {
        return Err(format!("heals with {}: {told}", healed.status));
    }
    witness
        .all_is_done()
        .map_err(|why| format!("{why}\n{told}"))?;
    witness.nothing_is_left_to_do()
}

/// Everything that a pass says and hears when nothing ends it.
fn undisturbed(dovecot: &Dovecot, story: &Story) -> Transcript {
    story::clone_template(dovecot, "measured");
    let proxy = CuttingProxy::start(story.port(dovecot));
    let home = story.home(&proxy, "measured");
    proxy.plan(None);
    home.succeed(&["sync"]);
    let witness = Witness::new(story, &home, dovecot.dir.join("home/measured"));
    let said = proxy.settle();
    witness.all_is_done().unwrap();
    said
}

/// Where each run ends, and how.
fn cuts(story: &Story, said: &Transcript) -> Vec<Cut> {
    let cut = |side, end| move |after| Cut { side, after, end };
    let mut cuts = Vec::new();
    for (side, count) in [(Side::Server, 18), (Side::Client, 6)] {
        let mut octets = said.spread(side, count);
        octets.extend(said.line_ends_since(side, story.words));
        let ends = [End::Fin, End::Reset].into_iter().cycle();
        cuts.extend(
            octets
                .iter()
                .zip(ends)
                .map(|(after, end)| cut(side, end)(*after)),
        );
    }
    let mut octets = said.spread(Side::Server, 10);
    octets.extend(said.line_ends_since(Side::Server, story.words));
    cuts.extend(octets.into_iter().map(cut(Side::Server, End::Held)));
    cuts
}

fn sweep(dovecot: &Dovecot, story: &Story) {
    binary();
    story.fill_template(dovecot);
    let said = undisturbed(dovecot, story);
    let cuts = cuts(story, &said);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(cut) = cuts.get(at) else { return };
            if let Err(why) = run(dovecot, story, (at, *cut)) {
                failed.lock().unwrap().push(format!("{cut:?}: {why}"));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..WORKERS).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {} runs:\n{}",
        failed.len(),
        cuts.len(),
        failed.join("\n\n")
    );
    assert!(cuts.len() > 40, "only {} runs", cuts.len());
}

#[test]
fn r1_r3_imap_delete_survives_every_end_of_the_line() {
    sweep(&Dovecot::start(), &story::IMAP_DELETE);
}

#[test]
fn r1_r3_imap_delete_after_survives_every_end_of_the_line() {
    sweep(&Dovecot::start(), &story::IMAP_DELETE_AFTER);
}

#[test]
fn r1_r3_imap_trash_by_move_survives_every_end_of_the_line() {
    sweep(&Dovecot::start(), &story::IMAP_MOVE);
}

#[test]
fn r1_r3_imap_trash_by_copy_survives_every_end_of_the_line() {
    let no_move = "IMAP4rev1 LITERAL+ SASL-IR ENABLE UIDPLUS LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE QRESYNC ESEARCH";
    sweep(&Dovecot::with_capability(no_move), &story::IMAP_COPY);
}

#[test]
fn r1_r2_r3_pop3_delete_survives_every_end_of_the_line() {
    sweep(&Dovecot::start(), &story::POP3_DELETE);
}
