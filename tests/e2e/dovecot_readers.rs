//! The readers that people use, on what the built binary fetched from a real Dovecot.

mod deeds;
mod open;
mod shown;
mod sitting;

use postrider_tests::dovecot::Dovecot;
use postrider_tests::postrider::Home;

/// One account `home` of ada's, mirrored into `Mail`; `more` are further keys of it.
fn account(dovecot: &Dovecot, more: &str) -> Home {
    account_at(dovecot.imaps_port, dovecot, more)
}

/// The same, at this port.
fn account_at(port: u16, dovecot: &Dovecot, more: &str) -> Home {
    Home::new(&format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: debug}}\naccounts:\n  home:\n    host: localhost\n    \
         port: {port}\n    user: ada\n    password: {{command: echo {}}}\n    ca_file: {}\n    maildir: {{home}}/Mail\n{more}",
        Dovecot::PASSWORD,
        dovecot.ca_file.display()
    ))
}
