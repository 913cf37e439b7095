"""Dovecot on the Maildir itself, one process that speaks IMAP on a pipe: no port, no login."""
import imaplib
import os
import re
import shlex
import time

from .. import message
from ..corpus import modified_utf7
from ..filename import letters_of
from .base import Reader, Row

NOBODY = 65534
PROGRAM = next((path for path in ("/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap") if os.path.exists(path)), "imap")
ITEMS = "(FLAGS INTERNALDATE BODY.PEEK[])"


class Dovecot(Reader):
    """It will not be root: then the tree is given to nobody, so it has to be a copy. Dovecot 2.3 keeps P and shows it nowhere."""

    shows = "DFRST"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        location = f"maildir:{self.tree}"
        if self.layout.name != "maildir++":
            location += ":LAYOUT=fs:INBOX=" + self.inbox()
        self.write("dovecot.conf", "\n".join([
            f"mail_location = {location}:UTF-8", f"base_dir = {self.home}/run", f"state_dir = {self.home}/run",
            f"log_path = {self.home}/dovecot.log", "ssl = no", "protocols = imap", "stats_writer_socket_path =",
            "namespace inbox {", "  inbox = yes", "  separator = /", "}", *self.settings, ""]))
        self.command = [PROGRAM, "-c", self.home + "/dovecot.conf"]
        if os.geteuid() == 0:
            self.command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *self.command]
            for root in (self.tree, self.home):
                for path, _, files in os.walk(root):
                    for whole in [path, *(os.path.join(path, name) for name in files)]:
                        os.chown(whole, NOBODY, NOBODY, follow_symlinks=False)

    def show(self, mailboxes):
        environment = " ".join(shlex.quote(f"{name}={value}") for name, value in self.environment.items())
        command = " ".join(map(shlex.quote, self.command))
        session = imaplib.IMAP4_stream(f"env -i {environment} {command} 2>{shlex.quote(self.home)}/stderr")
        try:
            for mailbox in mailboxes:
                yield mailbox, self._rows(session, mailbox)
        finally:
            session.logout()

    def _rows(self, session, mailbox):
        state, told = session.select(self._name(mailbox), readonly=True)
        if state != "OK":
            raise RuntimeError(f"SELECT {mailbox}: {told}")
        if told == [b"0"]:
            return []
        state, told = session.fetch("1:*", ITEMS)
        if state != "OK":
            raise RuntimeError(f"FETCH in {mailbox}: {told}")
        return [_row(*part) for part in told if isinstance(part, tuple)]

    def _name(self, mailbox):
        directory = mailbox.directory
        if mailbox.levels == ["INBOX"]:
            return "INBOX"
        if self.layout.name == "maildir++":
            directory = directory[1:].replace(".", "/")
        name = "/".join(modified_utf7(level) for level in directory.split("/"))
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _row(told, octets):
    flags = letters_of([flag.decode() for flag in imaplib.ParseFlags(told)], deleted=True)
    date = re.search(rb'INTERNALDATE "[^"]*"', told).group(0)
    received = int(time.mktime(imaplib.Internaldate2tuple(date)))
    return Row(message.message_id(octets), message.subject(octets), flags, None, received, message.digest(octets))
