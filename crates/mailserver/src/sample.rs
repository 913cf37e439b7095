//! The mail of the demo: an IMAP account and a POP3 maildrop that could be somebody's.

use bytes::Bytes;

use crate::store::{Account, Mailstore};

/// User of the IMAP account of [`store()`].
pub const IMAP_USER: &str = "ada";
/// User of the POP3 maildrop of [`store()`].
pub const POP3_USER: &str = "ada-isp";
/// Password of both.
pub const PASSWORD: &str = "engine";

/// 2025-06-02T08:00:00Z, a Monday: the demo's present, minus some days for each message.
const MONDAY: i64 = 1_748_851_200;
const DAY: i64 = 86_400;

/// Octets of the attachment of the largest message, before base64: the message is 2 MB on the wire.
const ATTACHMENT: usize = 1_500_000;

/// One message in words: mailbox, days before Monday, flags, from, subject, text.
type Row = (
    &'static str,
    i64,
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

/// The non-ASCII name (`Entw&APw-rfe` on the wire) is that of a German Drafts.
const IMAP_MAIL: [Row; 12] = [
    (
        "INBOX",
        9,
        &["\\Seen", "\\Answered"],
        "Charles Babbage <charles@example.org>",
        "The mill is running",
        "The second column of the mill turns without a slip.\nCome and see it before the weather changes.\n",
    ),
    (
        "INBOX",
        6,
        &["\\Seen"],
        "Library <loans@library.example>",
        "Your loan is due on Friday",
        "Due: \"Sketch of the Analytical Engine\".\nIt can be renewed twice.\n",
    ),
    (
        "INBOX",
        4,
        &["\\Seen", "\\Flagged"],
        "Mary Somerville <mary@example.org>",
        "Lecture notes, as promised",
        "The notes of Tuesday. Question 3 is the one you asked about.\n",
    ),
    (
        "INBOX",
        1,
        &[],
        "Train Tickets <noreply@rail.example>",
        "Your ticket to Turin",
        "Coach 7, seat 42. The train leaves at 08:10.\n.. -- a line that starts with two dots, as some printers write them\n",
    ),
    (
        "INBOX",
        0,
        &[],
        "Charles Babbage <charles@example.org>",
        "Re: The mill is running",
        ".hidden is the name of the file you need.\nFrom here it should be plain sailing.\n",
    ),
    (
        "Work/Projects",
        8,
        &["\\Seen", "$Forwarded"],
        "Luigi Menabrea <luigi@example.net>",
        "Draft of the memoir",
        "Attached to my letter is the draft; please annotate freely.\n",
    ),
    (
        "Work/Projects",
        5,
        &["\\Seen", "work"],
        "Luigi Menabrea <luigi@example.net>",
        "Re: Draft of the memoir",
        "Your notes are longer than my memoir. I like them better, too.\n",
    ),
    (
        "Work/Projects",
        2,
        &["\\Flagged"],
        "Engine Builds <builds@example.net>",
        "Build 1842 failed: note G",
        "Step 23: expected 1/6, got 1/30.\n",
    ),
    (
        "Sent",
        8,
        &["\\Seen"],
        "Ada <ada@example.org>",
        "Re: The mill is running",
        "On Thursday, then. I shall bring the cards.\n",
    ),
    (
        "Sent",
        3,
        &["\\Seen"],
        "Ada <ada@example.org>",
        "Renewal",
        "Please renew my loan by two weeks.\n",
    ),
    (
        "Entwürfe",
        1,
        &["\\Draft", "\\Seen"],
        "Ada <ada@example.org>",
        "Über die Maschine",
        "Die Maschine webt algebraische Muster.\n",
    ),
    (
        "Entwürfe",
        0,
        &["\\Draft"],
        "Ada <ada@example.org>",
        "(no subject)",
        "To do: eggs, cards, carbon paper.\n",
    ),
];

const POP3_MAIL: [Row; 8] = [
    (
        "INBOX",
        7,
        &[],
        "Your Provider <news@isp.example>",
        "Welcome",
        "This mailbox is read over POP3.\n",
    ),
    (
        "INBOX",
        6,
        &[],
        "Your Provider <billing@isp.example>",
        "Invoice 2025-05",
        "Amount due: 12.00\n",
    ),
    (
        "INBOX",
        5,
        &[],
        "Allotment Club <club@example.com>",
        "Water is back on",
        "The pump has been repaired.\n",
    ),
    (
        "INBOX",
        4,
        &[],
        "Augustus <gus@example.com>",
        "Photographs",
        "They came out well. Shall I send prints?\n",
    ),
    (
        "INBOX",
        3,
        &[],
        "Augustus <gus@example.com>",
        "Re: Photographs",
        "...\nand the one with the dog.\n",
    ),
    (
        "INBOX",
        2,
        &[],
        "Observatory <sky@example.net>",
        "Clear sky tonight",
        "Seeing: good. Transparency: excellent.\n",
    ),
    (
        "INBOX",
        1,
        &[],
        "Allotment Club <club@example.com>",
        "Meeting moved to Thursday",
        "Same place, 19:00.\n",
    ),
    (
        "INBOX",
        0,
        &[],
        "Your Provider <news@isp.example>",
        "Maintenance window",
        "Sunday, 02:00 to 04:00.\n",
    ),
];

/// Two accounts: [`IMAP_USER`] with thirteen messages in four mailboxes (one of 2 MB), [`POP3_USER`]
/// with a maildrop of eight. Both have the password [`PASSWORD`].
#[must_use]
pub fn store() -> Mailstore {
    let store = Mailstore::new();
    let ada = store.account(IMAP_USER, PASSWORD);
    fill(&ada, &IMAP_MAIL, "example.org");
    ada.set_role("Sent", "\\Sent");
    ada.set_role("Entwürfe", "\\Drafts");
    ada.append("INBOX", large_message(), &["\\Seen"], MONDAY - 3 * DAY);
    fill(
        &store.account(POP3_USER, PASSWORD),
        &POP3_MAIL,
        "isp.example",
    );
    store
}

fn fill(account: &Account, rows: &[Row], host: &str) {
    for (number, (mailbox, days, flags, from, subject, text)) in rows.iter().enumerate() {
        let when = MONDAY - days * DAY;
        let message = format!(
            "From: {from}\nTo: Ada <ada@example.org>\nSubject: {}\nDate: {}\nMessage-ID: <{number}.{when}@{host}>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}",
            encoded_word(subject),
            header_date(when),
        );
        account.append(mailbox, message.replace('\n', "\r\n"), flags, when);
    }
}

/// A message with an attachment of noise, which no file system compresses away.
fn large_message() -> Bytes {
    use base64::Engine;
    let mut noise = 0x2545_F491_4F6C_DD1D_u64;
    let octets = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise.to_be_bytes()
    });
    let octets: Vec<u8> = octets.flatten().take(ATTACHMENT).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(octets);
    let mut text = format!(
        "From: Mary Somerville <mary@example.org>\nTo: Ada <ada@example.org>\nSubject: The plates\nDate: {}\n\
         Message-ID: <plates@example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"cut here\"\n\n\
         --cut here\nContent-Type: text/plain\n\nThe scans are large, forgive me.\n\n--cut here\n\
         Content-Type: application/octet-stream; name=\"plates.bin\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"plates.bin\"\n\n",
        header_date(MONDAY - 3 * DAY),
    );
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        // RFC 2045 §6.8: at most 76 characters a line; base64 is ASCII, so any split is a boundary.
        let (line, tail) = rest.split_at_checked(76).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("\n--cut here--\n");
    Bytes::from(text.replace('\n', "\r\n"))
}

