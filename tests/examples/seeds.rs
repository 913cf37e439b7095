//! Writes what the fuzz targets begin with: `cargo run -p postrider-tests --example seeds DIRECTORY` makes one
//! directory per target, from the dialogues and from names that tests elsewhere found worth a line.

use postrider_tests::dialogue::Dialogue;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How long the packets are that a seed is cut into: targets take it from the first octet.
const PACKET: u8 = 7;

/// Two names each, parted by a line feed.
const MAILBOXES: &[&str] = &[
    "INBOX\ninbox",
    "Entw&APw-rfe\nEntw\u{fc}rfe",
    "&U,BTFw-/&ZeVnLIqe-\n&2D3eAA-",
    "a/../b\n.hidden",
    "cur\ncur/new",
    "a%2Fb\na&AC8-b",
    "~user/tmp\n..",
    "a.b\na/b",
    "&AAA-\n&2D0-",
];

const FILES: &[&str] = &[
    "1795578482.M971515P32712Q0Red2b7b9f0a36a32e.vm,S=173,W=182:2,S",
    "1.2.host:2,FSabc",
    "1.2.host;2,S:2,F",
    "1.2.host!2,",
    "1.2.host,U=3:1,x",
    ":2,DFPRST",
    "1.2.host:2,S,x",
    "1.2.host",
];

const OAUTH: &[&str] = &[
    r#"{"access_token":"a.b-c","token_type":"Bearer","expires_in":3600,"refresh_token":"1//r","scope":"mail"}"#,
    r#"{"access_token":"a","token_type":"bearer","expires_in":"3600"}"#,
    r#"{"access_token":"","token_type":"Bearer","expires_in":-1}"#,
    r#"{"error":"invalid_grant","error_description":"Token has been revoked.","error_uri":"https://h/"}"#,
    r#"{"error":"invalid_grant","error_description":"\u001b[2J"}"#,
    "http://127.0.0.1:8080/?code=4%2F0Ab&state=x",
    "?code=a&state=b",
    "4/0AbCd==",
];

const CONFIGS: &[&str] = &[
    "accounts:\n  home:\n    host: imap.example.org\n    user: ada\n    password: {command: pass show mail/home}\n",
    "defaults: {timeout: 30s, poll: 5m}\naccounts:\n  isp: {protocol: pop3, host: pop.isp.example, user: ada, \
     password: {credential: isp}, retention: {delete_after: 30d, protect: [flagged]}, maildir: ~/Maildir}\n",
    "accounts:\n  a: &a {host: h, user: u, password: p, folders: {include: [\"*\"], rename: {x: y}}}\n  b: *a\n",
    "limits: {connections: 4, bandwidth: 1MiB, disk_free_min: 1GiB}\nstatus: {stale_after: 1h}\nlog: {level: info}\n",
    "accounts:\n  a:\n    hots: x\n    retention: |\n      keep\n    on_new: [notify-send, \"{count}\"]\n",
    "%YAML 1.2\n---\n? [a, b]\n: !!str 'c'\n...\n",
];

const TABLES: &[&str] = &[
    "account,user,password\nada,ada,secret\nbob,bob,\"a, \"\"b\"\"\"\n",
    "\u{feff}account,host,protocol,retention\r\nada,h,pop3,delete\r\n\r\nbob,h,x,\r\n",
    "account,password.command,maildir\nada,pass ada,\"~/Mail/\n{account}\"\nada,twice,\n",
    "account\n",
];

const REQUESTS: &[&str] = &[
    "{\"postrider\":1,\"request\":\"status\",\"follow\":true}\n",
    "{\"postrider\":1,\"request\":\"sync\",\"accounts\":[\"a\",\"b\"],\"mailbox\":\"*\"}\n",
    "{\"postrider\":1,\"request\":\"pause\"}\n",
    "{\"postrider\":1,\"request\":\"reload\",\"wait\":true}\n",
    "{\"postrider\":2,\"request\":\"resume\"}\n",
    "{\"postrider\":1,\"request\":\"sync_now\",\"accounts\":[]}\n",
];

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = PathBuf::from(std::env::args_os().nth(1).ok_or("where to?")?);
    let dialogues = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues");
    for entry in fs::read_dir(dialogues.join("imap"))? {
        let path = entry?.path();
        let Some(said) = said(&path)? else { continue };
        write(&seeds, "imap_responses", &path, &with_packet(&said))?;
        write(&seeds, "imap_oracle", &path, &said)?;
        // The other parser takes one response at a time.
        for (at, line) in said.split_inclusive(|octet| *octet == b'\n').enumerate() {
            let name = path.with_extension(at.to_string());
            write(&seeds, "imap_oracle", &name, line)?;
        }
    }
    for entry in fs::read_dir(dialogues.join("pop3"))? {
        let path = entry?.path();
        let Some(said) = said(&path)? else { continue };
        // A seed is one answer: the last one is what the dialogue is about, and all of it is a message too.
        write(&seeds, "pop3_answers", &path, &with_packet(&said))?;
        let answers = said.split(|octet| *octet == b'+').skip(1).last();
        let answer = [b"+", answers.unwrap_or_default()].concat();
        let name = path.with_extension("last");
        write(&seeds, "pop3_answers", &name, &with_packet(&answer))?;
    }
    let texts = [
        ("mailbox_names", MAILBOXES),
        ("maildir_names", FILES),
        ("oauth_answers", OAUTH),
    ];
    for (target, names) in texts {
        for (at, name) in names.iter().enumerate() {
            let choice = u8::try_from(at)?;
            let seed = [&[choice], name.as_bytes()].concat();
            write(&seeds, target, Path::new(&at.to_string()), &seed)?;
        }
    }
    for (target, texts) in [
        ("config_file", CONFIGS),
        ("accounts_table", TABLES),
        ("control_requests", REQUESTS),
    ] {
        for (at, text) in texts.iter().enumerate() {
            write(&seeds, target, Path::new(&at.to_string()), text.as_bytes())?;
        }
    }
    Ok(())
}

/// What the server says in a dialogue; `None` for a literal that lies beside them.
fn said(path: &Path) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    if path.extension() != Some(OsStr::new("txt")) {
        return Ok(None);
    }
    Ok(Some(Dialogue::load(path)?.server_octets()?))
}

fn with_packet(octets: &[u8]) -> Vec<u8> {
    [&[PACKET], octets].concat()
}

fn write(seeds: &Path, target: &str, name: &Path, octets: &[u8]) -> Result<(), Box<dyn Error>> {
    let dir = seeds.join(target);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(name.file_name().unwrap_or_default()), octets)?;
    Ok(())
}
