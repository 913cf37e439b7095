//! The demo: a small IMAP and POP3 server on loopback, the real daemon on both, and a look at what it
//! did. Needs no account, touches nothing but a temporary directory.
//!
//!     cargo run --example demo

#![expect(clippy::print_stdout, reason = "showing is what a demo is for")]

use postrider::config::surroundings::Surroundings;
use postrider::{commands, config, progress};
use postrider_engine::{Daemon, Progress};
use postrider_mailserver::{Mailstore, Options, Server, sample};
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Anything = Box<dyn Error>;

/// What a demo on any machine needs at the most; more means that something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let begun = Instant::now();
    let home = tempfile::Builder::new()
        .prefix("postrider-demo-")
        .tempdir()?;
    let server = Server::start(sample::store(), Options::default()).await?;
    title("Two accounts: one leaves its mail on the server, one takes it away");
    let file = configure(home.path(), &server)?;
    println!(
        "{}",
        fs::read_to_string(&file)?.replace(sample::PASSWORD, "…")
    );
    let config = config::load(Some(&file), &Surroundings::of_this_process())?;

    title("Before");
    show_servers(server.store());

    title("The daemon makes its first pass");
    let (sender, mut news) = unbounded_channel();
    let daemon = Daemon::start(commands::engine_settings(&config), Some(sender)).await?;
    both_finish(&mut news).await?;

    title("The Maildirs");
    show_tree(home.path(), &home.path().join("Mail"), "~/Mail")?;
    show_tree(home.path(), &home.path().join("Maildir"), "~/Maildir")?;

    title("The index (sqlite3 -readonly index.db)");
    show_index(&config.state_dir.join("index.db"))?;

    title("New mail comes in, another device reads a message: the daemon is told to look");
    change(server.store());
    daemon.sync_now().await;
    both_finish(&mut news).await?;

    title("After: what is left on the servers");
    show_servers(server.store());
    show_difference(&config.state_dir.join("index.db"))?;
    daemon.stop().await;
    println!(
        "\n{:.1} s, and the temporary directory is gone.",
        begun.elapsed().as_secs_f32()
    );
    Ok(())
}

fn title(text: &str) {
    println!("\n\u{1b}[1m== {text}\u{1b}[0m\n");
}

