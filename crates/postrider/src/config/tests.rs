//! What is accepted, what is refused and in which words, and that no word is a password.

mod imap_keys;
mod limits;
mod login;
mod places;
mod retention;
mod secrets;
mod ways;

use super::*;
use postrider_core::account::Protocol;
use postrider_core::retention::Policy;
use postrider_core::settings::{AuthChoice, Layout, PasswordSource, TlsMode};
use std::time::Duration;

const FILE: &str = "/home/ada/.config/postrider/config.yaml";

fn around() -> Surroundings {
    Surroundings::of([("HOME", "/home/ada"), ("MAIL", "/srv/mail")])
}

fn read_with(text: &[u8], mode: u32) -> Result<Config, ConfigError> {
    let path = PathBuf::from(FILE);
    parse(&path, (text, mode), &around())
        .map_err(|complaints| ConfigError::Wrong { path, complaints })
}

fn accepted(text: &str) -> Config {
    read_with(text.as_bytes(), 0o600).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Everything that is said, without the name of the file.
fn refused(text: &str) -> String {
    let error = read_with(text.as_bytes(), 0o600).expect_err(text);
    error.to_string().replace(&format!("{FILE}:"), "")
}

/// An account with these lines besides the keys that every account needs.
fn account(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "accounts:\n  home:\n    host: imap.example.org\n    user: ada\n    password: {{env: PW}}\n{lines}"
    )
}

#[test]
fn the_two_smallest_accounts_of_the_contract() {
    let config = accepted(
        "accounts:
  home:
    host: imap.example.org
    user: ada@example.org
    password: {command: pass show mail/home}
  isp:
    protocol: pop3
    host: pop.isp.example
    user: ada
    password: {credential: isp}
    maildir: ~/Maildir
",
    );
    let [home, isp] = config.accounts.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!(home.name.as_str(), "home");
    assert_eq!(
        (home.protocol, home.retention),
        (Protocol::Imap, Policy::KEEP)
    );
    assert_eq!(
        (home.server.port, home.server.tls),
        (993, TlsMode::Implicit)
    );
    assert_eq!(home.maildir, Path::new("/home/ada/Mail/home"));
    assert_eq!(
        (
            home.poll.as_secs(),
            home.timeout.as_secs(),
            home.connections
        ),
        (300, 60, 3)
    );
    assert_eq!((home.auth, home.layout), (AuthChoice::Auto, Layout::Fs));
    assert_eq!(home.folders.include, ["*"]);
    let command = PasswordSource::Command("pass show mail/home".to_owned());
    assert_eq!(home.password, command);
    assert_eq!(
        (isp.protocol, isp.retention),
        (Protocol::Pop3, Policy::DELETE)
    );
    assert_eq!(isp.server.port, 995);
    assert_eq!(isp.maildir, Path::new("/home/ada/Maildir"));
    assert_eq!(isp.password, PasswordSource::Credential("isp".to_owned()));
    assert_eq!(
        config.state_dir,
        Path::new("/home/ada/.local/state/postrider")
    );
    assert_eq!(config.log, LogSettings::default());
}

