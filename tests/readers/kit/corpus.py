"""Mail that is hard to keep: every set of flags, odd messages, hostile names of mailboxes. Written as files and a list of them."""
import base64
import email.utils
import itertools
import json
import os
from email.header import Header

from . import message

FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "$Forwarded")
MAILBOXES = (
    ["INBOX"], ["Archive"], ["Drafts"], ["Sent"], ["Empty"], ["Work"], ["Work", "Projects"], ["Work", "Projects", "2026 Q1"],
    ["Entwürfe"], ["日本語", "フォルダ"], ["R&D"],
    # What a name could do to a path, to a layout, or to a reader.
    ["v1.2 notes"], ["AC/DC"], [".hidden"], ["new"], ["cur", "new"], ["100% sure"], ["work"], ["trail "], ["~tilde"], ["=eq"],
    ["e\u0301 nfd"], ["quo\"te's"], ["back\\slash"], ["..", "..", "etc"], ["x" * 120], ["[Gmail]", "All Mail"],
)
# Of each set of flags: where a name is made from the flags alone, several become one.
TIMES = 3
# 2026-01-01T00:00:00Z.
BEGIN = 1767225600


def write(directory, mailboxes=MAILBOXES, times=TIMES):
    """Fills `directory` with one file a message, octets as on the wire, and `expected.json`."""
    writer = _Writer(directory, times)
    told = [{"levels": levels, "wire": [modified_utf7(level) for level in levels], "messages": list(writer.messages(levels))}
            for levels in mailboxes]
    with open(os.path.join(directory, "expected.json"), "w", encoding="utf-8") as file:
        json.dump({"mailboxes": told}, file, indent=1, ensure_ascii=False)


class _Writer:
    def __init__(self, directory, times):
        self.directory, self.times, self.count = directory, times, 0
        os.makedirs(directory, exist_ok=True)

    def messages(self, levels):
        if levels == ["INBOX"]:
            sets = itertools.chain.from_iterable(itertools.combinations(FLAGS, size) for size in range(7))
            for flags in (flags for flags in sets for _ in range(self.times)):
                yield self.plain("all sets of flags", list(flags))
        elif levels == ["Archive"]:
            for odd in ODD:
                yield self.odd(**odd)
        elif levels == ["Drafts"]:
            yield self.plain("draft", ["\\Draft", "\\Seen"])
        elif levels != ["Empty"]:
            for flags in (["\\Seen"], [], ["\\Flagged", "\\Seen", "urgent"]):
                yield self.plain("in " + "/".join(levels)[:40], flags)

    def plain(self, subject, flags):
        date = BEGIN + 3601 * self.count
        raw = _raw(self.count, f"{subject} {self.count}", date)
        return self.told(raw, flags, date, date + 7)

    def odd(self, subject, date=BEGIN, later=5, **parts):
        raw = _raw(self.count, subject, date, **parts)
        return self.told(raw, ["\\Seen"], date, (date or BEGIN) + later)

    def told(self, raw, flags, date, internal_date):
        name = f"{self.count:04}.eml"
        self.count += 1
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(raw)
        return {"file": name, "message_id": message.message_id(raw), "subject": message.subject(raw), "date": date,
                "internal_date": internal_date, "flags": flags, "octets": len(raw), "digest": message.digest(raw)}


MIME = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n"
ODD = (
    {"subject": "Grüße aus Zürich – 日本語, a subject that is long enough to be folded twice over"},
    {"subject": "raw utf-8 ünï".encode()},
    {"subject": ""},
    {"subject": None},
    {"subject": "no message id", "message_id": None},
    {"subject": "one id, the first", "message_id": "<one@corpus.example>"},
    {"subject": "one id, the second", "message_id": "<one@corpus.example>", "body": b"other\r\n"},
    {"subject": "twins", "message_id": "<twins@corpus.example>"},
    {"subject": "twins", "message_id": "<twins@corpus.example>"},
    {"subject": "From line", "body": b"From here on\r\n>From quoted\r\n.\r\n..dots\r\n"},
    {"subject": "no body", "body": b""},
    {"subject": "no end of line", "body": b"last line"},
    {"subject": "long line", "body": b"y" * 20000 + b"\r\n"},
    {"subject": "8bit", "more": MIME, "body": b"caf\xe9\r\n"},
    {"subject": b"folded\r\n subject\r\n\tline"},
    {"subject": "large", "body": (b"z" * 76 + b"\r\n") * 14000},
    {"subject": "from 1999", "date": 920000000},
    {"subject": "no date", "date": None},
    {"subject": "came later", "later": 86400 * 30},
)


def _raw(count, subject, date, message_id="", body=b"body\r\n", more=b""):
    lines = [b"From: Ann <ann@example.org>", b"To: Bob <bob@example.org>"]
    if subject is not None:
        if isinstance(subject, str) and not subject.isascii():
            subject = Header(subject, "utf-8", maxlinelen=70).encode(linesep="\r\n")
        lines.append(b"Subject: " + (subject.encode() if isinstance(subject, str) else subject))
    if date is not None:
        lines.append(b"Date: " + email.utils.formatdate(date).encode())
    if message_id is not None:
        lines.append(b"Message-ID: " + (message_id or f"<{count:04}@corpus.example>").encode())
    return b"\r\n".join(lines) + b"\r\n" + more + b"\r\n" + body


def modified_utf7(text):
    """RFC 3501 §5.1.3."""
    out, other = [], []

    def flush():
        if other:
            octets = "".join(other).encode("utf-16-be")
            out.append("&" + base64.b64encode(octets).decode().rstrip("=").replace("/", ",") + "-")
            other.clear()
    for c in text:
        if " " <= c <= "~":
            flush()
            out.append("&-" if c == "&" else c)
        else:
            other.append(c)
    flush()
    return "".join(out)
