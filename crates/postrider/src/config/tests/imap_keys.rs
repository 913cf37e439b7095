//! The keys that say what is fetched, what it is called here, and what may go.

use super::{accepted, account, refused};
use postrider_core::brake::{Brake, Percent};
use postrider_core::retention::{Policy, Vanished};
use postrider_core::settings::{AccountSettings, FlagSync, LabelChoice, Moves, Push};
use std::time::Duration;

fn settings(lines: &str) -> AccountSettings {
    accepted(&account(lines)).accounts.remove(0)
}

#[test]
fn what_is_not_said_is_the_contracts_default() {
    let home = settings("");
    assert_eq!((home.max_size_octets, home.max_age), (None, None));
    assert!(!home.deleted_flag && !home.upload && !home.retention.deletions_pushed);
    assert_eq!((home.flags, home.moves), (FlagSync::Both, Moves::Push));
    assert_eq!(home.vanished, Vanished::Keep);
    assert_eq!(home.labels, LabelChoice::Link);
    assert!(home.folders.rename.is_empty() && !home.folders.subscribed);
    let brake = Brake {
        messages: 100,
        share: Percent::new(20).unwrap(),
    };
    assert_eq!(home.brake, Some(brake));
}

#[test]
fn every_key_means_something() {
    let home = settings(
        "max_size: 20MiB
max_age: 30d
flags: pull
deleted_flag: true
deletions: push
moves: ignore
upload: true
labels: all-mail
brake: {messages: 7, share: 3%}
retention: {vanished: trash-flag}
folders: {rename: {\"[Gmail]/Sent Mail\": Sent, inbox: In/Box}, subscribed: true}",
    );
    assert_eq!(home.max_size_octets, Some(20 << 20));
    assert_eq!(home.max_age, Some(Duration::from_secs(30 * 86_400)));
    assert!(home.deleted_flag && home.folders.subscribed);
    assert!(home.upload && home.retention.deletions_pushed);
    assert_eq!((home.flags, home.moves), (FlagSync::Pull, Moves::Ignore));
    assert_eq!(home.labels, LabelChoice::AllMail);
    let brake = home.brake.unwrap();
    assert_eq!((brake.messages, brake.share.as_u8()), (7, 3));
    assert_eq!(home.folders.include, ["*"]);
    let renamed: Vec<_> = home.folders.rename.iter().collect();
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let wanted = [pair("INBOX", "In/Box"), pair("[Gmail]/Sent Mail", "Sent")];
    assert_eq!(
        renamed,
        wanted.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>()
    );
}

#[test]
fn the_server_is_listened_to_unless_that_is_turned_off() {
    for (lines, push, refresh) in [
        ("", Push::Auto, None),
        ("push: auto\nidle_refresh: auto", Push::Auto, None),
        ("push: off", Push::Off, None),
        ("idle_refresh: 9m", Push::Auto, Some(540)),
        ("protocol: pop3", Push::Off, None),
    ] {
        let home = settings(lines);
        let wanted = (push, refresh.map(Duration::from_secs));
        assert_eq!((home.push, home.idle_refresh), wanted, "{lines}");
    }
}

#[test]
fn deletions_are_pushed_beside_whatever_is_retained() {
    for (lines, policy) in [
        ("", Policy::KEEP),
        ("retention: keep", Policy::KEEP),
        ("retention: delete", Policy::DELETE),
        ("retention: {vanished: delete}", Policy::KEEP),
        ("protocol: pop3", Policy::DELETE),
        ("protocol: pop3\nretention: {}", Policy::DELETE),
        ("protocol: pop3\nretention: keep", Policy::KEEP),
    ] {
        for (value, deletions_pushed) in [("keep", false), ("push", true)] {
            let lines = format!("deletions: {value}\n{lines}");
            let wanted = Policy {
                deletions_pushed,
                ..policy
            };
            assert_eq!(settings(&lines).retention, wanted, "{lines}");
        }
    }
}

#[test]
fn flags_travel_as_the_word_says() {
    for (word, meant) in [
        ("both", FlagSync::Both),
        ("pull", FlagSync::Pull),
        ("push", FlagSync::Push),
        ("none", FlagSync::None),
    ] {
        assert_eq!(settings(&format!("flags: {word}")).flags, meant);
    }
}

#[test]
fn a_mapping_without_a_rule_keeps_the_rule_of_the_protocol() {
    for (lines, policy, vanished) in [
        (
            "retention: {vanished: delete}",
            Policy::KEEP,
            Vanished::Delete,
        ),
        ("retention: {vanished: keep}", Policy::KEEP, Vanished::Keep),
        ("retention: {}", Policy::KEEP, Vanished::Keep),
        ("retention: delete", Policy::DELETE, Vanished::Keep),
        (
            "protocol: pop3\nretention: {}",
            Policy::DELETE,
            Vanished::Keep,
        ),
    ] {
        let home = settings(lines);
        assert_eq!(
            (home.retention, home.vanished),
            (policy, vanished),
            "{lines}"
        );
    }
}

#[test]
fn r6_a_brake_is_off_only_when_it_says_so() {
    assert_eq!(settings("brake: off").brake, None);
    let half = settings("brake: {share: 50%}").brake.unwrap();
    assert_eq!((half.messages, half.share.as_u8()), (100, 50));
    assert_eq!(settings("brake: {}").brake, Some(Brake::default()));
    for lines in ["brake:", "brake: no", "brake: [off]", "brake: Off"] {
        assert!(
            refused(&account(lines)).contains("`brake` wants `off` or a mapping"),
            "{lines}"
        );
    }
}

#[test]
fn what_is_meant_for_others_does_not_disturb_pop3() {
    let config = accepted(
        "defaults: {user: ada, password: {file: pw}, max_size: 1MiB, max_age: 3d, deleted_flag: true,
  flags: both, moves: push, upload: true, deletions: push, labels: all-mail, folders: {subscribed: true}, retention: {vanished: delete}}
accounts:
  b: {host: b.example, protocol: pop3}
",
    );
    let isp = &config.accounts[0];
    assert_eq!((isp.max_size_octets, isp.max_age), (Some(1 << 20), None));
    let policy = Policy {
        deletions_pushed: true,
        ..Policy::DELETE
    };
    assert_eq!((isp.retention, isp.vanished), (policy, Vanished::Keep));
    assert_eq!((isp.flags, isp.moves), (FlagSync::None, Moves::Ignore));
    assert!(!isp.upload);
    assert_eq!(isp.labels, LabelChoice::Link);
    assert!(!isp.deleted_flag && !isp.folders.subscribed);
}

/// Lines of an account, and what is said about them.
const COMPLAINTS: &[(&str, &str)] = &[
    (
        "max_size: 20MB",
        "6:15: `max_size` cannot be `20MB`: a size is a number and a unit: `500KiB`, `20MiB` or `1GiB`",
    ),
    (
        "max_size: 0KiB",
        "6:15: `max_size` cannot be `0KiB`: 1KiB is the least",
    ),
    (
        "max_age: 0d",
        "6:14: `max_age` cannot be `0d`: a second is the least",
    ),
    (
        "maxsize: 1MiB",
        "6:5: unknown key `maxsize`; the nearest known key is `max_size`",
    ),
    (
        "deleted_flag: yes",
        "6:19: `deleted_flag` cannot be `yes`; it is one of `true`, `false`",
    ),
    (
        "flags: two-way",
        "6:12: `flags` cannot be `two-way`; it is one of `both`, `pull`, `push`, `none`",
    ),
    (
        "deletions: delete",
        "6:16: `deletions` cannot be `delete`; it is one of `keep`, `push`",
    ),
    (
        "moves: keep",
        "6:12: `moves` cannot be `keep`; it is one of `push`, `ignore`",
    ),
    (
        "upload: on",
        "6:13: `upload` cannot be `on`; it is one of `true`, `false`",
    ),
    (
        "deletion: push",
        "6:5: unknown key `deletion`; the nearest known key is `deletions`",
    ),
    (
        "labels: links",
        "6:13: `labels` cannot be `links`; it is one of `link`, `all-mail`",
    ),
    (
        "retention: {vanished: trash}",
        "6:27: `vanished` cannot be `trash`; it is one of `keep`, `trash-flag`, `delete`",
    ),
    (
        "retention: {vanish: keep}",
        "6:17: unknown key `vanish`; the nearest known key is `vanished`",
    ),
    (
        "retention: [keep]",
        "6:16: `retention` wants `keep`, `delete` or a mapping",
    ),
    (
        "brake: {message: 3}",
        "6:13: unknown key `message`; the nearest known key is `messages`",
    ),
    (
        "brake: {messages: -1}",
        "6:23: `messages` cannot be `-1`: a whole number from 0 to 4294967295 is wanted",
    ),
    (
        "brake: {share: 101%}",
        "6:20: `share` cannot be `101%`: a whole number from `0%` to `100%` is wanted",
    ),
    (
        "brake: {share: 20}",
        "6:20: `share` cannot be `20`: a whole number from `0%` to `100%` is wanted",
    ),
    (
        "brake: {share: +2%}",
        "6:20: `share` cannot be `+2%`: a whole number from `0%` to `100%` is wanted",
    ),
    (
        "folders: {subscribe: true}",
        "6:15: unknown key `subscribe`; the nearest known key is `subscribed`",
    ),
    ("folders: {rename: [a]}", "6:23: `rename` wants a mapping"),
    ("folders: {rename: {a: }}", "6:25: `rename` wants text"),
    (
        "folders: {rename: {a: b//c}}",
        "6:27: `rename` cannot be `b//c`: a name with `/` between its levels is wanted, none of them empty",
    ),
    (
        "folders: {rename: {a: /}}",
        "6:27: `rename` cannot be `/`: a name with `/` between its levels is wanted, none of them empty",
    ),
    (
        "folders: {rename: {a/: b}}",
        "6:24: `rename` cannot be `a/`: a name with `/` between its levels is wanted, none of them empty",
    ),
    (
        "folders: {rename: {a: c, b: c}}",
        "6:33: two mailboxes cannot be called `c`; `a` is already",
    ),
    (
        "folders: {rename: {a: Inbox}}",
        "6:27: two mailboxes cannot be called `INBOX`; `INBOX` is already",
    ),
    (
        "folders: {rename: {INBOX: a, inbox: b}}",
        "6:34: the key `inbox` is given twice, first on line 6",
    ),
    (
        "protocol: pop3\nmax_age: 3d",
        "7:5: `max_age` is for IMAP accounts: a POP3 server does not say when a message came; `max_size` works there",
    ),
    (
        "protocol: pop3\npush: auto",
        "7:5: `push` is for IMAP accounts: a POP3 server tells nothing unasked; `poll` says how often it is asked",
    ),
    (
        "push: yes",
        "6:11: `push` cannot be `yes`; it is one of `auto`, `off`",
    ),
    (
        "idle_refresh: soon",
        "6:19: `idle_refresh` cannot be `soon`: `auto` is wanted, or a duration: `9m`",
    ),
    (
        "protocol: pop3\ndeleted_flag: true",
        "7:5: `deleted_flag` is for IMAP accounts: POP3 has no flags",
    ),
    (
        "protocol: pop3\nflags: none",
        "7:5: `flags` is for IMAP accounts: POP3 has no flags",
    ),
    (
        "protocol: pop3\nmoves: ignore",
        "7:5: `moves` is for IMAP accounts: POP3 has no mailboxes",
    ),
    (
        "protocol: pop3\nupload: false",
        "7:5: `upload` is for IMAP accounts: POP3 cannot store messages",
    ),
    (
        "protocol: pop3\nlabels: link",
        "7:5: `labels` is for IMAP accounts: POP3 shows no labels",
    ),
    (
        "protocol: pop3\nretention: {vanished: keep}",
        "7:17: `vanished` is for IMAP accounts: from a POP3 server, messages go because we delete them",
    ),
];

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (lines, said) in COMPLAINTS {
        assert_eq!(refused(&account(lines)), *said, "{lines}");
    }
}

#[test]
fn inbox_may_swap_names() {
    let home = settings("folders: {rename: {INBOX: Old, New: INBOX}}");
    assert_eq!(home.folders.rename["New"], "INBOX");
}
