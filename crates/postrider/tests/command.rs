//! The built command, as far as no server is needed: exit statuses, and who is told what where.

#![expect(
    clippy::unwrap_used,
    reason = "a test: what is not as it should be fails it"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const GOOD: &str = "accounts:
  home: {host: imap.example.org, user: ada, password: hunter2}
  isp: {protocol: pop3, host: pop.isp.example, user: ada, password: {env: PW}, maildir: ~/Maildir}
";

/// Runs `postrider` with nothing in its environment but a home, and there a configuration.
fn postrider(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
    command.env_clear().env("HOME", home).args(arguments);
    command.output().unwrap()
}

fn home_with(config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join(".config/postrider");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("config.yaml");
    std::fs::write(&file, config).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    home
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

#[test]
fn a_wrong_command_line_is_64_and_help_is_none() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["fetch"][..],
        &["sync", "--no-such"],
        &[],
        &["status", "--stale-after", "1"],
    ] {
        let output = postrider(home.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    for arguments in [&["--help"][..], &["sync", "--help"], &["--version"]] {
        let output = postrider(home.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            output.stderr.is_empty() && !output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn without_a_configuration_it_is_78_and_says_what_to_write_where() {
    let home = tempfile::tempdir().unwrap();
    for command in ["run", "sync", "status", "check"] {
        let output = postrider(home.path(), &[command]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        let said = text(&output.stderr);
        let place = home.path().join(".config/postrider/config.yaml");
        assert!(
            said.contains(&format!("hint: write this to {}", place.display())),
            "{said}"
        );
        assert!(said.contains("host: imap.example.org"), "{said}");
    }
}

#[test]
fn a_wrong_configuration_is_78_and_the_daemon_does_not_start() {
    let home = home_with(
        "accounts:\n  home:\n    hots: imap.example.org\n    user: ada\n    password: hunter2\n",
    );
    let output = postrider(home.path(), &["run"]);
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert!(
        said.contains("config.yaml:3:5: unknown key `hots`; the nearest known key is `host`"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.starts_with("postrider: ")),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    assert!(
        !home.path().join(".local").exists(),
        "a refused configuration leaves no trace"
    );
}

#[test]
fn an_account_that_does_not_exist_is_64() {
    let home = home_with(GOOD);
    for command in ["sync", "check"] {
        let output = postrider(home.path(), &[command, "hoem"]);
        assert_eq!(output.status.code(), Some(64), "{command}");
        let said = text(&output.stderr);
        assert!(said.contains("there is no account `hoem`"), "{said}");
        assert!(said.contains("the nearest name is `home`"), "{said}");
    }
}

#[test]
fn check_offline_says_what_was_understood_and_no_password() {
    let home = home_with(GOOD);
    let output = postrider(home.path(), &["check", "--offline"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("imap, imap.example.org port 993, TLS"),
        "{said}"
    );
    assert!(said.contains("the server keeps every message"), "{said}");
    assert!(
        said.contains("pop3, pop.isp.example port 995, TLS"),
        "{said}"
    );
    assert!(
        said.contains(&format!("{}/Maildir", home.path().display())),
        "{said}"
    );
    assert!(
        said.contains("deleted on the server once its local copy is proven"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    let one = postrider(home.path(), &["check", "--offline", "isp"]);
    assert!(!text(&one.stdout).contains("imap.example.org"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = home_with(GOOD);
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_postrider");
    command
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", std::env::var("PATH").unwrap());
    let script = format!("{{ sleep 0.2; {program} check --offline; echo $? >&2; }} | true");
    let output = command.args(["-c", &script]).output().unwrap();
    assert_eq!(text(&output.stderr).trim(), "0");
}

/// Nobody listens on port 1 of this machine.
const DOWN: &str = "accounts:
  home: {host: 127.0.0.1, port: 1, tls: none, user: ada, password: hunter2}
";

#[test]
fn a_failed_account_is_told_once_to_people() {
    let home = home_with(DOWN);
    let output = postrider(home.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(69));
    let said = text(&output.stderr);
    let reports = said.lines().filter(|line| line.contains("account home"));
    assert_eq!(reports.count(), 1, "{said}");
    assert!(said.starts_with("postrider: account home: "), "{said}");
    assert!(said.contains("\n  hint: "), "{said}");
    assert!(!said.contains("account.failed"), "{said}");
}

#[test]
fn a_failed_account_is_told_once_to_programs() {
    let home = home_with(&format!("{DOWN}log: {{format: json}}\n"));
    let output = postrider(home.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(69));
    let said = text(&output.stderr);
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let lines: Vec<serde_json::Value> = said.lines().map(line).collect();
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "account.failed")
        .collect();
    let [failed] = failed.as_slice() else {
        unreachable!("{said}");
    };
    assert_eq!(failed.get("account").unwrap(), "home", "{said}");
    assert_eq!(failed.get("kind").unwrap(), "unreachable", "{said}");
    assert!(failed.get("hint").unwrap().is_string(), "{said}");
    assert!(failed.get("retry_in_s").is_none(), "nobody retries: {said}");
}

/// A file as we name it, in the Maildir of `home`.
fn put_mail(home: &Path) {
    let inbox = home.join("Mail/home/INBOX");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(inbox.join(part)).unwrap();
    }
    let name = "1700000000.M1P2Q3R0123456789abcdef0123456789abcdef.host,S=14,W=16:2,S";
    std::fs::write(inbox.join("cur").join(name), "Subject: x\n\nx\n").unwrap();
}

#[test]
fn verify_tells_of_a_lost_index_and_what_makes_it_anew() {
    let home = home_with(DOWN);
    let output = postrider(home.path(), &["verify"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("home: 0 messages are good"));
    put_mail(home.path());
    for arguments in [&["verify"][..], &["verify", "--repair"]] {
        let output = postrider(home.path(), arguments);
        assert_eq!(output.status.code(), Some(74), "{arguments:?}");
        let (told, said) = (text(&output.stdout), text(&output.stderr));
        assert!(
            told.contains("the index knows nothing of this account"),
            "{told}"
        );
        assert!(
            told.contains("0 messages are good, 0 octets; 1 wrong"),
            "{told}"
        );
        assert!(said.contains("postrider sync home rebuilds it"), "{said}");
    }
}

/// The state directory of a home whose `index.db` is what `make` makes of it.
fn spoilt(make: impl FnOnce(&Path)) -> tempfile::TempDir {
    let home = home_with(DOWN);
    let state = home.path().join(".local/state/postrider");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    make(&state.join("index.db"));
    home
}

#[test]
fn a_document_is_whole_when_the_index_cannot_be_read() {
    let damaged = spoilt(|index| std::fs::write(index, "no database ".repeat(1_000)).unwrap());
    let directory = spoilt(|index| std::fs::create_dir(index).unwrap());
    let local = (74, "local_io");
    for (home, arguments, list, (status, kind)) in [
        (&damaged, &["history", "--json"][..], "entries", local),
        (&damaged, &["status", "--json"], "accounts", local),
        (&directory, &["history", "--json"], "entries", local),
        (&directory, &["status", "--json"], "accounts", local),
        (&directory, &["sync", "--json"], "accounts", (78, "config")),
        (
            &directory,
            &["sync", "--dry-run", "--json"],
            "accounts",
            local,
        ),
    ] {
        let output = postrider(home.path(), arguments);
        let (told, said) = (text(&output.stdout), text(&output.stderr));
        let context = format!("{arguments:?}: {told}{said}");
        assert_eq!(output.status.code(), Some(status), "{context}");
        let document: serde_json::Value = serde_json::from_str(&told).unwrap();
        let rows = document.get(list).unwrap().as_array().unwrap();
        // A pass has failed for every account; elsewhere nothing is known of any.
        let passes = arguments.first() == Some(&"sync");
        assert_eq!(rows.len(), usize::from(passes), "{context}");
        let failed = rows.first().unwrap_or(&document);
        assert_eq!(failed.get("ok").unwrap(), false, "{context}");
        assert_eq!(failed.get("kind").unwrap(), kind, "{context}");
        assert!(failed.get("error").unwrap().is_string(), "{context}");
        assert!(failed.get("caused_by").unwrap().is_array(), "{context}");
        assert!(
            failed.get("hint").is_some() && !said.is_empty(),
            "{context}"
        );
    }
}

#[test]
fn an_account_without_a_history_is_64_unless_the_configuration_knows_it() {
    let home = home_with(GOOD);
    let output = postrider(home.path(), &["history", "hoem"]);
    assert_eq!(output.status.code(), Some(64));
    let said = text(&output.stderr);
    assert!(said.contains("there is no account `hoem`"), "{said}");
    let output = postrider(home.path(), &["history", "home", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "{\"entries\":[]}\n");
}
