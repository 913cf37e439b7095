//! What was fetched lies as it should, and every reader shows each message once with its flags.

use super::{account, account_at};
use postrider_tests::dovecot::Dovecot;
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::Home;
use postrider_tests::readers::{Corpus, ReadersTree, assert_faults_are_found};

/// A home into which the corpus was mirrored from a server whose mailboxes may have any name.
fn mirrored(more: &str) -> (Corpus, Home) {
    let dovecot = Dovecot::with_free_names();
    let corpus = Corpus::write();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    corpus.fill(&mut ada, "^");
    let home = account(&dovecot, more);
    home.succeed(&["sync"]);
    (corpus, home)
}

#[test]
fn every_reader_shows_what_lies_in_nested_directories() {
    let (corpus, home) = mirrored("    deleted_flag: true\n");
    ReadersTree::new(home.path().join("Mail"), "fs")
        .showing_deleted()
        .assert_shows(&corpus.expected());
}

#[test]
fn every_reader_shows_what_lies_in_a_maildir_plus_plus() {
    let (corpus, home) = mirrored("    layout: maildir++\n");
    ReadersTree::new(home.path().join("Mail"), "maildir++").assert_shows(&corpus.expected());
}

#[test]
fn every_reader_shows_what_pop3_delivered() {
    let dovecot = Dovecot::start();
    let corpus = Corpus::write();
    let mut ada = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
    let expected = corpus.fill_maildrop(&mut ada);
    let home = account_at(dovecot.pop3s_port, &dovecot, "    protocol: pop3\n");
    home.succeed(&["sync"]);
    ReadersTree::new(home.path().join("Mail"), "single").assert_shows(&expected);
    assert!(ada.messages("INBOX").is_empty(), "POP3 deletes");
}

#[test]
fn the_faults_of_a_tree_are_found() {
    assert_faults_are_found();
}
