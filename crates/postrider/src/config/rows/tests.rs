//! Accounts in a table: what is read, what disables a row, what is wrong with the file.

use crate::config::surroundings::Surroundings;
use crate::config::{BadRow, Config, ConfigError, load};
use postrider_core::settings::PasswordSource;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const CONFIG: &str = "state_dir: /s\naccounts_from: users.csv\ndefaults: {host: imap.example.org, maildir: \"/m/{account}\"}\n";

struct Case(tempfile::TempDir);

impl Case {
    fn new(config: &str, csv: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.yaml"), config).unwrap();
        let case = Self(dir);
        fs::write(case.csv(), csv).unwrap();
        for file in [case.csv(), case.0.path().join("config.yaml")] {
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        case
    }

    fn csv(&self) -> std::path::PathBuf {
        self.0.path().join("users.csv")
    }

    fn load(&self) -> Result<Config, ConfigError> {
        let path = self.0.path().join("config.yaml");
        load(Some(&path), &Surroundings::of([("HOME", "/home/ada")]))
    }

    fn accepted(&self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is said, without the directory.
    fn refused(&self) -> String {
        let said = self.load().expect_err("a bad file").to_string();
        said.replace(&format!("{}/", self.0.path().display()), "")
    }

    /// What is said about bad rows, without the directory.
    fn bad(&self) -> Vec<String> {
        let config = self.accepted();
        let told = config.bad_rows.iter().map(BadRow::told);
        let here = format!("{}/", self.0.path().display());
        told.map(|told| told.replace(&here, "")).collect()
    }
}

fn names(config: &Config) -> Vec<&str> {
    config.accounts.iter().map(|a| a.name.as_str()).collect()
}

#[test]
fn rows_are_accounts_and_text_stays_text() {
    let case = Case::new(
        CONFIG,
        "account,user,password,poll,retention.delete_after,folders.include,on_new\n\
         ada,no,1e3,,30d,\"[\"\"INBOX\"\", \"\"Work/*\"\"]\",true\n\
         bob,\"b,\"\"o\"\"b\",0123,2m,,INBOX,\"[notify-send, \"\"{count} new\"\"]\"\n",
    );
    let config = case.accepted();
    assert_eq!((names(&config), case.bad()), (vec!["ada", "bob"], vec![]));
    let [ada, bob] = config.accounts.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!((ada.user.as_str(), bob.user.as_str()), ("no", "b,\"o\"b"));
    let inline = |account: &PasswordSource| match account {
        PasswordSource::Inline(secret) => secret.reveal().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (inline(&ada.password), inline(&bob.password)),
        ("1e3".to_owned(), "0123".to_owned())
    );
    assert_eq!(
        (ada.poll.as_secs(), bob.poll.as_secs()),
        (300, 120),
        "an empty cell is no key"
    );
    assert_eq!(ada.folders.include, ["INBOX", "Work/*"]);
    assert_eq!(bob.folders.include, ["INBOX"]);
    assert!(ada.retention.has_rule() && !bob.retention.has_rule());
    assert_eq!(ada.on_new.as_ref().unwrap().command, ["true"]);
    assert_eq!(
        bob.on_new.as_ref().unwrap().command,
        ["notify-send", "{count} new"]
    );
    assert_eq!(ada.maildir, Path::new("/m/ada"));
    assert_eq!(ada.server.host, "imap.example.org", "from defaults");
}

#[test]
fn spreadsheets_write_byte_order_marks_and_other_line_ends() {
    let csv = "\u{feff}account,user,password.command\r\nada,ada,\"echo \"\"x, y\"\"\"\r\n\r\nbob,bob,true";
    let config = Case::new(CONFIG, csv).accepted();
    assert_eq!(names(&config), ["ada", "bob"]);
    let command = PasswordSource::Command("echo \"x, y\"".to_owned());
    assert_eq!(config.accounts[0].password, command);
}

#[test]
fn a_bad_row_disables_itself_alone_and_says_where_and_why() {
    let case = Case::new(
        CONFIG,
        "account,user,password.command,poll,port\n\
         ada,ada,true,,\n\
         bo b,bob,true,,\n\
         \n\
         eve,eve,true,5,70000\n\
         dan,,true,,\n\
         fay,fay,true\n\
         ada,ada,true,,\n\
         ,gus,true,,\n\
         \"hél\",h,true,5,\n\
         zoe,zoe,true,,\n",
    );
    assert_eq!(names(&case.accepted()), ["ada", "zoe"]);
    assert_eq!(
        case.bad(),
        [
            "users.csv:3:1: an account name has 1 to 64 letters, digits, `_`, `-`, `.`, `@` or `+`, and does not \
             begin with `.` or `-`",
            "users.csv:5:14: `poll` cannot be `5`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`\n\
             users.csv:5:16: `port` cannot be `70000`: a whole number from 1 to 65535 is wanted",
            "users.csv:6:1: account `dan` has no `user`",
            "users.csv:7:1: the row has 3 cells and the first row has 5: a cell with a comma in it stands in \"quotes\"",
            "users.csv:8:1: there is an account `ada` on line 2 already",
            "users.csv:9:1: the row has no `account`",
            "users.csv:10:14: `poll` cannot be `5`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`",
        ]
    );
    let bad = case.accepted().bad_rows;
    let accounts: Vec<_> = bad.iter().map(|row| row.account.as_deref()).collect();
    assert_eq!(
        accounts,
        [
            Some("bo b"),
            Some("eve"),
            Some("dan"),
            None,
            Some("ada"),
            None,
            Some("hél")
        ]
    );
}

#[test]
fn a_quotation_mark_that_is_not_closed_is_told() {
    let case = Case::new(
        CONFIG,
        "account,user,password.env\nada,ada,PW\nbob,\"bob,PW\neve,eve,PW\n",
    );
    assert_eq!(names(&case.accepted()), ["ada"]);
    let bad = case.bad();
    assert!(
        bad[0].starts_with("users.csv:3:1: the row goes on to line 5: a quotation mark"),
        "{bad:?}"
    );
}

#[test]
fn what_is_not_utf_8_disables_its_row() {
    let mut csv = b"account,user,password.env\nada,ada,PW\nbob,b".to_vec();
    csv.extend(b"\xffb,PW\neve,eve,PW\n");
    let case = Case::new(CONFIG, csv);
    assert_eq!(names(&case.accepted()), ["ada", "eve"]);
    assert_eq!(case.bad(), ["users.csv:3:1: the row is not UTF-8"]);
}

#[test]
fn names_and_trees_belong_to_one_account() {
    let config = format!("{CONFIG}accounts:\n  ada: {{user: a, password: {{env: PW}}}}\n");
    let csv = "account,user,password.env,maildir\nada,x,PW,/m/x\nbob,b,PW,/m/ada\neve,e,PW,\nzoe,z,PW,/m/eve\n";
    let case = Case::new(&config, csv);
    assert_eq!(names(&case.accepted()), ["ada", "eve"]);
    assert_eq!(
        case.bad(),
        [
            "users.csv:2:1: there is an account `ada` in `accounts` already",
            "users.csv:3:1: account `ada` has the same maildir, /m/ada; two IMAP accounts cannot share one",
            "users.csv:5:1: account `eve` has the same maildir, /m/eve; two IMAP accounts cannot share one",
        ]
    );
}

#[test]
fn passwords_that_others_can_read_disable_their_rows_and_are_not_shown() {
    let csv = "account,user,password,password.env\nada,a,hunter2,\nbob,b,,PW\neve,e,hunter2,PW\n";
    let case = Case::new(CONFIG, csv);
    fs::set_permissions(case.csv(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(names(&case.accepted()), ["bob"]);
    let bad = case.bad();
    assert_eq!(
        bad[0],
        "users.csv:2:7: a password stands here, and others can read the file (mode 0644)"
    );
    assert!(
        bad[1].contains("users.csv:4:15: the key `password` is given twice"),
        "{bad:?}"
    );
    assert!(!bad.join("").contains("hunter2"), "{bad:?}");
    let rows = case.accepted().bad_rows;
    let hint = rows[0].hint().unwrap();
    assert_eq!(hint, format!("chmod 600 {}", case.csv().display()));
}

#[test]
fn what_is_wrong_with_the_columns_is_wrong_with_the_file() {
    for (csv, said) in [
        (
            "",
            "users.csv:1:1: the file is empty; its first row names the columns, and one of them is `account`",
        ),
        (
            "ada,ada,hunter2\n",
            "users.csv:1:1: the first row names the columns, parted by commas, and one of them is `account`",
        ),
        (
            "account,hots\nx,y\n",
            "users.csv:1:9: unknown key `hots`; the nearest known key is `host`",
        ),
        (
            "account,user,user\nx,y,z\n",
            "users.csv:1:14: the column `user` is there twice",
        ),
    ] {
        let refused = Case::new(CONFIG, csv).refused();
        assert_eq!(
            refused,
            format!("config.yaml:2:16: `accounts_from`: {said}")
        );
    }
    let nobody = Case::new(CONFIG, "account,user\n").refused();
    assert_eq!(nobody, "config.yaml:2:16: there are no `accounts`");
    let case = Case::new(CONFIG, "");
    fs::remove_file(case.csv()).unwrap();
    let missing = case.refused();
    assert!(
        missing.starts_with("config.yaml:2:16: `accounts_from`: users.csv: No such file"),
        "{missing}"
    );
}

#[test]
fn what_is_wrong_with_defaults_is_wrong_with_the_configuration() {
    let config = CONFIG.replace("{host:", "{poll: 5, host:");
    let csv = "account,user,password.env\nada,a,PW\nbob,b,PW\n";
    let said = Case::new(&config, csv).refused();
    assert_eq!(
        said,
        "config.yaml:3:18: `poll` cannot be `5`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`"
    );
    // What they cannot be together is the row's.
    let config = CONFIG.replace("{host:", "{retention: {quota: 80%}, host:");
    let case = Case::new(
        &config,
        "account,user,password.env,protocol\nada,a,PW,\nbob,b,PW,pop3\n",
    );
    assert_eq!(names(&case.accepted()), ["ada"]);
    assert!(
        case.bad()[0].starts_with("users.csv:3:1: `quota` is for IMAP accounts"),
        "{:?}",
        case.bad()
    );
}

#[test]
fn ten_thousand_rows_take_little_time() {
    let mut csv = "account,user,password.env,poll\n".to_owned();
    for n in 0..10_000 {
        csv.push_str(&format!("user{n},user{n}@example.org,PW,{}m\n", 1 + n % 9));
    }
    let case = Case::new(CONFIG, csv);
    let begun = std::time::Instant::now();
    assert_eq!(case.accepted().accounts.len(), 10_000);
    let took = begun.elapsed();
    assert!(took.as_secs() < 10, "{took:?}");
}
