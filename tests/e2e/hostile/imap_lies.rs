//! IMAP servers that say what no server may say, each at another point of the session.

use super::{before, edited, instead};
use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case};

/// What nobody asked for, of every kind.
const UNASKED: &str = "* LIST () \"/\" \"../../evil\"\r\n* LSUB () \"/\" evil\r\n* STATUS evil (MESSAGES 4294967295)\r\n\
    * SEARCH 1 2 3\r\n* ESEARCH (TAG \"nobody\") UID ALL 1:4294967295\r\n* 7 EXPUNGE\r\n* 4294967295 EXPUNGE\r\n\
    * 77 FETCH (UID 4000000000 FLAGS (\\Deleted))\r\n* 78 FETCH (FLAGS (evil))\r\n\
    * OK [APPENDUID 1 1:4294967295] x\r\n* OK [COPYUID 1 1:4294967295 1:4294967295] x\r\n\
    * OK [COPYUID 1 1 4294967295,1,2] x\r\n* ENABLED UTF8=ACCEPT QRESYNC\r\n* NAMESPACE ((\"../\" \"/\")) NIL NIL\r\n\
    * QUOTA \"\" (STORAGE 18446744073709551615 1)\r\n* ID (\"name\" \"\u{1b}[2J\")\r\n* X-NOBODY ((((\r\n\
    * OK [ALERT] \u{1b}]0;evil\u{7}\r\n* NO [THISISNOTACODE \"x] y\r\n* NO\r\n* OK\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn r11_greetings_that_are_none_are_protocol_errors() {
    let greeting = |name, text: &str| {
        let end = End::Fails("protocol", "greeting");
        Case::imap(name, [instead("GREETING", text)], end)
    };
    let outcome = case::run(vec![
        greeting("octets", "\u{1}\u{2}\u{0}\r\n"),
        greeting("pop3", "+OK ready\r\n"),
        greeting("smtp", "220 mail.example.org ESMTP\r\n"),
        greeting("http", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        greeting("empty", "\r\n\r\n"),
        greeting("list", "* LIST () \"/\" evil\r\n"),
        greeting("exists", "* 99999999999999999999 EXISTS\r\n"),
        greeting("no", "* NO not you\r\n"),
        Case::imap(
            "bye",
            [instead("GREETING", "* BYE not now\r\n")],
            End::Fails("unreachable", "goodbye"),
        ),
        Case::imap(
            "gone",
            [Trap::at("GREETING", [Act::Close])],
            End::Fails("unreachable", "closed the connection"),
        ),
        Case::imap(
            "half",
            [Trap::at("GREETING", [Act::say("* OK rea"), Act::Close])],
            End::Fails("unreachable", "closed the connection"),
        ),
        // A number in free text announces nothing.
        Case::imap(
            "literal-in-text",
            [instead("GREETING", "* OK ready {9223372036854775808}\r\n")],
            End::Stores(3),
        ),
    ])
    .await;
    outcome.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_literals_of_any_length_are_refused_before_a_single_octet_is_kept() {
    let list = |name, length: &str, says| {
        let text = format!("* LIST () \"/\" {{{length}}}\r\n");
        let traps = [Trap::at("LIST", [Act::say(text), Act::Hang])];
        Case::imap(name, traps, End::Fails("protocol", says))
    };
    let body = |name, length: &str, says| {
        let text = format!("* 1 FETCH (UID 1 FLAGS () BODY[] {{{length}}}\r\n");
        let traps = [Trap::at(
            "UID FETCH*BODY.PEEK[]",
            [Act::say(text), Act::Hang],
        )];
        Case::imap(name, traps, End::Fails("protocol", says))
    };
    let outcome = case::run(vec![
        list("list-2g", "2147483648", "announced a literal of 2147483648"),
        list("list-63", "9223372036854775808", "announced a literal"),
        list("list-64", "18446744073709551616", "beyond 64 bits"),
        list("list-99", &"9".repeat(99), "beyond 64 bits"),
        body("body-63", "9223372036854775808", "announced a message"),
        body("body-64", "18446744073709551616", "beyond 64 bits"),
        // What could be is waited for, and no memory is taken meanwhile.
        Case::imap(
            "body-2g",
            [Trap::at(
                "UID FETCH*BODY.PEEK[]",
                [
                    Act::say("* 1 FETCH (UID 1 BODY[] {2147483647}\r\n"),
                    Act::Hang,
                ],
            )],
            End::Fails("unreachable", "talking to the server"),
        )
        .with("timeout: 2s"),
        // No literal at all, and so a row that is lost.
        Case::imap(
            "body-negative",
            [instead(
                "UID FETCH*BODY.PEEK[]",
                "* 1 FETCH (UID 1 BODY[] {-1}\r\n{tag} OK done\r\n",
            )],
            End::Stores(0),
        ),
        Case::imap(
            "two-bodies",
            [instead(
                "UID FETCH*BODY.PEEK[]",
                "* 1 FETCH (UID 1 BODY[] {1}\r\nx BODY[] {1}\r\ny)\r\n{tag} OK done\r\n",
            )],
            End::Fails("protocol", "two message bodies"),
        ),
        Case::imap(
            "header",
            [instead("STATUS", "* STATUS {4294967296}\r\n")],
            End::Fails("protocol", "announced a literal"),
        )
        .of(Options::old()),
    ])
    .await;
    outcome.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_what_nobody_asked_for_changes_nothing_wherever_it_comes() {
    let everywhere = Trap::at("", [Act::say(UNASKED), Act::Honest]);
    let after = Trap::at(
        "",
        [
            Act::Unended,
            Act::say(UNASKED),
            Act::say("{tag} OK done\r\n"),
        ],
    );
    let outcome = case::run(vec![
        Case::imap(
            "before-login",
            [before("AUTHENTICATE", UNASKED)],
            End::Stores(3),
        ),
        Case::imap("before", [everywhere.clone()], End::Stores(3)),
        Case::imap("before-old", [everywhere], End::Stores(3)).of(Options::old()),
        Case::imap("after-old", [after], End::Stores(3)).of(Options::old()),
        Case::imap(
            "vanished",
            [Trap::at(
                "",
                [Act::say("* VANISHED 1:4294967295\r\n"), Act::Honest],
            )],
            End::Stores(3),
        ),
        Case::imap(
            "another-tag",
            [before("LIST", "p999 OK done\r\n")],
            End::Fails("protocol", "not sent"),
        ),
    ])
    .await;
    outcome.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_r11_numbers_beyond_their_bounds_are_not_believed() {
    // What goes before the digits of an honest number.
    let wrong = [
        ("minus", "-"),
        ("wide", "42949672960"),
        ("huge", "99999999999999999999"),
        ("word", "x"),
    ];
    let mut cases = Vec::new();
    for (name, before) in wrong {
        for (what, text, stores) in [
            ("exists", "3 EXISTS", 3),
            ("uid-next", "UIDNEXT ", 3),
            ("mod-seq", "MODSEQ (", 3),
            ("highest", "HIGHESTMODSEQ ", 3),
            ("messages", "MESSAGES ", 3),
            // Without an epoch nobody knows what a UID means: the mailbox is skipped, and the log tells.
            ("uid-validity", "UIDVALIDITY ", 0),
        ] {
            let to = match what {
                "exists" => format!("{before}{text}"),
                _ => format!("{text}{before}"),
            };
            let traps = [Trap::at(
                "",
                [Act::Edited(text, Box::leak(to.into_boxed_str()))],
            )];
            cases.push(Case::imap(
                &format!("{what}-{name}"),
                traps,
                End::Stores(stores),
            ));
        }
        let size: &'static str = Box::leak(format!("RFC822.SIZE {before}").into_boxed_str());
        let traps = [Trap::at("UID FETCH", [Act::Edited("RFC822.SIZE ", size)])];
        // It decides nothing (R7).
        cases.push(Case::imap(&format!("size-{name}"), traps, End::Stores(3)));
        // A row that cannot be read is a message that is skipped.
        let uid: &'static str = Box::leak(format!("(UID {before}").into_boxed_str());
        let traps = [Trap::at("UID FETCH", [Act::Edited("(UID ", uid)])];
        cases.push(Case::imap(&format!("uid-{name}"), traps, End::Stores(0)));
    }
    let outcome = case::run(cases).await;
    outcome.assert_contained();
    for (name, row) in &outcome.accounts {
        let silent = row["new"] == 0 && row["skipped"] == 0;
        assert!(!silent, "nothing is stored and nothing told: {name}: {row}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_nesting_without_end_costs_nothing_but_its_row() {
    let deep = "(".repeat(100_000);
    let closed = format!("{deep}{}", ")".repeat(100_000));
    let fetch = format!("* 9 FETCH (UID 9 BODYSTRUCTURE {closed})\r\n");
    let open = format!("* 9 FETCH (UID 9 BODYSTRUCTURE {deep}\r\n");
    let mut cases = Vec::new();
    for (name, text) in [
        ("fetch", fetch),
        ("fetch-open", open),
        ("list", format!("* LIST () \"/\" deep ({closed})\r\n")),
        ("attributes", format!("* LIST {closed} \"/\" deep\r\n")),
        ("namespace", format!("* NAMESPACE {closed} NIL NIL\r\n")),
        ("status", format!("* STATUS INBOX {closed}\r\n")),
        ("id", format!("* ID {closed}\r\n")),
        ("code", format!("* OK [{closed}] x\r\n")),
        ("flags", format!("* FLAGS {closed}\r\n")),
        ("quota", format!("* QUOTA \"\" {closed}\r\n")),
        ("search", format!("* SEARCH {closed}\r\n")),
        ("esearch", format!("* ESEARCH {closed}\r\n")),
        ("unknown", format!("* X {closed}\r\n")),
    ] {
        cases.push(Case::imap(name, [before("", &text)], End::Stores(3)));
    }
    let outcome = case::run(cases).await;
    outcome.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_dates_and_texts_without_measure_do_no_harm() {
    let long = "9".repeat(100_000);
    let date: &'static str = Box::leak(format!("INTERNALDATE \"{long}").into_boxed_str());
    let outcome = case::run(vec![
        Case::imap(
            "long-date",
            [edited("UID FETCH", "INTERNALDATE \"", date)],
            End::Stores(3),
        ),
        Case::imap(
            "no-date",
            [edited(
                "UID FETCH",
                "INTERNALDATE \"",
                "INTERNALDATE \"99-Foo-",
            )],
            End::Stores(3),
        ),
        // A refusal may be long, and may hold what moves a cursor: it is shown as text, and cut.
        Case::imap(
            "long-refusal",
            [instead(
                "AUTHENTICATE",
                &format!("{{tag}} NO \u{1b}[2J{long}\r\n"),
            )],
            End::Fails("auth", "\\u{1b}[2J999"),
        ),
        Case::imap(
            "mute-refusal",
            [instead("AUTHENTICATE", "{tag} NO\r\n")],
            End::Fails("auth", "refused the login"),
        ),
        Case::imap(
            "mute-ok",
            [instead("LIST", "* LIST () \"/\" INBOX\r\n{tag} OK\r\n")],
            End::Stores(3),
        ),
    ])
    .await;
    outcome.assert_contained();
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    assert!(outcome.stderr.len() < 100_000, "{}", outcome.stderr.len());
}
