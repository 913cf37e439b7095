"""notmuch by its command line; alot and the others that use its library do the same on disk."""
import json
import os
import time

from .base import Reader, Row

LETTERS = {"replied": "R", "flagged": "F", "draft": "D", "passed": "P"}
TAGS = {"open": "-unread", "read": "-unread", "unread": "+unread", "flag": "+flagged", "unflag": "-flagged", "answer": "+replied"}


class Notmuch(Reader):
    """Several files of one Message-ID are one message to it; deleting is a tag and nothing else."""

    shows = "DFPRS"
    merges = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.write(".notmuch-config", "\n".join([
            "[database]", f"path={self.tree}", "[user]", "name=R", "primary_email=reader@example.org", "[new]", "tags=unread;inbox",
            "ignore=", "[maildir]", "synchronize_flags=true", *self.settings, ""]))
        self.run("notmuch", "new")

    def show(self, mailboxes):
        for mailbox in mailboxes:
            if mailbox.messages:
                yield mailbox, self._rows(mailbox.directory)

    def _rows(self, directory):
        term = 'folder:"' + directory.replace('"', '""') + '"'
        told = json.loads(self.run("notmuch", "show", "--format=json", "--body=false", "--entire-thread=false", "--exclude=false", term))
        return [self._row(message, directory) for message in _messages(told)]

    def _row(self, message, directory):
        tags = message["tags"]
        flags = [LETTERS[tag] for tag in tags if tag in LETTERS] + ([] if "unread" in tags else ["S"])
        mine = [path for path in message["filename"] if os.path.relpath(path, self.tree).rpartition("/")[0].rpartition("/")[0] == directory]
        date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(message["timestamp"]))
        return Row(f"<{message['id']}>", message["headers"].get("Subject", ""), flags, date, files=len(mine))

    def do(self, deeds):
        for deed in deeds:
            self.run("notmuch", "new")
            if deed.name in TAGS:
                self.run("notmuch", "tag", TAGS[deed.name], "--", "id:" + deed.message_id.strip("<>"))
            elif deed.name in ("draft", "send"):
                self._insert(deed.name)
            else:
                raise NotImplementedError(f"notmuch has no {deed.name}")
            deed.wait()

    def _insert(self, name):
        mailbox, tags = ("Drafts", ["+draft"]) if name == "draft" else ("Sent", [])
        text = (f"From: reader@example.org\nTo: bob@example.org\nSubject: {name} by notmuch\nMessage-ID: <{name}.notmuch@example.org>\n"
                "Date: Thu, 01 Jan 2026 00:00:00 +0000\n\nwritten by a reader\n")
        self.run("notmuch", "insert", "--folder=" + mailbox, *tags, "-unread", "-inbox", given=text.encode())


def _messages(told):
    """The matching messages of a nest of threads."""
    if isinstance(told, dict):
        return [told] if told.get("match") else []
    return [message for inner in told for message in _messages(inner)] if isinstance(told, list) else []
