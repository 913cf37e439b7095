//! `postrider check`: the configuration as it was understood; then every server asked, none changed.

use super::{answer, certificates, chosen, disabled, quiet};
use crate::cli::CheckArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::Error;
use crate::logging::Logging;
use crate::words::{count, octets, short, span};
use jiff::Timestamp;
use postrider_core::account::Protocol;
use postrider_core::oauth2::TokenSource;
use postrider_core::settings::{AccountSettings, AuthChoice, PasswordSource, TlsMode};
use postrider_core::time::{Now, UnixTime};
use postrider_core::way::Way;
use postrider_engine::{CheckReport, CheckedMailbox};
use std::fmt::Write as _;

/// The longest piece of server text on a line, in characters.
const LONGEST: usize = 400;

/// Checks the accounts meant, one after the other.
///
/// # Errors
/// When an account is not known. What a server says to one account stops no other.
pub async fn run(
    args: &CheckArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let accounts = chosen(config, &args.accounts)?;
    let _logging = Logging::start(quiet(config.log), around, None)?;
    answer(&format!(
        "configuration  {}\nstate          {}\n",
        config.path.display(),
        config.state_dir.display()
    ))?;
    let mut failures = Vec::new();
    for settings in accounts {
        answer(&understood(settings))?;
        if args.offline {
            continue;
        }
        let checked = postrider_engine::check(settings).await;
        if let Some(secured) = &checked.secured {
            answer(&certificates::secured(secured, now()))?;
        }
        match checked.report {
            Ok(report) => answer(&found(settings, &report))?,
            Err(source) => {
                if let Some(refused) = source.certificate() {
                    answer(&certificates::refused(refused, now()))?;
                }
                answer("  failed         see below")?;
                let account = settings.name.clone();
                failures.push(Error::Account {
                    account,
                    source,
                    logged: false,
                });
            }
        }
    }
    failures.extend(disabled::error(config, &args.accounts));
    Ok(failures)
}

fn now() -> Now {
    Now(UnixTime::from_seconds(Timestamp::now().as_second()))
}

/// What the configuration says about an account, as postrider understood it.
fn understood(settings: &AccountSettings) -> String {
    let server = &settings.server;
    let tls = match server.tls {
        TlsMode::Implicit => "TLS",
        TlsMode::StartTls => "STARTTLS",
        TlsMode::None => "cleartext",
    };
    let proof = match &settings.password {
        PasswordSource::Inline(_) => "password in the configuration".to_owned(),
        PasswordSource::Command(_) => "password from a command".to_owned(),
        PasswordSource::File(path) => format!("password from {}", path.display()),
        PasswordSource::Env(name) => format!("password from ${name}"),
        PasswordSource::Credential(name) => format!("password from the credential {name}"),
        PasswordSource::SecretService(_) => "password from the Secret Service".to_owned(),
        PasswordSource::Token(TokenSource::Command(_)) => "token from a command".to_owned(),
        PasswordSource::Token(TokenSource::Server(server)) => {
            format!("token from {}", server.token_url)
        }
        PasswordSource::Absent if settings.auth == AuthChoice::External => {
            "client certificate".to_owned()
        }
        PasswordSource::Absent if settings.auth == AuthChoice::Gssapi => {
            "Kerberos ticket".to_owned()
        }
        PasswordSource::Absent => "the server is expected to know us".to_owned(),
    };
    let readers = match settings.protocol {
        Protocol::Imap => format!(
            "  readers        flags: {}, moves: {}, upload: {}\n",
            settings.flags.as_str(),
            settings.moves.as_str(),
            settings.upload
        ),
        // What they delete is in the line of retention; nothing else reaches a POP3 server.
        Protocol::Pop3 => String::new(),
    };
    let place = match &server.way {
        Way::Direct => format!("{} port {}", server.host, server.port),
        Way::Proxy(proxy) => format!("{} port {} by {proxy}", server.host, server.port),
        Way::Tunnel(command) => format!("in the tunnel `{}`", short(command, LONGEST)),
    };
    let user = match settings.user.as_str() {
        "" => "none",
        user => user,
    };
    format!(
        "{}\n  server         {}, {place}, {tls}\n  user           {user}, {proof}\n  \
         maildir        {}\n  retention      {}\n{readers}  poll           every {}\n",
        settings.name,
        settings.protocol,
        settings.maildir.display(),
        settings.retention,
        span(settings.poll),
    )
}

