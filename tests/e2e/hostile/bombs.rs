//! A thousand octets for one: what is compressed costs no more than if it were not. And octets that are no TLS.

use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case, compressed};
use std::time::Duration;

/// More than are asked for at once, so that compressing is still worth it.
const MESSAGES: u64 = 3_000;

/// Octets that a bomb expands to.
const EXPANDED: usize = 64 << 20;

fn row(n: u64) -> String {
    format!("* {n} FETCH (UID {n} FLAGS () RFC822.SIZE 30)\r\n")
}

/// A server whose line is so slow that the client asks for compression.
fn bomb(name: &str, text: &str, says: &'static str) -> Case {
    let octets = compressed(text.repeat(EXPANDED / text.len()).as_bytes());
    assert!(octets.len() < EXPANDED / 200, "no bomb: {}", octets.len());
    let begin = format!("* {MESSAGES} FETCH (UID {MESSAGES} FLAGS () BODY[] {{30}}\r\n");
    let slow = [
        Act::say(begin),
        Act::Flow("x", Duration::from_millis(200), 30),
        Act::say(")\r\n{tag} OK done\r\n"),
    ];
    let traps = [
        Trap::at("UID FETCH*BODY.PEEK[]", slow).nth(1),
        Trap::at("UID FETCH*BODY.PEEK[]", [Act::say("{tag} OK done\r\n")]),
        Trap::at(
            "UID FETCH",
            [Act::Count(MESSAGES, row), Act::say("{tag} OK done\r\n")],
        ),
        Trap::at(
            "COMPRESS DEFLATE",
            [Act::say("{tag} OK go\r\n"), Act::Say(octets), Act::Hang],
        ),
    ];
    Case::imap(name, traps, End::Fails("protocol", says))
        .of(Options::default().with(&["COMPRESS=DEFLATE"]))
        .with("connections: 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_a_compressed_bomb_is_cut_like_what_it_expands_to() {
    let line = bomb("line", "a", "without end");
    case::run(vec![line]).await.assert_contained();
    let talk = bomb("talk", "* OK Still here\r\n", "answered nothing");
    case::run(vec![talk]).await.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r9_r11_octets_that_are_no_tls_end_the_account_alone() {
    let tls = |name: &str, acts: Vec<Act>, kind| {
        let traps = [Trap::at("GREETING", acts)];
        let case = Case::imap(name, traps, End::Fails(kind, ""));
        case.tls("implicit")
    };
    // A handshake of TLS 1.0: what mpop took.
    let mut old = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01".to_vec();
    old.extend_from_slice(&[7; 32]);
    old.extend_from_slice(b"\x00\x00\x2f\x00");
    let outcome = case::run(vec![
        tls("version", vec![Act::say(old), Act::Hang], "tls"),
        tls("text", vec![Act::say("* OK ready\r\n"), Act::Hang], "tls"),
        tls(
            "record",
            vec![Act::say(b"\x16\x03\x03\xff\xff"), Act::flood("garbage")],
            "tls",
        ),
        tls("zeroes", vec![Act::flood("\0")], "tls"),
        tls(
            "handshake",
            vec![Act::say(b"\x16\x03\x03\x00\x04\x02\xff\xff\xff"), Act::Hang],
            "tls",
        ),
        tls(
            "alert",
            vec![Act::say(b"\x15\x03\x03\x00\x02\x02\x28"), Act::Close],
            "tls",
        ),
        tls("silent", vec![Act::Hang], "unreachable").with("timeout: 2s"),
        tls("gone", vec![Act::Close], "unreachable"),
    ])
    .await;
    outcome.assert_contained();
}
