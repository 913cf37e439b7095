//! Rows as servers send them.

use super::*;

fn row(text: &str) -> Parsed<FetchRow> {
    parse_fetch(&mut Cursor::over(text.as_bytes()))
}

#[test]
fn a_row_is_read_in_any_order_and_with_strangers_in_it() {
    let row = row(
        "(X-GM-LABELS (\"\\\\Inbox\" \"a b\") FLAGS  (\\Seen $MDNSent)  MODSEQ (12) \
         ENVELOPE (NIL \"s\" ((NIL NIL \"a\" \"b\"))) RFC822.SIZE 44 X NIL \
         INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 9 UID 9)\r\n",
    )
    .unwrap();
    assert_eq!(row.uid, Uid::new(9));
    assert_eq!(row.flags.unwrap().to_string(), "\\Seen $MDNSent");
    assert_eq!(row.mod_seq, ModSeq::new(12));
    assert_eq!(row.size_octets, Some(44));
    assert_eq!(row.internal_date, Some(UnixTime::from_seconds(837_596_665)));
    assert_eq!(row.body, None);
}

#[test]
fn a_row_that_names_two_messages_names_none() {
    assert_eq!(row("(UID 9 UID 8 FLAGS ())").unwrap().uid, None);
}

#[test]
fn nil_is_no_body_and_a_quoted_one_is() {
    let body = |text: &str| row(text).unwrap().body;
    assert_eq!(body("(UID 1 BODY[] NIL)"), Some(Body::Nil));
    assert_eq!(body("(UID 1 BODY[] \"\")"), Some(Body::Inline(Vec::new())));
    assert_eq!(
        body("(RFC822 \"a\\\"b\")"),
        Some(Body::Inline(b"a\"b".to_vec()))
    );
    assert_eq!(
        body("(BODY[]<0> {2}\r\nhi)"),
        Some(Body::Inline(b"hi".to_vec()))
    );
    assert_eq!(body("(BODY (\"text\" \"plain\" NIL) UID 1)"), None);
}

#[test]
fn broken_rows_are_malformed_and_bad_values_only_missing() {
    for text in [
        "",
        "(",
        "(UID",
        "(UID 0)",
        "(UID x)",
        "(FLAGS (\\Seen)",
        "()x",
        "(X",
    ] {
        let empty = Ok(FetchRow::default());
        let parsed = row(text);
        assert!(parsed.is_err() || parsed == empty, "{text:?}: {parsed:?}");
    }
    let odd = row("(RFC822.SIZE -1 INTERNALDATE \"soon\" UID 3)").unwrap();
    assert_eq!((odd.size_octets, odd.internal_date), (None, None));
}

#[test]
fn message_ids_are_found_folded_or_not() {
    for (header, id) in [
        ("Message-ID: <a@b>\r\n\r\n", Some("a@b")),
        ("MESSAGE-ID:\r\n\t<a@b>\r\n\r\n", Some("a@b")),
        ("Message-Id : a@b\r\n", Some("a@b")),
        ("Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", Some("a@b")),
        ("Message-ID: <>\r\n\r\n", None),
        ("Message-ID:", None),
        ("\r\n", None),
        ("", None),
    ] {
        let length = header.len();
        let item = "BODY[HEADER.FIELDS (MESSAGE-ID)]";
        let row = row(&format!("(UID 1 {item} {{{length}}}\r\n{header})")).unwrap();
        let facts = row.as_facts().unwrap();
        assert_eq!(facts.likeness.message_id.as_deref(), id, "{header:?}");
    }
}