/// What the server says.
fn found(settings: &AccountSettings, report: &CheckReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        writeln!(text, "  {name:<14} {}", short(value, LONGEST)).unwrap_or_default();
    };
    line("login", "ok");
    line("capabilities", &report.capabilities.join(" "));
    if let Some(messages) = report.messages {
        let size = report.octets.map(|size| format!(", {}", octets(size)));
        let messages = count(messages, "message", "messages");
        line(
            "messages",
            &format!("{messages}{}", size.unwrap_or_default()),
        );
    }
    if settings.protocol == Protocol::Imap {
        let chosen = report
            .mailboxes
            .iter()
            .filter(|m| m.choice.is_chosen())
            .count();
        line(
            "mailboxes",
            &format!("{chosen} of {} chosen", report.mailboxes.len()),
        );
    }
    for note in &report.notes {
        line("note", note);
    }
    let rows = report.mailboxes.iter().map(mailbox);
    text.extend(rows);
    text
}

fn mailbox(mailbox: &CheckedMailbox) -> String {
    let sign = if mailbox.choice.is_chosen() { '+' } else { '-' };
    let messages = mailbox.messages.map(|number| number.to_string());
    let role = mailbox.role.map_or("", |role| role.as_str());
    let row = format!(
        "    {sign} {:<32} {:>8}  {role:<9} {}",
        short(&mailbox.name, LONGEST),
        messages.unwrap_or_default(),
        short(&mailbox.choice.to_string(), LONGEST),
    );
    format!("{}\n", row.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::account::AccountName;
    use postrider_core::mailbox::Role;
    use postrider_core::retention::{Policy, Vanished};
    use postrider_core::settings::{
        AuthChoice, FlagSync, FolderChoice, LabelChoice, Layout, Moves, Push, ServerAddress,
    };
    use postrider_engine::Choice;
    use std::time::Duration;

    fn settings() -> AccountSettings {
        AccountSettings {
            name: AccountName::parse("home").unwrap(),
            protocol: Protocol::Imap,
            server: ServerAddress {
                host: "localhost".to_owned(),
                port: 143,
                tls: TlsMode::None,
                ca_file: None,
                way: Way::Direct,
                pins: Vec::new(),
                client: None,
            },
            user: "ada".to_owned(),
            password: PasswordSource::Env("PW".to_owned()),
            auth: AuthChoice::Auto,
            maildir: "/m".into(),
            layout: Layout::Fs,
            folders: FolderChoice::default(),
            poll: Duration::from_secs(300),
            push: Push::Auto,
            idle_refresh: None,
            timeout: Duration::from_secs(60),
            connections: 3,
            retention: Policy::KEEP,
            vanished: Vanished::Keep,
            brake: None,
            max_size_octets: None,
            max_age: None,
            flags: FlagSync::Both,
            deleted_flag: false,
            moves: Moves::Push,
            upload: false,
            labels: LabelChoice::Link,
            on_new: None,
        }
    }

    #[test]
    fn what_a_server_says_is_shown_and_cannot_move_the_cursor() {
        let settings = settings();
        let mailbox = |name: &str, role, choice: Choice| CheckedMailbox {
            name: name.to_owned(),
            role,
            choice,
            messages: Some(1_204),
        };
        let (all, junk) = ("*".to_owned(), "\\Junk".to_owned());
        let report = CheckReport {
            capabilities: vec!["IMAP4rev1".to_owned(), "IDLE".to_owned()],
            mailboxes: vec![
                mailbox("INBOX", None, Choice::Included { pattern: all }),
                mailbox(
                    "Spam\r\n",
                    Some(Role::Junk),
                    Choice::Excluded { pattern: junk },
                ),
            ],
            messages: Some(1),
            octets: Some(2_048),
            notes: vec!["the server has no UIDPLUS".to_owned()],
        };
        assert_eq!(
            found(&settings, &report),
            "  login          ok
  capabilities   IMAP4rev1 IDLE
  messages       1 message, 2.0 KiB
  mailboxes      1 of 2 chosen
  note           the server has no UIDPLUS
    + INBOX                                1204            included by `*`
    - Spam\\r\\n                             1204  \\Junk     excluded by `\\Junk`
"
        );
        let understood = understood(&settings);
        assert!(understood.contains("localhost port 143, cleartext"));
        assert!(understood.contains("readers        flags: both, moves: push, upload: false\n"));
    }
}
