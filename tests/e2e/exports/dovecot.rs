//! Dovecot on the trees, as a server for other readers.

use super::{EACH, ROLES, Shown, Synced, printed, synced};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

/// Dovecot does not read mail as root.
const NOBODY: u32 = 65_534;

/// A colon ends a path in a location, and `%` begins a variable.
const ABOVE: &str = "It's \"my\" `mail`: 100% #1";

/// Gives everything to whoever is to read it.
fn give(path: &Path, owner: u32) {
    chown(path, Some(owner), Some(owner)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), owner);
        }
    }
}

fn printed_name(shown: &Shown) -> String {
    match shown.account {
        "home" => shown.name.clone(),
        account => format!("{account}/{}", shown.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dovecot_finds_every_mailbox() {
    let synced = synced(ABOVE).await;
    let home = synced.home.path();
    let me = fs::metadata(home).unwrap().uid();
    let owner = if me == 0 { NOBODY } else { me };
    let own = home.join("dovecot");
    fs::create_dir(&own).unwrap();
    if me == 0 {
        fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
        give(&synced.above, owner);
        give(&own, owner);
    }
    let file = home.join("dovecot.conf");
    let dir = own.display();
    let rest = format!(
        "base_dir = {dir}/run\nstate_dir = {dir}/state\nmail_home = {dir}\nlog_path = /dev/stderr\n\
         mail_uid = {owner}\nmail_gid = {owner}\nfirst_valid_uid = 1\nfirst_valid_gid = 1\nssl = no\n"
    );
    fs::write(&file, rest + &synced.export("dovecot")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let doveadm = |arguments: &[&str]| {
        let mut command = synced.command("doveadm");
        printed(command.arg("-c").arg(&file).args(arguments))
    };
    let mailboxes = synced.mailboxes();
    let wanted: BTreeSet<String> = mailboxes.iter().map(printed_name).collect();
    let listed = doveadm(&["mailbox", "list", "-8"]);
    let mut listed: BTreeSet<String> = listed.lines().map(str::to_owned).collect();
    // The levels above the mailboxes of other accounts.
    listed.retain(|name| name != "work" && name != "isp");
    assert_eq!(listed, wanted);
    let status = [
        "-f", "tab", "mailbox", "status", "messages", "*", "work/*", "isp/*",
    ];
    let counted = doveadm(&status);
    let ends = format!("\t{EACH}");
    let counted: Vec<&str> = counted.lines().skip(1).collect();
    let whole = counted.iter().filter(|line| line.ends_with(&ends));
    assert_eq!(whole.count(), mailboxes.len(), "{counted:#?}");
    assert_eq!(roles(&synced, &file), wanted_roles());
    synced.assert_nothing_ran();
}

/// Which mailbox has which role, by what Dovecot tells its clients. Without a server in front of it this
/// program takes its user from the environment.
fn roles(synced: &Synced, file: &Path) -> BTreeSet<(String, String)> {
    let places = ["/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap"];
    let program = places.into_iter().find(|place| Path::new(place).exists());
    let mut command = synced.command(program.unwrap());
    command.arg("-c").arg(file);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut imap = command.stderr(Stdio::null()).spawn().unwrap();
    let question = b"a LIST (SPECIAL-USE) \"\" \"*\" RETURN (SPECIAL-USE)\r\nb LOGOUT\r\n";
    imap.stdin.take().unwrap().write_all(question).unwrap();
    let told = imap.wait_with_output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let rows = told.lines().filter(|line| line.starts_with("* LIST"));
    let row = |line: &str| {
        let role = ROLES.iter().find(|(_, role)| line.contains(role));
        let (_, name) = line.split_once("\"/\" ").unwrap();
        let name = name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'));
        let name = name.unwrap().replace("\\\"", "\"").replace("\\\\", "\\");
        (role.unwrap().1.to_owned(), name)
    };
    rows.map(row).collect()
}

fn wanted_roles() -> BTreeSet<(String, String)> {
    let spelt = |name: &str| name.replace('%', "%25");
    let both = ROLES.iter().flat_map(|(name, role)| {
        let name = spelt(name);
        let of_work = format!("work/{name}");
        [((*role).to_owned(), name), ((*role).to_owned(), of_work)]
    });
    both.collect()
}
