//! `tunnel` on the built binary: Dovecot's own imap behind it, a server that wants a login, and commands that are no
//! server at all.

use postrider_tests::daemon::RunningDaemon;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::{Oracle, Pop3Oracle};
use postrider_tests::postrider::{Home, said};
use postrider_tests::rig::{files, message};
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Dovecot's imap as ada, who is known: it greets with PREAUTH.
fn imap_of_ada(dovecot: &Dovecot) -> String {
    let dir = dovecot.dir.display();
    format!("env USER=ada HOME={dir}/home/ada doveadm -c {dir}/dovecot.conf exec imap")
}

fn config(account: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  home:\n    \
         maildir: \"{{home}}/Mail\"\n    poll: 1h\n{}",
        account
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    )
}

/// A command that writes its process down first, and becomes another one.
fn noted(command: &str) -> String {
    format!("tunnel: echo $$ >> {{home}}/pids; exec {command}\n")
}

/// The processes that were written down, and no zombies.
fn alive(home: &Home) -> Vec<String> {
    let pids = fs::read_to_string(home.path().join("pids")).unwrap_or_default();
    let lives = |pid: &&str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    pids.lines().filter(lives).map(str::to_owned).collect()
}

fn assert_none_alive(home: &Home) {
    let begun = Instant::now();
    while !alive(home).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{:?} live on", alive(home));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn delivered(home: &Home) -> usize {
    let files = files(&home.path().join("Mail"));
    let is_mail = |path: &&std::path::PathBuf| {
        let directory = path.parent().and_then(Path::file_name);
        directory.is_some_and(|name| name == "new" || name == "cur")
    };
    files.iter().filter(is_mail).count()
}

#[test]
fn a_server_that_knows_us_needs_no_login_and_tells_of_new_mail() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    for n in 0..3 {
        ada.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
    }
    let home = Home::new(&config(&noted(&imap_of_ada(&dovecot))));
    let checked = home.succeed(&["check"]);
    assert!(
        checked.contains("imap, in the tunnel `echo $$ >>"),
        "{checked}"
    );
    assert!(
        checked.contains("user           none, the server is expected to know us"),
        "{checked}"
    );
    assert!(checked.contains("login          ok"), "{checked}");
    home.succeed(&["sync"]);
    assert_eq!(delivered(&home), 3);
    assert_none_alive(&home);
    // A session that is kept, and told of what comes: no poll is due for an hour.
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    assert_eq!(daemon.events("account.connected")[0]["host"], "a tunnel");
    for n in 3..5 {
        let mark = daemon.mark();
        ada.append("INBOX", message("INBOX", n).as_bytes(), &[], 1_700_000_000);
        daemon.after(mark, "message.stored", "home");
    }
    assert!(!alive(&home).is_empty(), "the session stands");
    daemon.end(Signal::TERM).assert_orderly();
    assert_eq!(delivered(&home), 5);
    assert_none_alive(&home);
}

#[test]
fn a_tunnel_that_dies_under_a_kept_session_is_opened_anew() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let home = Home::new(&config(&noted(&imap_of_ada(&dovecot))));
    let daemon = RunningDaemon::start(&home);
    daemon.after(0, "sync.finished", "home");
    let first = alive(&home);
    let mark = daemon.mark();
    for pid in &first {
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).ok();
    }
    // Asked at once, so as not to wait for the pause after a loss.
    daemon.signal(Signal::USR1);
    daemon.after(mark, "sync.finished", "home");
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    daemon.signal(Signal::USR1);
    daemon.after(mark, "message.stored", "home");
    // Nothing of the first is left in the table of processes while the daemon lives.
    let begun = Instant::now();
    while let Some(pid) = first
        .iter()
        .find(|pid| Path::new("/proc").join(pid).exists())
    {
        assert!(begun.elapsed() < PATIENCE, "{pid} is a zombie");
        std::thread::sleep(Duration::from_millis(10));
    }
    daemon.end(Signal::TERM).assert_orderly();
    assert_none_alive(&home);
}

#[test]
fn r3_a_tunnel_killed_in_the_middle_of_a_fetch_loses_and_doubles_nothing() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    for n in 0..30 {
        let text = message("INBOX", n) + &"filler line of the body\r\n".repeat(2_000);
        ada.append("INBOX", text.as_bytes(), &[], 1_700_000_000);
    }
    let imap = imap_of_ada(&dovecot);
    // dd lets octet by octet through, where others would hold the greeting back until they have more.
    let limited = "dd bs=1 count=700000 2>/dev/null";
    let broken = format!("tunnel: \"{imap} | {{ {limited}; kill -9 $$; }}\"\n");
    let home = Home::new(&config(&broken));
    let output = home.run(&["sync"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("ended with signal 9"), "{said}");
    assert!(
        said.contains("run the command of `tunnel:` by hand"),
        "{said}"
    );
    let before = delivered(&home);
    assert!(before < 30, "{before} fitted through");
    home.configure(&config(&format!("tunnel: {imap}\n")));
    home.succeed(&["sync"]);
    assert_eq!(delivered(&home), 30);
    assert_eq!(home.count("SELECT count(*) FROM messages"), 30);
}

