//! The built binary on a real Dovecot whose certificate is good, bad or pinned, or which wants one of ours.

mod certificates;
mod clients;
mod expiring;
mod pins;

use postrider_tests::dovecot::Dovecot;
use postrider_tests::postrider::{Home, said};
use std::path::Path;
use std::process::{Command, Stdio};

/// The two protocols.
const BOTH: [&str; 2] = ["imap", "pop3"];

/// One account `home` of ada on this server, with these lines besides. Whoever asks for the password leaves a trace.
fn config(dovecot: &Dovecot, protocol: &str, lines: &str) -> String {
    let port = match protocol {
        "imap" => dovecot.imaps_port,
        _ => dovecot.pop3s_port,
    };
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "state_dir: {{home}}/state\naccounts:\n  home:\n    protocol: {protocol}\n    host: localhost\n    \
         port: {port}\n    user: ada\n    password: {{command: \"touch {{home}}/asked; echo {}\"}}\n    \
         maildir: {{home}}/Mail\n{lines}",
        Dovecot::PASSWORD
    )
}

/// The line that trusts the server's authority.
fn trusting(dovecot: &Dovecot) -> String {
    format!("ca_file: {}", dovecot.ca_file.display())
}

/// Syncs, and expects that TLS is refused (77) with all of `words`, and that nobody asked for the password, let alone
/// sent it.
fn assert_refused(dovecot: &Dovecot, config: &str, words: &[&str]) -> String {
    let home = Home::new(config);
    let output = home.run(&["sync"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!home.path().join("asked").exists(), "{said}");
    assert!(!dovecot.log().contains("<ada>"), "{}", dovecot.log());
    said
}

/// What `openssl` says, as docs/tls.md has people ask it.
fn openssl(script: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.trim().to_owned()
}

/// The pin of the certificate in a file, as OpenSSL prints fingerprints.
fn pin_of(certificate: &Path) -> String {
    let said = openssl(&format!(
        "openssl x509 -in {} -noout -fingerprint -sha256",
        certificate.display()
    ));
    format!("sha256:{}", said.split_once('=').unwrap().1)
}

/// The pin of the key in a certificate or in a file of its own.
fn key_pin_of(file: &Path) -> String {
    let file = file.display();
    let public = if file.to_string().ends_with(".key") {
        format!("openssl pkey -in {file} -pubout -outform der")
    } else {
        format!("openssl x509 -in {file} -pubkey -noout | openssl pkey -pubin -outform der")
    };
    let said = openssl(&format!("{public} | openssl dgst -sha256"));
    format!("sha256:{}", said.split_once("= ").unwrap().1)
}
