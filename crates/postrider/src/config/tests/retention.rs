//! `retention`: every rule, and what a protocol cannot keep.

use super::{accepted, account, refused};
use postrider_core::brake::Percent;
use postrider_core::retention::{Method, Policy, Protect};
use std::num::NonZeroU32;
use std::time::Duration;

fn policy(lines: &str) -> Policy {
    accepted(&account(lines)).accounts.remove(0).retention
}

fn days(days: u64) -> Option<Duration> {
    Some(Duration::from_secs(days * 86_400))
}

const fn protect(flagged: bool, unread: bool) -> Protect {
    Protect { flagged, unread }
}

#[test]
fn every_rule_means_something() {
    let keep = Policy::KEEP;
    for (value, meant) in [
        ("keep", keep),
        ("delete", Policy::DELETE),
        (
            "{delete_after: 30d}",
            Policy {
                delete_after: days(30),
                ..keep
            },
        ),
        (
            "{keep_latest: 500}",
            Policy {
                keep_latest: NonZeroU32::new(500),
                ..keep
            },
        ),
        (
            "{quota: 80%}",
            Policy {
                quota: Percent::new(80),
                ..keep
            },
        ),
        (
            "{until_deleted_locally: true}",
            Policy {
                until_deleted_locally: true,
                ..keep
            },
        ),
    ] {
        assert_eq!(policy(&format!("retention: {value}")), meant, "{value}");
    }
}

#[test]
fn rules_are_combined() {
    let keep = Policy::KEEP;
    for (value, meant) in [
        (
            "{delete_after: 90d, quota: 90%, protect: [flagged, unread], method: expunge, vanished: keep}",
            Policy {
                delete_after: days(90),
                quota: Percent::new(90),
                protect: protect(true, true),
                ..keep
            },
        ),
        (
            "{keep_latest: 1, protect: [unread], method: trash}",
            Policy {
                keep_latest: NonZeroU32::new(1),
                protect: protect(false, true),
                method: Method::Trash,
                ..keep
            },
        ),
        // No rule: IMAP's own is to keep.
        (
            "{protect: [flagged]}",
            Policy {
                protect: protect(true, false),
                ..keep
            },
        ),
        ("{protect: []}", keep),
    ] {
        assert_eq!(policy(&format!("retention: {value}")), meant, "{value}");
    }
}

#[test]
fn pop3_keeps_what_it_can_and_deletes_only_where_no_rule_is_named() {
    let flagged = Protect {
        flagged: true,
        unread: false,
    };
    for (value, meant) in [
        (
            "{protect: [flagged]}",
            Policy {
                protect: flagged,
                ..Policy::DELETE
            },
        ),
        (
            "{delete_after: 2h}",
            Policy {
                delete_after: Some(Duration::from_secs(7_200)),
                ..Policy::KEEP
            },
        ),
        (
            "{keep_latest: 9, method: expunge}",
            Policy {
                keep_latest: NonZeroU32::new(9),
                ..Policy::KEEP
            },
        ),
        (
            "{until_deleted_locally: true}",
            Policy {
                until_deleted_locally: true,
                ..Policy::KEEP
            },
        ),
    ] {
        let lines = format!("protocol: pop3\nretention: {value}");
        assert_eq!(policy(&lines), meant, "{value}");
    }
}

const COMPLAINTS: &[(&str, &str)] = &[
    (
        "retention: {delete_afer: 30d}",
        "6:17: unknown key `delete_afer`; the nearest known key is `delete_after`",
    ),
    (
        "retention: {keep: 500}",
        "6:17: unknown key `keep`; the nearest known key is `keep_latest`",
    ),
    (
        "retention: {delete_after: 30}",
        "6:31: `delete_after` cannot be `30`: a duration is a number and a unit: `30s`, `5m`, `2h` or `3d`",
    ),
    (
        "retention: {delete_after: 0d}",
        "6:31: `delete_after` cannot be `0d`: a second is the least",
    ),
    (
        "retention: {keep_latest: 0}",
        "6:30: `keep_latest` cannot be `0`: a whole number from 1 to 4294967295 is wanted",
    ),
    (
        "retention: {quota: 0%}",
        "6:24: `quota` cannot be `0%`: a whole number from `1%` to `100%` is wanted",
    ),
    (
        "retention: {quota: 0.8}",
        "6:24: `quota` cannot be `0.8`: a whole number from `1%` to `100%` is wanted",
    ),
    (
        "retention: {until_deleted_locally: false}",
        "6:40: `until_deleted_locally` cannot be `false`; it is one of `true`",
    ),
    (
        "retention: {protect: flagged}",
        "6:26: `protect` wants a list: [flagged, unread]",
    ),
    (
        "retention: {protect: [flagged, starred]}",
        "6:36: `protect` cannot be `starred`; it is one of `flagged`, `unread`",
    ),
    (
        "retention: {method: bin}",
        "6:25: `method` cannot be `bin`; it is one of `expunge`, `trash`",
    ),
    (
        "retention: {quota: 80%, method: trash}",
        "6:37: `method` cannot be `trash`: what lies in the trash fills the box as well, so it makes no room for `quota`",
    ),
    (
        "protocol: pop3\nretention: {quota: 80%}",
        "7:17: `quota` is for IMAP accounts: POP3 does not say how full a box is; give a POP3 account a `retention` of its own",
    ),
    (
        "protocol: pop3\nretention: {delete_after: 3d, method: trash}",
        "7:35: `method: trash` is for IMAP accounts: POP3 has no trash to move it to; give a POP3 account a `retention` of its own",
    ),
];

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (lines, said) in COMPLAINTS {
        assert_eq!(refused(&account(lines)), *said, "{lines}");
    }
}

/// Left out silently, a quota under `defaults` would leave a POP3 account with its own default: to
/// delete everything.
#[test]
fn r1_a_rule_under_defaults_that_pop3_cannot_keep_is_an_error_there_too() {
    let text = |isp: &str| {
        format!(
            "defaults: {{user: ada, password: {{file: pw}}, retention: {{quota: 80%}}}}\n\
             accounts:\n  isp: {{host: b.example, protocol: pop3{isp}}}\n"
        )
    };
    assert!(refused(&text("")).contains("`quota` is for IMAP accounts"));
    let isp = accepted(&text(", retention: keep")).accounts.remove(0);
    assert_eq!(isp.retention, Policy::KEEP);
}