/// The Date field: RFC 5322 §3.3, from the IMAP form of the same instant.
fn header_date(seconds: i64) -> String {
    crate::date::format(seconds).trim_start().replace('-', " ")
}

/// RFC 2047 §4.1, where it is needed.
fn encoded_word(text: &str) -> String {
    use base64::Engine;
    if text.is_ascii() {
        return text.to_owned();
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("=?utf-8?B?{encoded}?=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_what_the_demo_promises() {
        let store = store();
        let ada = store.account(IMAP_USER, PASSWORD);
        assert_eq!(
            ada.mailboxes(),
            ["Entwürfe", "INBOX", "Sent", "Work/Projects"]
        );
        let counts = ada
            .mailboxes()
            .iter()
            .map(|m| ada.messages(m).len())
            .collect::<Vec<_>>();
        assert_eq!(counts, [2, 6, 2, 3]);
        let isp = store.account(POP3_USER, PASSWORD);
        assert_eq!(isp.messages("INBOX").len(), 8);
        let largest = ada.messages("INBOX").iter().map(|m| m.bytes.len()).max();
        assert!((2_000_000..2_200_000).contains(&largest.unwrap()));
        for message in ada.messages("INBOX") {
            let text = String::from_utf8(message.bytes.to_vec()).unwrap();
            assert!(text.ends_with("\r\n") && text.contains("\r\n\r\n"));
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        }
    }
}
