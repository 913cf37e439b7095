//! `limits`, `on_new` and shards.

use super::*;
use postrider_core::limits::Limits;
use std::num::{NonZeroU64, NonZeroUsize};

#[test]
fn limits_are_limits_and_what_is_not_said_is_none() {
    assert_eq!(accepted(&account("")).limits, Limits::default());
    let text = format!(
        "limits: {{connections: 5, bandwidth: 2MiB, disk_free_min: 1GiB}}\n{}",
        account("")
    );
    let limits = Limits {
        connections: NonZeroUsize::new(5),
        bandwidth_octets: NonZeroU64::new(2 << 20),
        disk_free_min_octets: 1 << 30,
    };
    assert_eq!(accepted(&text).limits, limits);
    for (limits, said) in [
        (
            "{connections: 0}",
            "1:23: `connections` cannot be `0`: a whole number from 1 to 60000 is wanted",
        ),
        (
            "{bandwith: 1MiB}",
            "1:10: unknown key `bandwith`; the nearest known key is `bandwidth`",
        ),
        (
            "{bandwidth: 1MB}",
            "1:21: `bandwidth` cannot be `1MB`: a size is a number and a unit: `500KiB`, `20MiB` or `1GiB`",
        ),
        ("5", "1:9: `limits` wants a mapping"),
    ] {
        let text = format!("limits: {limits}\n{}", account(""));
        assert_eq!(refused(&text), said);
    }
}

fn command(on_new: &str) -> Vec<String> {
    let config = accepted(&account(&format!("on_new: {on_new}")));
    config.accounts[0].on_new.clone().unwrap().command
}

#[test]
fn a_command_is_a_list_and_a_path_in_it_is_one() {
    assert_eq!(command("[true]"), ["true"]);
    assert_eq!(command("[~/bin/x, ~/y]"), ["/home/ada/bin/x", "~/y"]);
    assert_eq!(command("[./x]"), ["/home/ada/.config/postrider/./x"]);
    let timeout = accepted(&account("on_new: [true]\non_new_timeout: 7s")).accounts[0]
        .on_new
        .clone();
    assert_eq!(timeout.unwrap().timeout, Duration::from_secs(7));
    assert_eq!(accepted(&account("on_new: []")).accounts[0].on_new, None);
    let said = refused(&account("on_new: notmuch new"));
    assert_eq!(said, "6:13: `on_new` wants a list: [\"...\", \"...\"]");
}

#[test]
fn a_placeholder_is_an_argument_and_never_a_program() {
    for good in [
        r#"[sh, -c, 'echo "$1"', sh, "{mailbox}"]"#,
        r#"[notify-send, -c, "{account}"]"#,
        r#"[python3, ~/x.py, "{mailbox}"]"#,
        r#"[awk, "{print}"]"#,
        r#"[x, "{}", "{a}", "{mailbox", "{{count}}"]"#,
    ] {
        command(good);
    }
    for bad in [
        r#"[sh, -c, "notmuch new; echo {count}"]"#,
        r#"[/bin/bash, -lc, "x {mailbox}"]"#,
        r#"[env, X=1, python3.11, -c, "{mailbox}"]"#,
        r#"[perl, -ne, "{mailbox}"]"#,
        r#"[busybox, sh, -c, "{account}"]"#,
    ] {
        let said = refused(&account(&format!("on_new: {bad}")));
        assert!(
            said.contains("this argument is run as a program"),
            "{bad}: {said}"
        );
    }
    let said = refused(&account("on_new: [x, \"{mailboxes}\"]"));
    assert!(
        said.contains("there is no `{mailboxes}`; the nearest placeholder is `{mailbox}`"),
        "{said}"
    );
}

#[test]
fn a_shard_has_its_accounts_and_their_bad_rows() {
    let names: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let account =
        |name: &String| format!("  {name}: {{host: h, user: u, password: {{env: PW}}}}\n");
    let accounts: String = names.iter().map(account).collect();
    let mut config = accepted(&format!("accounts:\n{accounts}"));
    let row = |account: Option<&str>| BadRow {
        path: PathBuf::from("/t"),
        line: 2,
        account: account.map(str::to_owned),
        complaints: Vec::new(),
    };
    config.bad_rows = vec![row(Some("user0")), row(Some("no name")), row(None)];
    let of = |shard: &str| config.clone().of_shard(Some(shard.parse().unwrap()));
    let shards = ["0/3", "1/3", "2/3"].map(of);
    let mut kept: Vec<String> = Vec::new();
    for shard in &shards {
        kept.extend(
            shard
                .accounts
                .iter()
                .map(|account| account.name.to_string()),
        );
        assert!(shard.bad_rows.len() >= 2, "what is nobody's is told by all");
    }
    kept.sort();
    let mut all = names;
    all.sort();
    assert_eq!(kept, all);
    assert_eq!(
        shards
            .iter()
            .filter(|shard| shard.bad_rows.len() == 3)
            .count(),
        1
    );
    assert_eq!(config.clone().of_shard(None), config);
}
