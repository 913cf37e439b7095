//! Servers that never end: each alone in a process with the good one, whose memory is the measure.

use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case};

/// Octets of one response that is as long as any may be.
const LONG: usize = 7 << 20;

/// As many items as a long response has.
fn items(item: &str) -> String {
    item.repeat(LONG / item.len())
}

async fn alone(case: Case) {
    case::run(vec![case]).await.assert_contained();
}

fn flood(name: &str, at: &str, text: &str, says: &'static str) -> Case {
    let traps = [Trap::at(at, [Act::flood(text)])];
    Case::imap(name, traps, End::Fails("protocol", says))
}

fn pop3_flood(name: &str, at: &str, first: &str, text: &str, says: &'static str) -> Case {
    let traps = [Trap::at(at, [Act::say(first), Act::flood(text)])];
    Case::pop3(name, traps, End::Fails("protocol", says))
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_lines_without_end_end_the_session_of_their_account() {
    alone(flood("greeting", "GREETING", "a", "without end")).await;
    alone(flood("login", "AUTHENTICATE", "a", "without end")).await;
    alone(flood("listing", "LIST", "* LIST () \"/\" ", "without end")).await;
    alone(flood(
        "header",
        "UID FETCH",
        "* 1 FETCH (UID 1 FLAGS (a ",
        "without end",
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_talk_without_end_ends_the_session_of_its_account() {
    let talk = "* OK Still here\r\n";
    alone(flood("login", "AUTHENTICATE", talk, "answered nothing")).await;
    alone(flood("listing", "LIST", talk, "answered nothing")).await;
    alone(flood("fetch", "UID FETCH", talk, "answered nothing")).await;
    let same = "* LIST () \"/\" same\r\n";
    alone(flood("same-mailbox", "LIST", same, "octets")).await;
    let row = "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n";
    alone(flood("same-row", "UID FETCH", row, "answered nothing")).await;
    let body = "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n";
    alone(flood(
        "same-body",
        "UID FETCH*BODY.PEEK[]",
        body,
        "answered nothing",
    ))
    .await;
    let status = "* STATUS nowhere (MESSAGES 1)\r\n";
    alone(flood("status", "LIST", status, "answered nothing")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_million_mailboxes_are_more_than_anybody_has() {
    let listing = |n: u64| format!("* LIST () \"/\" \"mailbox number {n}\"\r\n");
    let traps = [Trap::at(
        "LIST",
        [
            Act::Count(1_000_000, listing),
            Act::say("{tag} OK done\r\n"),
        ],
    )];
    let end = End::Fails("protocol", "list of mailboxes is longer");
    alone(Case::imap("listed", traps, end)).await;
    let levels = |n: u64| format!("* LIST () \"/\" \"{}{n}\"\r\n", "a/".repeat(60));
    let traps = [Trap::at("LIST", [Act::Count(1_000_000, levels)])];
    alone(Case::imap("deep", traps, end)).await;
    let lsub = |n: u64| format!("* LSUB () \"/\" \"mailbox number {n}\"\r\n");
    let traps = [Trap::at(
        "LSUB",
        [Act::Count(1_000_000, lsub), Act::say("{tag} OK done\r\n")],
    )];
    let subscribed = Case::imap("subscribed", traps, end).of(Options::old());
    alone(subscribed.with("folders: {subscribed: true}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_more_messages_than_fit_into_memory_are_refused() {
    let end = End::Fails("protocol", "more messages");
    let rows = |n: u64| format!("* {n} FETCH (UID {n} FLAGS (\\Seen) RFC822.SIZE 1)\r\n");
    let traps = [Trap::at(
        "UID FETCH",
        [Act::Count(u64::from(u32::MAX), rows)],
    )];
    alone(Case::imap("rows", traps, end)).await;
    let keywords = |n: u64| {
        let keyword = "k".repeat(50_000);
        format!("* {n} FETCH (UID {n} FLAGS ({keyword}{n}) RFC822.SIZE 1)\r\n")
    };
    let traps = [Trap::at("UID FETCH", [Act::Count(100_000, keywords)])];
    alone(Case::imap("keywords", traps, end)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_lists_of_a_million_words_are_cut() {
    let mut traps = Vec::new();
    for (name, text) in [
        (
            "capability",
            format!("* CAPABILITY IMAP4rev1 AUTH=PLAIN {}\r\n", items("A ")),
        ),
        ("enabled", format!("* ENABLED {}\r\n", items("A "))),
        ("flags", format!("* FLAGS ({})\r\n", items("a "))),
        (
            "permanent",
            format!("* OK [PERMANENTFLAGS ({})] x\r\n", items("a ")),
        ),
        ("search", format!("* SEARCH {}\r\n", items("1 "))),
        (
            "esearch",
            format!("* ESEARCH UID ALL {}1\r\n", items("1,3,")),
        ),
        (
            "vanished",
            format!("* VANISHED (EARLIER) {}1\r\n", items("1,3,")),
        ),
        (
            "namespace",
            format!("* NAMESPACE ({}) NIL NIL\r\n", items("(\"\" NIL)")),
        ),
        (
            "append-uid",
            format!("* OK [APPENDUID 1 {}1] x\r\n", items("1,3,")),
        ),
        (
            "copy-uid",
            format!("* OK [COPYUID 1 {0}1 {0}1] x\r\n", "1,3,".repeat(LONG / 8)),
        ),
        (
            "labels",
            format!("* 1 FETCH (X-GM-LABELS ({}))\r\n", items("a ")),
        ),
        (
            "attributes",
            format!("* LIST ({}) \"/\" x\r\n", items("a ")),
        ),
        ("alert", format!("* OK [ALERT] {}\r\n", items("a"))),
        ("status", format!("* STATUS x ({})\r\n", items("A 1 "))),
    ] {
        traps.push((name, Trap::at("EXAMINE", [Act::say(text), Act::Honest])));
    }
    for (name, trap) in traps {
        alone(Case::imap(name, [trap], End::Stores(3))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_pop3_answers_without_end_end_the_session_of_their_account() {
    let line = "of more than 8192 octets";
    alone(pop3_flood("greeting", "GREETING", "", "a", line)).await;
    alone(pop3_flood("login", "AUTH", "", "a", line)).await;
    alone(pop3_flood("stat", "STAT", "", "1", line)).await;
    alone(pop3_flood("list-line", "LIST", "+OK\r\n1 ", "1", line)).await;
    alone(pop3_flood("uidl-line", "UIDL", "+OK\r\n1 ", "u", line)).await;
    alone(pop3_flood(
        "capa",
        "CAPA",
        "+OK\r\n",
        "X-FLOOD\r\n",
        "larger than",
    ))
    .await;
    alone(pop3_flood(
        "list",
        "LIST",
        "+OK\r\n",
        "1 1\r\n",
        "larger than",
    ))
    .await;
    alone(pop3_flood(
        "uidl",
        "UIDL",
        "+OK\r\n",
        "1 a\r\n",
        "larger than",
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_more_pop3_messages_than_fit_into_memory_are_refused() {
    let end = End::Fails("protocol", "larger than");
    let stat = || Trap::at("STAT", [Act::say("+OK 4294967295 4294967295\r\n")]);
    let row = |n: u64| format!("{n} 1\r\n");
    let rows = Act::Count(u64::from(u32::MAX), row);
    let list = Trap::at("LIST", [Act::say("+OK\r\n"), rows]);
    alone(Case::pop3("list", [stat(), list], end)).await;
    let uidl = |n: u64| format!("{n} {n}\r\n");
    let rows = Act::Count(u64::from(u32::MAX), uidl);
    let uidls = Trap::at("UIDL", [Act::say("+OK\r\n"), rows]);
    alone(Case::pop3("uidl", [stat(), uidls], end)).await;
    let long = |n: u64| format!("{n} {}{n}\r\n", "u".repeat(450));
    let rows = Act::Count(u64::from(u32::MAX), long);
    let uidls = Trap::at("UIDL", [Act::say("+OK\r\n"), rows]);
    alone(Case::pop3("long-uidl", [stat(), uidls], end)).await;
}