/// The two smallest accounts, as a user would write them.
fn configure(home: &Path, server: &Server) -> Result<std::path::PathBuf, Anything> {
    let text = format!(
        "state_dir: {home}/state\n\
         accounts:\n\
         \x20 home:                  # IMAP: the server keeps every message\n\
         \x20   host: 127.0.0.1\n\
         \x20   port: {imap}\n\
         \x20   tls: none\n\
         \x20   user: {imap_user}\n\
         \x20   password: {password}\n\
         \x20   maildir: {home}/Mail\n\
         \x20 isp:                   # POP3: each message is deleted once its local copy is proven\n\
         \x20   protocol: pop3\n\
         \x20   host: 127.0.0.1\n\
         \x20   port: {pop3}\n\
         \x20   tls: none\n\
         \x20   user: {pop3_user}\n\
         \x20   password: {password}\n\
         \x20   maildir: {home}/Maildir\n",
        home = home.display(),
        imap = server.imap_addr.port(),
        pop3 = server.pop3_addr.port(),
        imap_user = sample::IMAP_USER,
        pop3_user = sample::POP3_USER,
        password = sample::PASSWORD,
    );
    let file = home.join("config.yaml");
    fs::write(&file, text)?;
    // A password stands in it: postrider refuses a file that others can read.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Shows the daemon's progress until each account has finished a pass.
async fn both_finish(news: &mut UnboundedReceiver<Progress>) -> Result<(), Anything> {
    let mut left = 2;
    while left > 0 {
        let news = tokio::time::timeout(PATIENCE, news.recv()).await?;
        match news.ok_or("the daemon has ended")? {
            Progress::Started { account } => println!("  {account:6} connects"),
            Progress::Found {
                account, messages, ..
            } => {
                println!("  {account:6} has {messages} messages to download");
            }
            Progress::Stored {
                account,
                messages,
                octets,
            } => {
                println!(
                    "  {account:6} stored {messages} messages, {octets} octets: flushed and recorded"
                );
            }
            Progress::Finished { account, report } => {
                println!("  {account:6} finished: {}", progress::summary(&report));
                left -= 1;
            }
            Progress::Failed { account } => return Err(format!("account {account} failed").into()),
        }
    }
    Ok(())
}

fn show_servers(store: &Mailstore) {
    for (protocol, user) in [("IMAP", sample::IMAP_USER), ("POP3", sample::POP3_USER)] {
        let account = store.account(user, sample::PASSWORD);
        println!("  {protocol} server, user {user}:");
        for mailbox in account.mailboxes() {
            println!(
                "    {mailbox:14} {:3} messages",
                account.messages(&mailbox).len()
            );
        }
    }
}

fn show_tree(home: &Path, dir: &Path, shown: &str) -> Result<(), Anything> {
    let files = postrider_tree(dir)?;
    println!("  {shown} ({} messages)", files.len());
    let lines = files.iter().map(|file| {
        let name = file.strip_prefix(dir).unwrap_or(file).display().to_string();
        let size = fs::metadata(file)
            .map(|found| found.len())
            .unwrap_or_default();
        format!("    {name}  ({size} octets)")
    });
    let lines: Vec<_> = lines.collect();
    lines.iter().for_each(|line| println!("{line}"));
    debug_assert!(dir.starts_with(home), "the demo stays in its directory");
    Ok(())
}

fn postrider_tree(dir: &Path) -> Result<Vec<std::path::PathBuf>, Anything> {
    let (mut files, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let list = if path.is_dir() { &mut open } else { &mut files };
            list.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn show_index(index: &Path) -> Result<(), Anything> {
    let index =
        rusqlite::Connection::open_with_flags(index, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut rows = index.prepare(
        "SELECT account, mailbox, coalesce(subject, '(none)'), octets, flags,
                proven_at IS NOT NULL, expired_at IS NOT NULL
         FROM messages ORDER BY account, mailbox, stored_at, path",
    )?;
    println!(
        "  {:6} {:14} {:34} {:>8}  {:16} proven  expired",
        "account", "mailbox", "subject", "octets", "flags"
    );
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (account, mailbox, subject): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let (octets, flags): (i64, String) = (row.get(3)?, row.get(4)?);
        let (proven, expired): (bool, bool) = (row.get(5)?, row.get(6)?);
        let yes = |yes: bool| if yes { "yes" } else { "-" };
        let subject: String = subject.chars().take(34).collect();
        println!(
            "  {account:7} {mailbox:14} {subject:34} {octets:>8}  {flags:16} {:6}  {}",
            yes(proven),
            yes(expired)
        );
    }
    Ok(())
}

/// What happens elsewhere while the daemon waits.
fn change(store: &Mailstore) {
    let imap = store.account(sample::IMAP_USER, sample::PASSWORD);
    let pop3 = store.account(sample::POP3_USER, sample::PASSWORD);
    let text = |subject: &str| {
        format!(
            "From: Demo <demo@example.org>\r\nSubject: {subject}\r\nMessage-ID: <{}@example.org>\r\n\r\nHello!\r\n",
            subject.len()
        )
    };
    imap.append("INBOX", text("It just came in"), &[], 1_748_900_000);
    pop3.append("INBOX", text("It came in over POP3"), &[], 1_748_900_000);
    let unseen = imap
        .messages("INBOX")
        .into_iter()
        .find(|message| message.flags.is_empty());
    if let Some(message) = unseen {
        imap.set_flags("INBOX", message.uid, &["\\Seen"]);
    }
}

fn show_difference(index: &Path) -> Result<(), Anything> {
    let index =
        rusqlite::Connection::open_with_flags(index, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count = |account: &str, what: &str| -> Result<i64, Anything> {
        let sql = format!("SELECT count(*) FROM messages WHERE account = '{account}' AND {what}");
        Ok(index.query_row(&sql, [], |row| row.get(0))?)
    };
    println!();
    println!(
        "  home (IMAP): {} in the Maildir, {} of them still on the server",
        count("home", "1")?,
        count("home", "expired_at IS NULL")?
    );
    println!(
        "  isp  (POP3): {} in the Maildir, {} proven, {} deleted on the server since",
        count("isp", "1")?,
        count("isp", "proven_at IS NOT NULL")?,
        count("isp", "expired_at IS NOT NULL")?
    );
    Ok(())
}
