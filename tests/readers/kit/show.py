"""Whether a reader shows every message once, with its flags, its subject and its date."""
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections import Counter, defaultdict

from .filename import letters_of
from .layout import files, maildirs
from .message import digest, squeezed
from .readers import READERS
from .tree import Findings


def show(tree, layout, mailboxes, name, deleted):
    """Opens a copy of the tree; what is to be said about it. Opening must not change a message either."""
    findings = Findings()
    work = tempfile.mkdtemp(prefix="postrider-readers-")
    try:
        # Dovecot is somebody else.
        os.chmod(work, 0o755)
        copy = os.path.join(work, "Mail")
        shutil.copytree(tree, copy, symlinks=True)
        before = _contents(copy)
        reader = READERS[name](copy, layout, os.path.join(work, "home"), READERS[name].unharmful)
        seen = [mailbox for mailbox in mailboxes if not re.match(reader.blind, mailbox.directory)]
        for mailbox, rows in reader.show(seen):
            _Comparison(reader, mailbox, deleted, findings).compare(rows)
        lost = before - _contents(copy)
        if lost:
            findings.add("harm", f"{sum(lost.values())} messages are lost or changed by opening the tree")
    finally:
        shutil.rmtree(work)
    return findings.said


def _contents(tree):
    contents = Counter()
    for directory in maildirs(tree):
        for _, _, path in files(os.path.join(tree, directory)):
            with open(path, "rb") as file:
                contents[digest(file.read())] += 1
    return contents


class _Comparison:
    """One mailbox as one reader shows it, beside what it should hold."""

    def __init__(self, reader, mailbox, deleted, findings):
        self.reader, self.mailbox, self.deleted, self.findings = reader, mailbox, deleted, findings
        ids = Counter(message.message_id for message in mailbox.messages)
        # Where messages of one id are one, nothing but their number can be said of them.
        self.merged = {key for key, times in ids.items() if reader.merges and times > 1}

    def compare(self, rows):
        count = sum(row.files for row in rows)
        if count != len(self.mailbox.messages):
            self._add("count", f"{count} messages, expected {len(self.mailbox.messages)}")
        left = defaultdict(list)
        for row in rows:
            left[row.message_id].append(row)
        subjects = defaultdict(list)
        for row in rows:
            subjects[_plain(row.subject)].append(row)
        for message in self.mailbox.messages:
            if message.message_id in self.merged:
                continue
            # What has no id was given one by some readers.
            likely = left[message.message_id] if message.message_id else subjects[_plain(message.subject)]
            row = next((row for row in likely if _plain(row.subject) == _plain(message.subject)), likely[0] if likely else None)
            if row is None:
                self._add("missing", f"{message} is not shown")
                continue
            likely.remove(row)
            self._message(message, row)

    def _message(self, message, row):
        letters = set(letters_of(message.flags, self.deleted)) & set(self.reader.shows)
        if self.reader.answered_needs_seen and "S" not in letters:
            letters.discard("R")
        if set(row.flags) != letters:
            self._add("flags", f"{message} shows {row.flags!r}, expected {''.join(sorted(letters))!r}")
        raw = not self.reader.raw_subjects and not (message.subject or "").isascii()
        if _plain(row.subject) != _plain(message.subject) and not raw and not (message.subject is None and row.subject == "(no subject)"):
            self._add("subject", f"{message} shows {row.subject!r}")
        if row.date and message.date is not None and row.date != _utc(message.date):
            self._add("date", f"{message} shows {row.date}, expected {_utc(message.date)}")
        if None not in (row.received, message.internal_date) and row.received != message.internal_date:
            self._add("received", f"{message} shows {row.received}, expected {message.internal_date}")
        if row.digest not in (None, message.digest):
            self._add("octets", f"{message} is shown with other octets")

    def _add(self, check, says):
        self.findings.add(check, f"{self.mailbox}: {says}")


def _plain(text):
    """What every reader's way to show white space and accents leaves."""
    return squeezed(unicodedata.normalize("NFC", text or ""))


def _utc(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
