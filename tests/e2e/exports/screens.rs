//! mutt, neomutt and aerc, each on a screen.

use super::{EACH, Shown, Synced, synced};
use postrider_tests::terminal::Terminal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// Every mailbox with the number of its messages, in mutt's own list of what `mailboxes` told it.
const SIDEBAR: &str = "
set sidebar_visible=yes
set sidebar_width=100
set mail_check_stats=yes
set mail_check_stats_interval=1
set mail_check=1
set sleep_time=0
";

fn start(synced: &Synced, reader: &str, configuration: &str, open: &str) -> Terminal {
    let file = synced.home.path().join(format!("{reader}.rc"));
    fs::write(&file, configuration).unwrap();
    let line = format!("exec {reader} -n -F {} {open}", file.display());
    Terminal::run(synced.home.path(), &line)
}

fn finds_every_mailbox(synced: &Synced, reader: &str) {
    let wanted: Vec<String> = synced
        .mailboxes()
        .iter()
        .map(|Shown { account, name, .. }| format!("{account}/{name}|{EACH}"))
        .collect();
    let label = match reader {
        "mutt" => "%B",
        _ => "%D",
    };
    let sidebar = format!("{SIDEBAR}set sidebar_format='{label}|%S'\n");
    let terminal = start(synced, reader, &(synced.export(reader) + &sidebar), "");
    let is_line = |lines: &[String], wanted: &String| {
        let mut rows = lines.iter();
        rows.any(|line| {
            line.strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.starts_with([' ', '│', '|']) || rest.is_empty())
        })
    };
    terminal.wait(reader, |lines| {
        wanted.iter().all(|wanted| is_line(lines, wanted))
    });
}

/// Asks for a variable until the answer is as wanted: what is said of new mail takes its place.
fn ask(terminal: &Terminal, name: &str, wanted: impl Fn(&str) -> bool) {
    let begin = format!("{name}=");
    let mut asked = Instant::now();
    terminal.enter(&format!(":set ?{name}"));
    terminal.wait(name, |lines| {
        if asked.elapsed() > Duration::from_secs(2) {
            asked = Instant::now();
            terminal.enter(&format!(":set ?{name}"));
        }
        let mut answers = lines.iter().filter(|line| line.starts_with(&begin));
        answers.any(|answer| wanted(answer))
    });
}

/// In a mailbox of another account everything is that account's.
fn follows_the_account(synced: &Synced, reader: &str) {
    let above = synced.above.display().to_string().replace('\'', r"'\''");
    // Of mailboxes that it is not told of a reader does not say that they have new mail, which would be where the
    // answer is.
    let exported = synced.export(reader);
    let kept = exported.lines().filter(|line| !line.contains("mailboxes "));
    let mut settings: String = kept.map(|line| format!("{line}\n")).collect();
    settings.push_str("set sleep_time=0\n");
    let in_isp = format!("-f '{above}/isp'");
    let in_work = format!("-f '{above}/work'");
    for (open, first, name, value) in [
        ("", "ada.0.1", "record", "Sent ''; `$USER \\ #1"),
        ("", "ada.0.1", "trash", "100%25"),
        (&in_isp, "eve.0.1", "record", "record=\"\""),
        (&in_work, "bob.0.1", "postponed", ".`touch pwned`"),
    ] {
        let terminal = start(synced, reader, &settings, open);
        terminal.wait(name, |lines| lines.iter().any(|line| line.contains(first)));
        ask(&terminal, name, |answer| {
            answer.replace("\\\\", "\\").contains(value)
        });
    }
}

/// A quote, a space and what the shell knows stand in the way to every mailbox.
const ABOVE: &str = "It's \"my\" `mail` #1";

#[tokio::test(flavor = "multi_thread")]
async fn mutt_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    finds_every_mailbox(&synced, "mutt");
    follows_the_account(&synced, "mutt");
    synced.assert_nothing_ran();
}

#[tokio::test(flavor = "multi_thread")]
async fn neomutt_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    finds_every_mailbox(&synced, "neomutt");
    follows_the_account(&synced, "neomutt");
    synced.assert_nothing_ran();
}

fn aerc(synced: &Synced, accounts: &str, account: &str) -> Terminal {
    let dir = synced.home.path().join("config/aerc");
    fs::create_dir_all(&dir).unwrap();
    let write = |name: &str, text: &str| {
        fs::write(dir.join(name), text).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("accounts.conf", accounts);
    write("aerc.conf", "[ui]\nsidebar-width=60\n");
    let home = synced.home.path().display();
    let line = format!(
        "exec env XDG_CONFIG_HOME={home}/config XDG_CACHE_HOME={home}/cache XDG_RUNTIME_DIR={home} aerc -a {account}"
    );
    Terminal::run(synced.home.path(), &line)
}

#[tokio::test(flavor = "multi_thread")]
async fn aerc_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    let exported = synced.export("aerc");
    let mailboxes = synced.mailboxes();
    for (account, first) in [("home", "ada.0.0"), ("work", "bob.0.0"), ("isp", "eve.0.0")] {
        // aerc 0.14 takes the `%` of a name for a format.
        let wanted: Vec<&Shown> = mailboxes
            .iter()
            .filter(|shown| shown.account == account && !shown.name.contains('%'))
            .collect();
        let terminal = aerc(&synced, &exported, account);
        terminal.wait(account, |lines| {
            let shows = |text: &str| lines.iter().any(|line| line.contains(text));
            let is_listed = |shown: &&Shown| lines.iter().any(|line| line.starts_with(&shown.name));
            shows(first) && wanted.iter().all(is_listed)
        });
    }
    // Where a sent message would go: aerc opens it when it is told so, in the very words of `copy-to`.
    let copy_to = exported.lines().find(|line| line.starts_with("copy-to = "));
    let sent = copy_to.unwrap().replacen("copy-to", "default", 1);
    let terminal = aerc(
        &synced,
        &exported.replacen("default = INBOX", &sent, 1),
        "home",
    );
    let subject = format!("ada.{}.0", super::MAILBOXES.len() + 2);
    terminal.wait("the mailbox of copy-to", |lines| {
        lines.iter().any(|line| line.contains(&subject))
    });
    synced.assert_nothing_ran();
}
