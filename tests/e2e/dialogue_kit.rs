//! The dialogue kit is a witness in other tests; here it is the accused.

use postrider_tests::dialogue::{Dialogue, Mismatch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Plays `script` to a client that sends `client` at once, and returns what the server said and the verdict.
async fn run(script: &str, client: &[u8]) -> (Vec<u8>, Result<(), Mismatch>) {
    let dialogue = Dialogue::parse("case.txt", script).unwrap();
    let (mut stream, task) = dialogue.play();
    // The server may have closed already; what it thinks of that is the verdict.
    stream.write_all(client).await.ok();
    stream.shutdown().await.ok();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    drop(stream);
    (heard, task.await.unwrap())
}

#[tokio::test]
async fn a_conversation_as_written_is_played_to_its_end() {
    let script = "
# A comment, and a blank line above.
S: * OK ready
C: LOGIN \"ada\" \"secret\"
S: {tag} OK logged in
";
    let (heard, verdict) = run(script, b"A1 LOGIN \"ada\" \"secret\"\r\n").await;
    assert_eq!(heard, b"* OK ready\r\nA1 OK logged in\r\n");
    assert_eq!(verdict, Ok(()));
}

#[tokio::test]
async fn a_wrong_line_names_file_line_and_both_texts() {
    let script = "S: +OK ready\nC: USER ada\nS: +OK\n";
    let (_, verdict) = run(script, b"USER bob\r\n").await;
    let text = verdict.unwrap_err().to_string();
    assert_eq!(
        text,
        "case.txt:2: the client left the script\n  expected: USER ada\n  received: USER bob\n                 ^"
    );
}

#[tokio::test]
async fn a_tag_is_no_excuse_in_pop3() {
    let (_, verdict) = run("S: +OK ready\nC: USER ada\n", b"A1 USER ada\r\n").await;
    assert_eq!(verdict.unwrap_err().line(), 2);
}

#[tokio::test]
async fn pipelined_commands_keep_their_own_tags() {
    let script =
        "S: * PREAUTH hello\nC: NOOP\nC: LOGOUT\nS: {tag-1} OK first\nS: {tag} OK second\n";
    let (heard, verdict) = run(script, b"x7 NOOP\r\nx8 LOGOUT\r\n").await;
    assert_eq!(heard, b"* PREAUTH hello\r\nx7 OK first\r\nx8 OK second\r\n");
    assert_eq!(verdict, Ok(()));
}

#[tokio::test]
async fn a_tag_nobody_sent_cannot_be_answered() {
    let (_, verdict) = run("S: {tag} OK what\n", b"").await;
    assert_eq!(verdict.unwrap_err().line(), 1);
}

#[tokio::test]
async fn literals_are_counted_and_raw_octets_are_raw() {
    let script = r#"S: * 1 FETCH (BODY[] {literal "a}\r\n"} {not special})
S<< \x00\xff{tag}\\
S!
"#;
    let (heard, verdict) = run(script, b"").await;
    assert_eq!(
        heard,
        b"* 1 FETCH (BODY[] {4}\r\na}\r\n {not special})\r\n\x00\xff{tag}\\"
    );
    assert_eq!(verdict, Ok(()));
}

#[tokio::test]
async fn a_literal_file_travels_with_crlf() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("one.eml"), "Subject: x\n\nhi\r\n").unwrap();
    std::fs::write(dir.path().join("script.txt"), "S: {literal one.eml})\nS!\n").unwrap();
    let (mut stream, task) = Dialogue::load(dir.path().join("script.txt"))
        .unwrap()
        .play();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"{18}\r\nSubject: x\r\n\r\nhi\r\n)\r\n");
    assert_eq!(task.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_client_literal_is_compared_octet_by_octet() {
    let script = "S: * OK x\nC: APPEND box {3}\nS: + go\nC<< a\\r\\n\nC: \nS: {tag} OK done\n";
    let (heard, verdict) = run(script, b"1 APPEND box {3}\r\na\r\n\r\n").await;
    assert_eq!(heard, b"* OK x\r\n+ go\r\n1 OK done\r\n");
    assert_eq!(verdict, Ok(()));
    let (_, verdict) = run(script, b"1 APPEND box {3}\r\nb\r\n\r\n").await;
    assert_eq!(verdict.unwrap_err().line(), 4);
}

#[tokio::test]
async fn a_rest_may_be_any_but_the_start_may_not() {
    let script = "S: * OK x\nC: APPEND INBOX {any}\n";
    let (_, verdict) = run(script, b"1 APPEND INBOX (\\Seen) {3}\r\n").await;
    assert_eq!(verdict, Ok(()));
    let (_, verdict) = run(script, b"1 APPEND Sent (\\Seen) {3}\r\n").await;
    assert_eq!(verdict.unwrap_err().line(), 2);
}

#[tokio::test]
async fn saying_too_much_or_too_little_is_a_mismatch() {
    let (_, verdict) = run("S: +OK\nC: QUIT\nS: +OK\n", b"QUIT\r\nNOOP\r\n").await;
    assert!(verdict.unwrap_err().to_string().contains("after the end"));
    let (_, verdict) = run("S: +OK\nC: QUIT\nS: +OK\n", b"").await;
    assert!(
        verdict
            .unwrap_err()
            .to_string()
            .contains("closed the connection")
    );
    let (_, verdict) = run("S: +OK\nC: QUIT\nS: +OK\n", b"QUIT\n").await;
    assert!(verdict.unwrap_err().to_string().contains("CRLF"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_does_not_hang_the_test() {
    let dialogue = Dialogue::parse("case.txt", "S: +OK\nC: QUIT\n").unwrap();
    let (stream, task) = dialogue.play();
    let verdict = task.await.unwrap();
    drop(stream);
    assert!(verdict.unwrap_err().to_string().contains("five seconds"));
}

#[test]
fn an_unknown_line_is_refused_with_its_number() {
    let verdict = Dialogue::parse("case.txt", "S: hello\n> hello\n");
    assert_eq!(verdict.unwrap_err().line(), 2);
    let verdict = Dialogue::parse("case.txt", "S<< \\q\n");
    assert_eq!(verdict.unwrap_err().line(), 1);
    let verdict = Dialogue::parse("nowhere/case.txt", "S: {literal absent.eml}\n");
    assert!(verdict.unwrap_err().to_string().contains("absent.eml"));
}
