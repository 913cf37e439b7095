//! `docs/configuration.md` against the code: a key that the page lacks, or has too many, is a mistake here
//! or there.

use super::surroundings::Surroundings;
use super::{
    Complaint, account, folders, limits, oauth2, parse, password, removal, resolve, status,
};
use std::path::Path;

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    std::fs::read_to_string(page).unwrap()
}

/// The text of the page from the heading `title` to the next one.
fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("# {title}\n")).unwrap();
    rest.split_once("\n#").map_or(rest, |(section, _)| section)
}

/// The keys that the first table of a section has rows for.
fn rows<'s>(section: &'s str) -> Vec<&'s str> {
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let cell = |row: &'s str| row.strip_prefix("| `")?.split('`').next();
    rows.filter_map(cell).collect()
}

/// The code blocks of a section that begin with "```" and `language`.
fn blocks<'s>(section: &'s str, language: &str) -> Vec<&'s str> {
    let begins = format!("{language}\n");
    let fenced = section.split("```").skip(1).step_by(2);
    fenced
        .filter_map(|block| block.strip_prefix(&begins))
        .collect()
}

fn read(text: &str) -> Result<super::Config, Vec<Complaint>> {
    let around = Surroundings::of([("HOME", "/home/ada")]);
    parse(Path::new("/etc/c.yaml"), (text.as_bytes(), 0o600), &around)
}

#[test]
fn the_page_has_every_key_and_no_other() {
    let page = page();
    let of_log = resolve::LOG_KEYS.iter().map(|key| format!("log.{key}"));
    let of_file = resolve::KEYS.iter().map(|key| (*key).to_owned());
    let of_status = status::KEYS.iter().map(|key| format!("status.{key}"));
    let known: Vec<String> = of_file.chain(of_log).chain(of_status).collect();
    assert_eq!(rows(section(&page, "The file")), known);
    assert_eq!(rows(section(&page, "An account")), account::KEYS);
    assert_eq!(rows(section(&page, "`limits`")), limits::KEYS);
    let forms = section(&page, "`password`");
    for key in password::KEYS {
        assert!(forms.contains(&format!("`password: {{{key}: ")), "{key}");
    }
    assert_eq!(rows(section(&page, "`oauth2`")), oauth2::KEYS);
    let folder_keys = section(&page, "`folders`");
    for key in folders::KEYS {
        assert!(folder_keys.contains(&format!("  {key}: ")), "{key}");
    }
    let removal = [
        ("`retention`", removal::RETENTION_KEYS),
        ("`brake`", removal::BRAKE_KEYS),
    ];
    for (title, keys) in removal {
        for key in keys {
            assert!(section(&page, title).contains(&format!("{key}: ")), "{key}");
        }
    }
}

#[test]
fn the_examples_are_accepted() {
    let page = page();
    let smallest = blocks(section(&page, "The smallest accounts"), "yaml");
    let config = read(smallest[0]).unwrap();
    assert_eq!(config.accounts.len(), 2);
    let rest = "user: ada\n    password: {env: PW}\n";
    let folders = blocks(section(&page, "`folders`"), "yaml")[0];
    let text = format!("accounts:\n  home:\n{folders}    host: h\n    {rest}");
    let chosen = &read(&text).unwrap().accounts[0].folders;
    assert_eq!(chosen.exclude, ["Archive/*", "\\Junk"]);
    assert_eq!(chosen.rename["[Gmail]/Sent Mail"], "Sent");
    for title in ["`retention`", "`brake`", "`max_size` and `max_age`"] {
        for lines in blocks(section(&page, title), "yaml") {
            let text = format!("accounts:\n  home:\n    host: h\n{lines}    {rest}");
            read(&text).unwrap();
        }
    }
    let lines = blocks(section(&page, "`limits`"), "yaml")[0];
    let text = format!("{lines}accounts:\n  home:\n    host: h\n    {rest}");
    assert_eq!(read(&text).unwrap().limits.disk_free_min_octets, 5 << 30);
    let tls = blocks(section(&page, "`tls` and `port`"), "yaml")[0];
    let text = format!("accounts:\n  home:\n{tls}    {rest}");
    assert_eq!(read(&text).unwrap().accounts[0].server.port, 143);
}

#[test]
fn the_wrong_example_is_refused_in_the_words_of_the_page() {
    let page = page();
    let section = section(&page, "What errors look like");
    let complaints = read(blocks(section, "yaml")[0]).unwrap_err();
    let line = |c: &Complaint| format!("CONFIG:{}:{}: {}\n", c.at.line, c.at.column, c.problem);
    let said: String = complaints.iter().map(line).collect();
    assert_eq!(said, blocks(section, "")[0]);
}

#[test]
fn the_table_of_accounts_is_read_as_the_page_says() {
    let page = page();
    let section = section(&page, "`accounts_from`");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yaml");
    std::fs::write(&file, blocks(section, "yaml")[0]).unwrap();
    std::fs::write(dir.path().join("users.csv"), blocks(section, "csv")[0]).unwrap();
    let around = Surroundings::of([("HOME", "/home/ada")]);
    let config = super::load(Some(&file), &around).unwrap();
    assert_eq!((config.accounts.len(), config.bad_rows), (2, vec![]));
    assert_eq!(config.accounts[1].folders.exclude, ["Archive/*", "\\Junk"]);
}

#[test]
fn the_examples_of_hooks_are_accepted() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples = blocks(&page, "yaml");
    assert!(examples.len() >= 5);
    for lines in examples {
        let rest = "host: h, user: u, password: {env: PW}";
        let text = match lines.split_once(':').unwrap().0 {
            // An account without the keys that every account needs.
            "accounts" => format!("defaults: {{{rest}}}\n{lines}"),
            "defaults" => format!("{lines}accounts:\n  home: {{{rest}}}\n"),
            _ => format!("defaults:\n  {lines}\naccounts:\n  home: {{{rest}}}\n"),
        };
        read(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    }
}

#[test]
fn the_examples_of_ways_are_accepted() {
    use postrider_core::settings::PasswordSource;
    use postrider_core::way::Way;
    let page = page();
    let tunnel = blocks(section(&page, "`tunnel`"), "yaml")[0];
    let account = &read(tunnel).unwrap().accounts[0];
    assert_eq!(account.password, PasswordSource::Absent);
    assert!(matches!(&account.server.way, Way::Tunnel(command) if command.starts_with("ssh -q ")));
    let proxy = blocks(section(&page, "`proxy`"), "yaml")[0];
    let rest = "    host: h\n    user: ada\n    password: {env: PW}\n";
    let config = read(&format!("accounts:\n  home:\n{proxy}{rest}")).unwrap();
    assert!(matches!(config.accounts[0].server.way, Way::Proxy(_)));
}

#[test]
fn the_examples_of_logins_are_accepted() {
    let of_accounts = section(&page(), "`oauth2`").to_owned();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/login.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples = [blocks(&page, "yaml"), blocks(&of_accounts, "yaml")].concat();
    assert!(examples.len() >= 5);
    for lines in examples {
        // A list indents what is in it.
        let lines = lines
            .replace("\n       ", "\n    ")
            .replace("       host", "    host");
        let text = if lines.starts_with("accounts") {
            lines
        } else {
            format!("defaults: {{host: h, user: u}}\naccounts:\n  home:\n{lines}")
        };
        // A binary without the feature refuses it.
        let known = cfg!(feature = "gssapi") || !text.contains("auth: gssapi");
        let read = read(&text);
        assert_eq!(read.is_ok(), known, "{read:?}\n{text}");
    }
}