#[test]
fn a_server_behind_a_tunnel_may_want_a_login_and_tls() {
    let dovecot = Dovecot::start();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    ada.append("INBOX", message("INBOX", 0).as_bytes(), &[], 1_700_000_000);
    let mut bob = Oracle::login(dovecot.imap_port, "bob", Dovecot::PASSWORD);
    bob.append("INBOX", message("INBOX", 1).as_bytes(), &[], 1_700_000_000);
    let tls = |mode| {
        format!(
            "tls: {mode}\nhost: localhost\nca_file: {}\n",
            dovecot.ca_file.display()
        )
    };
    let ways = [
        (dovecot.imap_port, String::new()),
        (dovecot.imap_port, tls("starttls")),
        (dovecot.imaps_port, tls("implicit")),
    ];
    for (port, tls) in ways {
        let tunnel = noted(&format!("socat STDIO TCP:127.0.0.1:{port}"));
        let login = "user: ada\npassword: {command: echo secret}\n";
        let home = Home::new(&config(&format!("{tunnel}{tls}{login}")));
        home.succeed(&["sync"]);
        assert_eq!(delivered(&home), 1);
        assert_none_alive(&home);
        // Without one, the server's wish is told.
        home.configure(&config(&format!("{tunnel}{tls}")));
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(77), "{said}");
        assert!(said.contains("the server wants a login"), "{said}");
    }
    let tunnel = noted(&format!("socat STDIO TCP:127.0.0.1:{}", dovecot.pop3_port));
    let login = "protocol: pop3\nuser: bob\npassword: {command: echo secret}\n";
    let home = Home::new(&config(&format!("{tunnel}{login}")));
    home.succeed(&["sync"]);
    assert_eq!(delivered(&home), 1);
    let mut maildrop = Pop3Oracle::login(dovecot.pop3_port, "bob", Dovecot::PASSWORD);
    assert!(maildrop.uidls().is_empty(), "POP3 deletes what is proven");
    // The certificate is held against `host`, tunnel or not (R9).
    let tunnel = noted(&format!("socat STDIO TCP:127.0.0.1:{}", dovecot.imaps_port));
    let wrong = tls("implicit").replace("localhost", "mail.example");
    let login = "user: ada\npassword: {command: echo secret}\n";
    let home = Home::new(&config(&format!("{tunnel}{wrong}{login}")));
    let output = home.run(&["sync"]);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
}

#[test]
fn commands_that_are_no_server_end_in_a_clear_error_and_end() {
    let long = "ssh: connect to host mail.example port 22: No route to host";
    for (command, status, said) in [
        ("no-such-program-at-all".to_owned(), 69, "exit status 127"),
        (format!("sh -c 'echo {long} >&2; exit 255'"), 69, long),
        ("sh -c 'exit 0'".to_owned(), 69, "ended with exit status 0"),
        (
            "sh -c 'echo SSH-2.0-OpenSSH; cat'".to_owned(),
            76,
            "SSH-2.0-OpenSSH",
        ),
        ("sleep 1000".to_owned(), 69, ""),
        (
            "sh -c \"trap '' TERM; sleep 1000; sleep 1000\"".to_owned(),
            69,
            "",
        ),
    ] {
        let tunnel = noted(&command).replacen("tunnel: ", "tunnel: |-\n  ", 1);
        let home = Home::new(&config(&format!("timeout: 1s\n{tunnel}")));
        let output = home.run(&["sync"]);
        let told = postrider_tests::postrider::said(&output);
        assert_eq!(output.status.code(), Some(status), "{command}: {told}");
        assert!(told.contains(said), "{command}: {told}");
        assert_none_alive(&home);
    }
}

#[test]
fn one_that_does_not_listen_holds_the_daemon_up_neither_at_work_nor_at_its_end() {
    let hangs = "sh -c \"trap '' TERM; sleep 1000; sleep 1000\"";
    let tunnel = noted(hangs).replacen("tunnel: ", "tunnel: |-\n  ", 1);
    let home = Home::new(&config(&tunnel));
    let daemon = RunningDaemon::start(&home);
    let begun = Instant::now();
    while alive(&home).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{}", daemon.text());
        std::thread::sleep(Duration::from_millis(10));
    }
    daemon.end(Signal::TERM).assert_orderly();
    assert_none_alive(&home);
}
