"""Python's `mailbox`, which scripts and small programs read Maildirs with."""
import mailbox as module

from .. import message
from .base import Reader, Row

ADDED = {"open": "S", "read": "S", "flag": "F", "answer": "R"}
TAKEN = {"unread": "S", "unflag": "F"}


class PythonMailbox(Reader):
    """It rewrites a file to change its flags."""

    def _maildir(self, path):
        return module.Maildir(path, factory=None, create=False)

    def show(self, mailboxes):
        for mailbox in mailboxes:
            maildir = self._maildir(self.directory(mailbox))
            yield mailbox, [_row(maildir.get_message(key), maildir.get_bytes(key)) for key in maildir.keys()]

    def do(self, deeds):
        for deed in deeds:
            if deed.name in ("draft", "send"):
                self._write(deed)
            else:
                self._change(self._maildir(deed.path(deed.mailbox)), deed)
            deed.wait()

    def _change(self, maildir, deed):
        key = next(key for key in maildir.keys() if message.message_id(maildir.get_bytes(key)) == deed.message_id)
        if deed.name == "delete":
            maildir.remove(key)
            return
        found = maildir.get_message(key)
        if deed.name in ("move", "copy"):
            self._maildir(deed.path(deed.to)).add(found)
            if deed.name == "move":
                maildir.remove(key)
            return
        found.set_subdir("cur")
        found.add_flag(ADDED.get(deed.name, ""))
        found.remove_flag(TAKEN.get(deed.name, ""))
        maildir[key] = found

    def _write(self, deed):
        text = (f"From: reader@example.org\nTo: bob@example.org\nSubject: {deed.name} by mailbox\n"
                f"Message-ID: <{deed.name}.mailbox@example.org>\n\nwritten by a reader\n")
        written = module.MaildirMessage(text.encode())
        written.set_subdir("cur")
        written.set_flags("DS" if deed.name == "draft" else "S")
        self._maildir(deed.path("Drafts" if deed.name == "draft" else "Sent")).add(written)


def _row(found, octets):
    flags = set(found.get_flags()) & set("DFPRST")
    return Row(message.message_id(octets), message.subject(octets), flags, None, int(found.get_date()), message.digest(octets))
