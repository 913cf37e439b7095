//! A session that ends badly at every command in turn: what was stored by then is whole, and nothing else is.

use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case};

/// More commands than a first pass has.
const COMMANDS: usize = 14;

fn ways() -> [(&'static str, Vec<Act>); 6] {
    [
        ("bye", vec![Act::say("* BYE enough\r\n"), Act::Close]),
        (
            "bye-after",
            vec![Act::Unended, Act::say("* BYE enough\r\n"), Act::Close],
        ),
        ("end", vec![Act::Close]),
        ("end-after", vec![Act::Unended, Act::Close]),
        (
            "no",
            vec![Act::Unended, Act::say("{tag} NO not this time\r\n")],
        ),
        ("bad", vec![Act::say("{tag} BAD what\r\n")]),
    ]
}

fn pop3_ways() -> [(&'static str, Vec<Act>); 4] {
    [
        ("end", vec![Act::Close]),
        ("end-after", vec![Act::Unended, Act::Close]),
        ("err", vec![Act::say("-ERR not this time\r\n")]),
        ("half", vec![Act::say("+O"), Act::Close]),
    ]
}

async fn sweep(cases: Vec<Case>) {
    let outcome = case::run(cases).await;
    outcome.assert_contained();
    // Whatever came of them, what they stored is what the good account has, and nothing twice.
    let good: Vec<String> = outcome.mail("good").contents("INBOX");
    let good_root = outcome.mail("good").contents("");
    let whole = if good.is_empty() { good_root } else { good };
    assert_eq!(whole.len(), 3);
    let (mut failed, mut succeeded) = (0, 0);
    for (name, row) in &outcome.accounts {
        match row["ok"] == true {
            true => succeeded += 1,
            false => failed += 1,
        }
        let mail = outcome.mail_or_none(name);
        let mut stored: Vec<String> = ["INBOX", ""]
            .iter()
            .flat_map(|mailbox| {
                mail.as_ref()
                    .map_or_else(Vec::new, |mail| mail.contents(mailbox))
            })
            .collect();
        stored.sort();
        let before = stored.len();
        stored.dedup();
        assert_eq!(stored.len(), before, "{name} stored something twice");
        assert!(
            stored.iter().all(|hash| whole.contains(hash)),
            "{name}: {row}"
        );
    }
    assert!(
        failed > 10 && succeeded > 1,
        "{failed} failed, {succeeded} did not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_an_imap_session_may_end_at_any_command() {
    let mut cases = Vec::new();
    for (way, acts) in ways() {
        for nth in 1..=COMMANDS {
            let trap = Trap::at("", acts.clone()).nth(nth);
            let name = format!("{way}-{nth}");
            cases.push(Case::imap(&name, [trap.clone()], End::Any));
            let name = format!("old-{way}-{nth}");
            cases.push(Case::imap(&name, [trap], End::Any).of(Options::old()));
        }
    }
    sweep(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_a_pop3_session_may_end_at_any_command() {
    let mut cases = Vec::new();
    for (way, acts) in pop3_ways() {
        for nth in 1..=COMMANDS {
            let trap = Trap::at("", acts.clone()).nth(nth);
            cases.push(Case::pop3(&format!("{way}-{nth}"), [trap], End::Any));
        }
    }
    sweep(cases).await;
}
