//! The warning before a certificate runs out.

use super::*;
use postrider_tests::certificate::{Likeness, Users};
use serde_json::Value;

/// Syncs once, with a log that programs read; the warnings.
fn warnings(home: &Home) -> Vec<Value> {
    let output = home.run(&["sync"]);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["event"] == "certificate.expiring")
        .collect()
}

fn logging(dovecot: &Dovecot, protocol: &str, lines: &str) -> Home {
    Home::new(&format!(
        "log: {{format: json}}\n{}",
        config(dovecot, protocol, lines)
    ))
}

#[test]
fn a_certificate_that_ends_soon_is_told_once_a_day_and_one_with_time_left_is_not() {
    // Of ninety days ten are left; of six, three: that is when such ones are renewed.
    let cases = [(-80..10, true), (-3..3, false), (-1..90, false)];
    for (days, told) in cases {
        let likeness = Likeness {
            days,
            ..Likeness::default()
        };
        let dovecot = Dovecot::with_certificate(&likeness, "");
        for protocol in BOTH {
            let home = logging(&dovecot, protocol, &trusting(&dovecot));
            let first = warnings(&home);
            assert_eq!(first.len(), usize::from(told), "{likeness:?}: {first:?}");
            for warning in first {
                assert_eq!(warning["level"], "warn", "{warning}");
                assert_eq!(warning["account"], "home", "{warning}");
                assert_eq!(warning["host"], "localhost", "{warning}");
                assert_eq!(warning["side"], "server", "{warning}");
                assert_eq!(warning["days_left"], 9, "{warning}");
                assert_eq!(warning["pinned"], false, "{warning}");
                assert!(
                    warning["not_after"].as_str().unwrap().ends_with('Z'),
                    "{warning}"
                );
                assert!(
                    warning["hint"].as_str().unwrap().contains("renew"),
                    "{warning}"
                );
            }
            // Another process on the same day.
            assert_eq!(warnings(&home), Vec::<Value>::new());
            if told {
                // Yesterday's warning is no reason to be silent today.
                age(&home);
                assert_eq!(warnings(&home).len(), 1);
            }
        }
    }
}

/// Makes the last warning a day older.
fn age(home: &Home) {
    let index = rusqlite::Connection::open(home.path().join("state/index.db")).unwrap();
    let sql = "UPDATE account SET certificate_told_at = certificate_told_at - 86400";
    assert_eq!(index.execute(sql, []).unwrap(), 1);
}

#[test]
fn a_pinned_certificate_and_our_own_are_told_earlier() {
    let likeness = Likeness {
        days: -65..25,
        ..Likeness::default()
    };
    let dovecot = Dovecot::with_certificate(&likeness, "");
    let pem = dovecot.dir.join("server.pem");
    let home = logging(&dovecot, "imap", &format!("pin: [\"{}\"]", pin_of(&pem)));
    let [warning] = &warnings(&home)[..] else {
        panic!("a pinned certificate is another one after its renewal");
    };
    assert_eq!(
        (&warning["pinned"], &warning["days_left"]),
        (&true.into(), &24.into())
    );
    assert!(
        warning["hint"].as_str().unwrap().contains("`pin:`"),
        "{warning}"
    );
    // A pinned key may stay.
    let home = logging(
        &dovecot,
        "imap",
        &format!("pin: [\"{}\"]", key_pin_of(&pem)),
    );
    assert_eq!(warnings(&home), Vec::<Value>::new());

    let users = Users::new();
    let otherwise = format!(
        "ssl_ca = <{}\nssl_verify_client_cert = yes\nssl_require_crl = no",
        users.ca_file().display()
    );
    let dovecot = Dovecot::with_certificate(&Likeness::default(), &otherwise);
    let (cert, key) = users.issue("ada", -80..20);
    let lines = format!(
        "{}\nclient_cert: {}\nclient_key: {}",
        trusting(&dovecot),
        cert.display(),
        key.display()
    );
    let warning = &warnings(&logging(&dovecot, "imap", &lines))[0];
    assert_eq!(
        (&warning["side"], &warning["days_left"]),
        (&"client".into(), &19.into())
    );
    assert!(
        warning["hint"].as_str().unwrap().contains("`client_cert:`"),
        "{warning}"
    );
}
