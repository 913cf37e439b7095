//! A Dovecot that takes users by their certificates only.

use super::*;
use postrider_tests::certificate::{Likeness, Users};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn strict(users: &Users) -> Dovecot {
    let otherwise = format!(
        "ssl_ca = <{}\nssl_verify_client_cert = yes\nssl_require_crl = no\n\
         auth_ssl_require_client_cert = yes",
        users.ca_file().display()
    );
    Dovecot::with_certificate(&Likeness::default(), &otherwise)
}

/// The lines that say who we are.
fn as_user((cert, key): &(std::path::PathBuf, std::path::PathBuf)) -> String {
    format!(
        "client_cert: {}\nclient_key: {}",
        cert.display(),
        key.display()
    )
}

#[test]
fn our_certificate_is_shown_and_lets_us_in() {
    let users = Users::new();
    let dovecot = strict(&users);
    let ada = users.issue("ada", -1..90);
    for protocol in BOTH {
        let lines = format!("{}\n{}", trusting(&dovecot), as_user(&ada));
        let home = Home::new(&config(&dovecot, protocol, &lines));
        home.succeed(&["sync"]);
        let said = home.succeed(&["check"]);
        assert!(said.contains("  client cert    CN=ada, until 20"), "{said}");
    }
}

#[test]
fn our_certificate_is_the_login_where_external_is_asked_for() {
    let users = Users::new();
    let otherwise = format!(
        "ssl_ca = <{}\nssl_verify_client_cert = yes\nssl_require_crl = no\nauth_ssl_username_from_cert = yes\n\
         auth_mechanisms = external plain\n\
         passdb {{\n  driver = static\n  mechanisms = external\n  args = nopassword=yes\n}}",
        users.ca_file().display()
    );
    let dovecot = Dovecot::with_certificate(&Likeness::default(), &otherwise);
    let (ada, bob) = (users.issue("ada", -1..90), users.issue("bob", -1..90));
    for protocol in BOTH {
        for (who, status) in [(&ada, 0), (&bob, 77)] {
            let lines = format!("{}\n{}\nauth: external", trusting(&dovecot), as_user(who));
            let config = config(&dovecot, protocol, &lines);
            let lines = config.lines().filter(|line| !line.contains("password:"));
            let home = Home::new(&lines.map(|line| format!("{line}\n")).collect::<String>());
            let before = dovecot.log().len();
            let output = home.run(&["sync"]);
            let said = said(&output);
            // The account is ada's, and bob's certificate is bob's.
            assert_eq!(output.status.code(), Some(status), "{protocol}: {said}");
            let log = dovecot.log().split_off(before);
            let method = log.contains("user=<ada>, method=EXTERNAL");
            assert_eq!(method, status == 0, "{protocol}: {log}");
        }
    }
}

#[test]
fn without_one_or_with_a_strangers_there_is_no_way_in() {
    let (users, strangers) = (Users::new(), Users::new());
    let dovecot = strict(&users);
    let stranger = as_user(&strangers.issue("ada", -1..90));
    for protocol in BOTH {
        for who in ["", &stranger] {
            let lines = format!("{}\n{who}", trusting(&dovecot));
            let home = Home::new(&config(&dovecot, protocol, &lines));
            let output = home.run(&["sync"]);
            // Dovecot lets TLS pass, and refuses the login or hangs up.
            let said = said(&output);
            assert!(matches!(output.status.code(), Some(69 | 77)), "{said}");
            assert!(!home.path().join("Mail/INBOX/cur").exists(), "{said}");
        }
    }
}

#[test]
fn a_key_that_others_can_read_or_that_is_encrypted_is_an_error_of_the_configuration() {
    let users = Users::new();
    let dovecot = Dovecot::start();
    let (cert, key) = users.issue("ada", -1..90);
    let encrypted = key.with_extension("encrypted");
    openssl(&format!(
        "openssl pkcs8 -topk8 -in {} -out {} -passout pass:hunter2 && echo made",
        key.display(),
        encrypted.display()
    ));
    fs::set_permissions(&encrypted, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for (key, word) in [
        (&key, format!("chmod 600 {}", key.display())),
        (
            &encrypted,
            format!("openssl pkey -in {}", encrypted.display()),
        ),
    ] {
        let lines = format!(
            "{}\n{}",
            trusting(&dovecot),
            as_user(&(cert.clone(), key.clone()))
        );
        let home = Home::new(&config(&dovecot, "imap", &lines));
        let output = home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(&word), "{word}: {said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}
