//! What each reader gets, of one account and of three; what quotes keep in; what cannot be written.
//!
//! That the readers read it so is seen in `tests/e2e/exports.rs`, which lets them.

use super::testing::{accounts, known};
use super::*;

const READERS: [Reader; 6] = [
    Reader::Mutt,
    Reader::Neomutt,
    Reader::Aerc,
    Reader::Dovecot,
    Reader::Notmuch,
    Reader::Mu,
];

/// One of each kind: nested with every role, Maildir++, and a maildrop.
const THREE: &str = "  home: {maildir: /home/ada/Mail/home}
  work: {maildir: /home/ada/Mail/work, layout: maildir++, deleted_flag: true}
  isp: {protocol: pop3, host: pop.example.net, user: bob, maildir: /home/ada/Mail/isp}
";

fn three() -> Vec<Vec<KnownMailbox>> {
    let home = [
        (
            "Archive",
            Some(Role::Archive),
            "/home/ada/Mail/home/Archive",
        ),
        ("Drafts", Some(Role::Drafts), "/home/ada/Mail/home/Drafts"),
        ("INBOX", None, "/home/ada/Mail/home/INBOX"),
        ("Junk", Some(Role::Junk), "/home/ada/Mail/home/Junk"),
        (
            "It's \"sent\" `x` $y",
            Some(Role::Sent),
            "/home/ada/Mail/home/It's \"sent\" `x` $y",
        ),
        ("Trash", Some(Role::Trash), "/home/ada/Mail/home/Trash"),
        ("Work/50%", None, "/home/ada/Mail/home/Work/50%25"),
    ];
    let work = [
        ("INBOX", None, "/home/ada/Mail/work"),
        (
            "v1.0 \\ #1",
            Some(Role::Sent),
            "/home/ada/Mail/work/.v1%2E0 \\ #1",
        ),
        ("Work/Projects", None, "/home/ada/Mail/work/.Work.Projects"),
    ];
    let isp = [("INBOX", None, "/home/ada/Mail/isp")];
    vec![known(&home), known(&work), known(&isp)]
}

fn exported(reader: Reader, trees: &[Tree<'_>]) -> String {
    export(reader, trees, Some(Path::new("/home/ada"))).unwrap()
}

#[test]
fn every_reader_is_told_of_every_mailbox() {
    let config = accounts(THREE);
    let trees: Vec<Tree<'_>> = config
        .accounts
        .iter()
        .zip(three())
        .map(|(settings, known)| Tree::of(settings, &known).unwrap())
        .collect();
    let all: Vec<String> = READERS
        .iter()
        .map(|reader| {
            let (one, three) = (exported(*reader, &trees[..1]), exported(*reader, &trees));
            let word = reader.as_str();
            format!("==== {word}, one account\n{one}\n==== {word}, three accounts\n{three}")
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn one_mailbox_is_inbox_and_what_is_lost_has_no_role() {
    let config = accounts("  home: {maildir: /m, folders: {rename: {INBOX: In, Sent: Out}}}\n");
    let mut mailboxes = known(&[
        ("Gone", Some(Role::Sent), "/m/Gone"),
        ("INBOX", None, "/m/In"),
        ("INBOX", None, "/m/In%~2"),
        ("Sent", Some(Role::Sent), "/m/Out"),
    ]);
    mailboxes[0].is_lost = true;
    let tree = Tree::of(&config.accounts[0], &mailboxes).unwrap();
    let names: Vec<&str> = tree
        .places
        .iter()
        .map(|place| place.name.as_str())
        .collect();
    assert_eq!(names, ["In", "Gone", "In%~2", "Out"]);
    assert_eq!(tree.inbox().unwrap().path, "/m/In");
    assert_eq!(tree.with_role(Role::Sent).unwrap().name, "Out");
    let without = Tree::of(&config.accounts[0], &mailboxes[3..]).unwrap();
    assert_eq!(without.inbox(), None);
}

#[test]
fn a_path_that_no_line_holds_is_refused() {
    let mut config = accounts("  home: {maildir: /m}\n");
    config.accounts[0].maildir = PathBuf::from("/m\nset editor=evil");
    let refused = Tree::of(&config.accounts[0], &[]).unwrap_err();
    let said = "no mail reader's configuration can name /m\\nset editor=evil";
    assert_eq!(refused.to_string(), said);
}

#[test]
fn notmuch_and_mu_get_a_directory_with_nothing_else_in_it() {
    let config = accounts(
        "  home: {maildir: /home/ada/Mail/home}\n  isp: {protocol: pop3, maildir: /home/ada/Maildir}\n",
    );
    let trees: Vec<Tree<'_>> = config
        .accounts
        .iter()
        .map(|settings| Tree::of(settings, &[]).unwrap())
        .collect();
    let home = Path::new("/home/ada");
    for reader in [Reader::Notmuch, Reader::Mu] {
        let refused = export(reader, &trees, Some(home)).unwrap_err();
        let said =
            "reads one directory, and the accounts' trees have none to themselves: /home/ada holds";
        assert!(refused.to_string().contains(said), "{refused}");
        assert!(
            refused
                .hint()
                .unwrap()
                .contains("mailboxes ACCOUNT --export")
        );
        assert!(export(reader, &trees[1..], Some(home)).is_ok());
        assert!(export(reader, &trees, Some(Path::new("/root"))).is_ok());
    }
    assert!(export(Reader::Mutt, &trees, Some(home)).is_ok());
}
