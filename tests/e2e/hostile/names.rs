//! Mailboxes with names that are meant to lead elsewhere: every one of them is stored inside the account's own
//! tree, each in a directory of its own (R8).

use super::instead;
use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case};
use std::path::Path;

/// Absolute, so it must stay unwritten.
const ELSEWHERE: &str = "/tmp/postrider-was-led-astray";

/// As they stand in LIST, quoted or as literals.
#[expect(clippy::too_many_lines, reason = "a table of names")]
fn names() -> Vec<Vec<u8>> {
    let mut names: Vec<Vec<u8>> = [
        "..",
        "../../../../evil",
        "../../../../../../../../../../tmp/postrider-was-led-astray",
        "a/../../../../evil",
        "INBOX/../../evil",
        "./evil",
        ".",
        ".hidden",
        "~",
        "~root/evil",
        "cur",
        "new",
        "tmp",
        "INBOX/cur",
        "a/new/tmp",
        "a//b",
        "/leading",
        "trailing/",
        "%2e%2e",
        "%2F",
        "a%00",
        // `/`, `..`, NUL, ASCII that needs no encoding, half a surrogate pair, an end that never comes.
        "a&AC8-b",
        "&AC4ALg-",
        "a&AAA-b",
        "&AGUAdgBpAGw-",
        "&2D0-",
        "&Jjo",
        "a&-b",
        "&",
        "dovecot-uidlist",
        "dovecot.index.log",
        ".nfs0001",
        "`touch evil`",
        "$(touch evil)",
        "; touch evil;",
        "| touch evil",
        "-rf",
        "--help",
        "*",
        "a b\tc",
        "\u{1b}[2J",
        "\u{202e}gnp.exe",
        "A case",
        "a case",
        "Entwürfe",
        "Entwu\u{308}rfe",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    names.push(ELSEWHERE.into());
    names.push(b"nul\0inside".to_vec());
    names.push(b"line\r\nend".to_vec());
    names.push(b"caf\xe9".to_vec());
    names.push(b"\xff\xfe\xc0\xaf".to_vec());
    names.push(b"x".repeat(255));
    names.push(b"x".repeat(256));
    names.push(b"y".repeat(10_000));
    names.push([b"d/".repeat(200), b"end".to_vec()].concat());
    names.push([b"../".repeat(200), b"end".to_vec()].concat());
    names
}

fn listing(delimiter: &str) -> Vec<u8> {
    let mut said = Vec::new();
    for name in names() {
        said.extend_from_slice(format!("* LIST () {delimiter} {{{}}}\r\n", name.len()).as_bytes());
        said.extend_from_slice(&name);
        said.extend_from_slice(b"\r\n");
    }
    said.extend_from_slice(b"{tag} OK done\r\n");
    said
}

fn traps(delimiter: &str) -> [Trap; 4] {
    [
        Trap::at("LIST", [Act::say(listing(delimiter))]),
        instead("STATUS", "{tag} NO what\r\n"),
        // Every one of them holds what INBOX holds.
        Trap::at("EXAMINE", [Act::Redirected("EXAMINE INBOX")]),
        Trap::at("SELECT", [Act::Redirected("SELECT INBOX")]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_no_name_of_a_mailbox_leads_out_of_the_mail_tree() {
    assert!(!Path::new(ELSEWHERE).exists(), "left behind by somebody");
    // No command can name the one with a NUL in it (RFC 9051 §9, CHAR8): it is skipped, and the log tells.
    let named = names().len() - 1;
    let mut cases = Vec::new();
    for layout in ["fs", "maildir++"] {
        for (n, delimiter) in ["\"/\"", "\".\"", "NIL", "\"\\\\\""]
            .into_iter()
            .enumerate()
        {
            let name = format!("{}-{n}", layout.trim_end_matches('+'));
            // Where the dot parts levels, two names have none: they name the root, which holds no mail.
            let named = named - if n == 1 { 2 } else { 0 };
            let case = Case::imap(&name, traps(delimiter), End::Stores(3 * named));
            cases.push(case.with(&format!("layout: {layout}")).of(Options::old()));
        }
    }
    let outcome = case::run(cases).await;
    outcome.assert_contained();
    assert!(!Path::new(ELSEWHERE).exists());
    // The tree of an account is all that is beside the others.
    let beside = std::fs::read_dir(outcome.home.path().join("a/b/c/Mail")).unwrap();
    assert_eq!(beside.count(), 9);
}
