//! Servers that take their time: silence ends a session after `timeout`, and talk that brings nothing forward
//! not much later, though no octet is ever late.

use postrider_mailserver::Options;
use postrider_tests::hostile::{Act, Case, End, Trap, case};
use std::time::Duration;

/// Well below the `timeout` of two seconds.
const PAUSE: Duration = Duration::from_millis(400);

fn at(name: &str, at: &str, act: Act, says: &'static str) -> Case {
    let traps = [Trap::at(at, [act])];
    Case::imap(name, traps, End::Fails("unreachable", says)).with("timeout: 2s")
}

fn pop3_at(name: &str, at: &str, first: &str, act: Act, says: &'static str) -> Case {
    let traps = [Trap::at(at, [Act::say(first), act])];
    Case::pop3(name, traps, End::Fails("unreachable", says)).with("timeout: 2s")
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_silence_ends_a_session_wherever_it_begins() {
    let silent = "talking to the server";
    let mut cases: Vec<Case> = ["GREETING", "AUTHENTICATE", "LIST", "EXAMINE", "UID FETCH"]
        .into_iter()
        .map(|command| at(&command.replace(' ', "-"), command, Act::Hang, silent))
        .collect();
    for command in ["CAPABILITY", "LOGIN", "STATUS"] {
        cases.push(at(command, command, Act::Hang, silent).of(Options::old()));
    }
    for command in ["GREETING", "CAPA", "AUTH", "STAT", "LIST", "UIDL", "RETR"] {
        let name = format!("pop3-{command}");
        let says = "waiting for the answer to";
        let traps = [Trap::at(command, [Act::Hang])];
        cases.push(Case::pop3(&name, traps, End::Fails("unreachable", says)).with("timeout: 2s"));
    }
    case::run(cases).await.assert_contained();
}

#[tokio::test(flavor = "multi_thread")]
async fn r11_still_here_for_ever_ends_a_session_wherever_it_begins() {
    let talk = || Act::Chatter("* OK Still here\r\n", PAUSE);
    let drip = || Act::Drip("* OK Still here, and slower\r\n", PAUSE);
    // On a busy machine an octet may be late all the same: then it is silence that ends it.
    let patience = "";
    let mut cases = Vec::new();
    for command in ["GREETING", "AUTHENTICATE", "LIST", "EXAMINE", "UID FETCH"] {
        let name = command.replace(' ', "-");
        // The first line is a greeting, and the next an answer to nothing.
        if command != "GREETING" {
            cases.push(at(&format!("{name}-talk"), command, talk(), patience));
        }
        cases.push(at(&format!("{name}-drip"), command, drip(), patience));
    }
    for (name, command) in [("rows", "UID FETCH"), ("bodies", "UID FETCH*BODY.PEEK[]")] {
        let same = Act::Chatter("* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n", PAUSE);
        cases.push(at(&format!("{name}-same"), command, same, patience));
    }
    // One octet of a message at a time is slower than any line.
    let body = Trap::at(
        "UID FETCH*BODY.PEEK[]",
        [
            Act::say("* 1 FETCH (UID 1 BODY[] {100000}\r\n"),
            Act::Drip("x", PAUSE),
        ],
    );
    cases.push(
        Case::imap("body-drip", [body], End::Fails("unreachable", patience)).with("timeout: 2s"),
    );
    let slow = "";
    for (command, first) in [
        ("GREETING", ""),
        ("CAPA", "+OK\r\n"),
        ("STAT", ""),
        ("LIST", "+OK\r\n"),
        ("UIDL", "+OK\r\n"),
        ("RETR", "+OK\r\n"),
    ] {
        let act = Act::Drip("+OK 3 ", PAUSE);
        cases.push(pop3_at(
            &format!("pop3-{command}"),
            command,
            first,
            act,
            slow,
        ));
    }
    case::run(cases).await.assert_contained();
}