#[test]
fn strings_stay_strings() {
    for text in [
        "no",
        "on",
        "yes",
        "true",
        "null",
        "~",
        "1e3",
        "0123",
        "0x1F",
        "1_000",
        ".inf",
        "12:30:45",
        "2026-01-02",
        "007",
        "+1",
        "1.0",
        "a#b",
        "=",
        "<<",
    ] {
        let yaml = account("").replace("user: ada", &format!("user: {text}"));
        let yaml = yaml.replace("{env: PW}", text);
        let config = accepted(&yaml);
        assert_eq!(config.accounts[0].user, text);
        let PasswordSource::Inline(secret) = &config.accounts[0].password else {
            panic!("{text}");
        };
        assert_eq!(secret.reveal(), text);
    }
    let quoted = account("").replace("{env: PW}", r#""@!{\"é\" ""#);
    let PasswordSource::Inline(secret) = &accepted(&quoted).accounts[0].password else {
        panic!("not inline");
    };
    assert_eq!(secret.reveal(), "@!{\"é\" ");
    assert_eq!(
        accepted(&account("").replace("  home:", "  no:")).accounts[0]
            .name
            .as_str(),
        "no"
    );
}

#[test]
fn every_key_means_something() {
    let config = accepted(&account(
        "protocol: imap
port: 1143
tls: starttls
allow_cleartext: true
ca_file: ca.pem
auth: plain
maildir: $MAIL/${MAIL}/{account}
layout: maildir++
folders: {include: [INBOX, \"Work/*\"], exclude: ['\\Junk']}
poll: 2h
timeout: 3d
connections: 7
retention: delete",
    ));
    let home = &config.accounts[0];
    assert_eq!(
        (home.server.port, home.server.tls),
        (1143, TlsMode::StartTls)
    );
    let ca_file = home.server.ca_file.as_deref();
    assert_eq!(
        ca_file,
        Some(Path::new("/home/ada/.config/postrider/ca.pem"))
    );
    assert_eq!(home.maildir, Path::new("/srv/mail//srv/mail/home"));
    assert_eq!(
        (home.auth, home.layout),
        (AuthChoice::Plain, Layout::MaildirPlusPlus)
    );
    assert_eq!(home.folders.include, ["INBOX", "Work/*"]);
    assert_eq!(home.folders.exclude, ["\\Junk"]);
    assert_eq!(home.poll, Duration::from_secs(7_200));
    assert_eq!(home.timeout, Duration::from_secs(259_200));
    assert_eq!((home.connections, home.retention), (7, Policy::DELETE));
    let top = accepted(&(account("") + "state_dir: state\nlog: {format: json, level: debug}\n"));
    assert_eq!(
        top.state_dir,
        Path::new("/home/ada/.config/postrider/state")
    );
    let log = LogSettings {
        format: LogFormat::Json,
        level: LogLevel::Debug,
    };
    assert_eq!(top.log, log);
}

#[test]
fn ports_follow_protocol_and_tls() {
    for (lines, port) in [
        ("protocol: imap\ntls: starttls", 143),
        ("protocol: pop3\ntls: starttls", 110),
        ("protocol: pop3\ntls: implicit", 995),
        ("tls: starttls\nport: 993", 993),
    ] {
        assert_eq!(
            accepted(&account(lines)).accounts[0].server.port,
            port,
            "{lines}"
        );
    }
}

#[test]
fn defaults_speak_for_accounts_that_do_not() {
    let config = accepted(
        "defaults: &all {user: ada, password: {file: pw}, poll: 1m, folders: {exclude: [Spam]}}
accounts:
  a: {host: a.example, poll: 9m}
  b: {host: b.example, protocol: pop3}
",
    );
    let [a, b] = config.accounts.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!((a.user.as_str(), a.poll.as_secs()), ("ada", 540));
    assert_eq!(a.folders.exclude, ["Spam"]);
    assert_eq!((b.user.as_str(), b.poll.as_secs()), ("ada", 60));
    assert!(b.folders.exclude.is_empty());
    let file = PathBuf::from("/home/ada/.config/postrider/pw");
    assert_eq!(b.password, PasswordSource::File(file));
}

#[test]
fn an_alias_repeats_an_anchor_but_not_without_end() {
    let config = accepted(
        "accounts:
  a: {host: a.example, user: ada, password: &pw {command: pass}}
  b: {host: b.example, user: ada, password: *pw}
",
    );
    assert_eq!(config.accounts[0].password, config.accounts[1].password);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for at in 1..9 {
        let aliases = vec![format!("*a{}", at - 1); 10].join(", ");
        bomb.push_str(&format!("a{at}: &a{at} [{aliases}]\n"));
    }
    assert!(refused(&bomb).contains("more than 500000 values"));
    let deep = format!("accounts: {}{}", "[".repeat(40), "]".repeat(40));
    assert!(refused(&deep).contains("more than 32 levels"));
}

/// Lines of an account, and what is said about them.
const COMPLAINTS: &[(&str, &str)] = &[
    (
        "hots: x",
        "6:5: unknown key `hots`; the nearest known key is `host`",
    ),
    (
        "Timeout: 3s",
        "6:5: unknown key `Timeout`; the nearest known key is `timeout`",
    ),
    ("xyzzy: x", "6:5: unknown key `xyzzy`"),
    (
        "proxy: x",
        "6:12: `proxy` wants `socks5://HOST:PORT` or `http://HOST:PORT`, with `USER:PASSWORD@` before the host if need be",
    ),
    (
        "user: bob",
        "6:5: the key `user` is given twice, first on line 4",
    ),
    (
        "protocol: smtp",
        "6:15: `protocol` cannot be `smtp`; it is one of `imap`, `pop3`",
    ),
    (
        "tls: yes",
        "6:10: `tls` cannot be `yes`; it is one of `implicit`, `starttls`, `none`",
    ),
    (
        "auth: ntlm",
        "6:11: `auth` cannot be `ntlm`; it is one of `auto`, `plain`, `login`, `cram-md5`, `scram-sha-1`, `scram-sha-256`, `external`, `apop`, `oauth2`, `gssapi`",
    ),
    (
        "layout: mbox",
        "6:13: `layout` cannot be `mbox`; it is one of `fs`, `maildir++`",
    ),
    (
        "retention: never",
        "6:16: `retention` cannot be `never`: wanted are `keep`, `delete` or a mapping of rules; in a CSV file each rule is a column, such as `retention.delete_after`",
    ),
    (
        "port: 0",
        "6:11: `port` cannot be `0`: a whole number from 1 to 65535 is wanted",
    ),
    (
        "port: 65536",
        "6:11: `port` cannot be `65536`: a whole number from 1 to 65535 is wanted",
    ),
    ("port:", "6:9: `port` wants text"),
    (
        "connections: 1e3",
        "6:18: `connections` cannot be `1e3`: a whole number from 1 to 100 is wanted",
    ),
    (
        "poll: 5",
        "6:11: `poll` cannot be `5`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`",
    ),
    (
        "poll: 5 min",
        "6:11: `poll` cannot be `5 min`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`",
    ),
    (
        "poll: 0s",
        "6:11: `poll` cannot be `0s`: a second is the least",
    ),
    ("timeout: [1s]", "6:14: `timeout` wants text"),
    (
        "allow_cleartext: on",
        "6:22: `allow_cleartext` cannot be `on`; it is one of `true`, `false`",
    ),
    (
        "tls: none",
        "6:10: `tls: none` would send the password to imap.example.org in the clear; if that is meant, add `allow_cleartext: true`",
    ),
    ("folders: INBOX", "6:14: `folders` wants a mapping"),
    (
        "folders: {include: INBOX}",
        "6:24: `include` wants a list: [\"...\", \"...\"]",
    ),
    (
        "folders: {incldue: []}",
        "6:15: unknown key `incldue`; the nearest known key is `include`",
    ),
    (
        "maildir: ~bob/Mail",
        "6:14: `maildir` cannot be `~bob/Mail`: only one's own home has a `~` here; write `~/...`",
    ),
    (
        "maildir: $NOWHERE/x",
        "6:14: `maildir` cannot be `$NOWHERE/x`: $NOWHERE is not set",
    ),
    (
        "maildir: ${MAIL",
        "6:14: `maildir` cannot be `${MAIL`: a `${` has no `}`",
    ),
    ("\"a\\eb\": x", "6:5: unknown key `a\\u{1b}b`"),
    (
        "poll: @x",
        "6:11: not a YAML document that makes sense here: a value cannot begin with this character unless it stands in quotes",
    ),
];

#[test]
fn what_is_wrong_with_an_account_is_said_with_its_place() {
    for (lines, said) in COMPLAINTS {
        assert_eq!(refused(&account(lines)), *said, "{lines}");
    }
}

#[test]
fn what_is_wrong_with_hosts_is_said() {
    let with = |host: &str| account("").replace("imap.example.org", host);
    let port = "a name without `://` or a port is wanted; the port is a key of its own";
    for (host, said) in [
        (
            "imap.example.org:993",
            format!("3:11: `host` cannot be `imap.example.org:993`: {port}"),
        ),
        (
            "imaps://x",
            format!("3:11: `host` cannot be `imaps://x`: {port}"),
        ),
        (
            "a b",
            "3:11: `host` cannot be `a b`: a host name or an address is wanted".to_owned(),
        ),
        ("", "3:9: `host` wants text".to_owned()),
    ] {
        assert_eq!(refused(&with(host)), said, "{host}");
    }
    assert_eq!(accepted(&with("\"[::1]\"")).accounts[0].server.host, "::1");
}

#[test]
fn cleartext_stays_on_this_machine_unless_it_is_asked_for() {
    let to = |host: &str| account("tls: none").replace("imap.example.org", host);
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.9.9.9",
        "\"::1\"",
        "\"::ffff:127.0.0.1\"",
    ] {
        accepted(&to(host));
    }
    for host in [
        "127.0.0.1.example.org",
        "localhost.example.org",
        "10.0.0.1",
        "\"::\"",
        "0.0.0.0",
    ] {
        assert!(refused(&to(host)).contains("in the clear"), "{host}");
    }
    accepted(&account("tls: none\nallow_cleartext: true"));
    assert!(refused(&account("tls: none\nallow_cleartext: false")).contains("in the clear"));
}

#[test]
fn what_is_wrong_with_the_whole_is_said() {
    for (text, said) in [
        ("", "1:1: there are no `accounts`"),
        ("# only a comment\n", "1:1: there are no `accounts`"),
        ("accounts:\n", "1:9: there are no `accounts`"),
        ("accounts: 3\n", "1:11: `accounts` wants a mapping"),
        ("just words\n", "1:1: `the file` wants a mapping"),
        ("accounts: {a: text}\n", "1:15: `accounts` wants a mapping"),
        (
            "a: 1\n---\nb: 2\n",
            "2:1: not a YAML document that makes sense here: one file holds one YAML document",
        ),
        (
            "accounts: {? [a] : b}\n",
            "1:16: not a YAML document that makes sense here: a key is a word, not a list or a mapping",
        ),
    ] {
        assert_eq!(refused(text), said, "{text}");
    }
    let top = |lines: &str| refused(&(account("") + lines));
    assert_eq!(
        top("acounts: {}\n"),
        "6:1: unknown key `acounts`; the nearest known key is `accounts`"
    );
    assert_eq!(
        top("log: {level: loud}\n"),
        "6:14: `level` cannot be `loud`; it is one of `error`, `warn`, `info`, `debug`, `trace`"
    );
    assert_eq!(
        top("log: {format: xml}\n"),
        "6:15: `format` cannot be `xml`; it is one of `auto`, `text`, `json`, `journald`"
    );
    assert_eq!(
        top("defaults: {accounts: {}}\n"),
        "6:12: unknown key `accounts`"
    );
}

#[test]
fn everything_wrong_is_reported_at_once_and_in_order() {
    let said = refused(
        "defaults: {poll: soon}
accounts:
  a: {host: a.example, user: ada}
  b: {prot: 1}
  a: {host: a.example, user: ada, password: {env: X}}
  c/d: {host: a.example, user: ada, password: {env: X}}
",
    );
    let places: Vec<&str> = said
        .lines()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        ["1:18", "3:3", "4:3", "4:3", "4:3", "4:7", "5:3", "6:3"],
        "{said}"
    );
    assert!(
        said.contains("3:3: account `a` has no `password`"),
        "{said}"
    );
    assert!(said.contains("4:3: account `b` has no `host`"), "{said}");
    assert!(
        said.contains("4:7: unknown key `prot`; the nearest known key is `port`"),
        "{said}"
    );
    assert!(
        said.contains("5:3: the key `a` is given twice, first on line 3"),
        "{said}"
    );
    assert!(
        said.contains("6:3: an account name has 1 to 64 letters"),
        "{said}"
    );
}

#[test]
fn two_imap_accounts_have_two_trees() {
    let said = refused(
        "defaults: {user: ada, password: {env: X}, maildir: ~/Mail}
accounts: {a: {host: a.example}, b: {host: b.example}}
",
    );
    assert_eq!(
        said,
        "2:34: account `a` has the same maildir, /home/ada/Mail; two IMAP accounts cannot share one"
    );
    accepted(
        "defaults: {user: ada, password: {env: X}, maildir: ~/Mail, protocol: pop3}
accounts: {a: {host: a.example}, b: {host: b.example}}
",
    );
}

#[test]
fn pop3_has_no_folders() {
    let said = refused(&account("protocol: pop3\nfolders: {include: [INBOX]}"));
    assert_eq!(
        said,
        "7:5: `folders` is for IMAP accounts: POP3 has no mailboxes"
    );
}

/// Whatever is written in the place of a password, no message shows any of it.
#[test]
fn octets_that_are_no_text_have_a_place_too() {
    let error = read_with(b"accounts:\n  h\xE9: x\n", 0o600).unwrap_err();
    assert!(error.to_string().contains(":2:4: "), "{error}");
}

#[test]
fn durations_have_a_unit_and_fit() {
    use super::duration::parse_duration;
    let seconds = |text| parse_duration(text).map(|duration| duration.as_secs()).ok();
    assert_eq!(seconds("30s"), Some(30));
    assert_eq!(seconds("5m"), Some(300));
    assert_eq!(seconds("2h"), Some(7_200));
    assert_eq!(seconds("3d"), Some(259_200));
    for text in [
        "",
        "s",
        "5",
        "5 m",
        "+5m",
        "-5m",
        "1.5h",
        "1h30m",
        "5M",
        "99999999999999999999s",
        "9999999999999999999d",
    ] {
        assert_eq!(seconds(text), None, "{text}");
    }
}

#[test]
fn pins_and_our_own_certificate_are_read() {
    let hex = "0f".repeat(32);
    let config = accepted(&account(&format!(
        "pin: [\"sha256:{hex}\", \"SHA256:{}\"]\nclient_cert: me.pem\nclient_key: ~/me.key",
        hex.to_uppercase()
    )));
    let server = &config.accounts[0].server;
    let pin = format!("sha256:{hex}").parse().unwrap();
    assert_eq!(server.pins, [pin, pin]);
    let client = server.client.as_ref().unwrap();
    let base = Path::new("/home/ada/.config/postrider");
    assert_eq!(client.cert, base.join("me.pem"));
    assert_eq!(client.key, Path::new("/home/ada/me.key"));
}

#[test]
fn half_a_certificate_and_what_is_no_pin_are_refused() {
    let refusals = [
        (
            "client_cert: me.pem",
            "`client_cert` is nothing without `client_key`",
        ),
        (
            "client_key: me.key",
            "`client_key` is nothing without `client_cert`",
        ),
        (
            "pin: [\"0f0f\"]",
            "`pin` cannot be `0f0f`: `sha256:` and 64 hexadecimal digits are wanted; `postrider check` shows the server's",
        ),
        ("pin: abc", "`pin` wants a list: [\"...\", \"...\"]"),
        (
            "tls: none\nallow_cleartext: true\npin: []",
            "`pin` is about certificates, and with `tls: none` there are none",
        ),
        (
            "tls: none\nallow_cleartext: true\nca_file: ca.pem",
            "`ca_file` is about certificates, and with `tls: none` there are none",
        ),
        (
            "tls: none\nallow_cleartext: true\nclient_key: k",
            "`client_key` is about certificates, and with `tls: none` there are none",
        ),
    ];
    for (lines, said) in refusals {
        let complaint = refused(&account(lines));
        let (_place, complaint) = complaint.split_once(": ").unwrap();
        assert_eq!(complaint, said, "{lines}");
    }
}
