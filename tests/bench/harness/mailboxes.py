"""Writes whole mailboxes straight into Dovecot's Maildir++ layout.

Files hold CRLF and have S= and W= in their names, so the server can answer sizes without reading and send bodies
with sendfile(2), unconverted: it must not be what is measured.
"""
import os

from .messages import Messages

FIRST_DATE = 1600000000
OURS = ".bench"           # in the name of every file that is written here


def mailbox_names(count):
    return ["INBOX"] + [f"f{k:03d}" for k in range(1, count)]


def directory(top, name):
    return top if name == "INBOX" else os.path.join(top, "." + name)


class Writer:
    def __init__(self, top, names, owner):
        self.owner = owner
        self.directories = [directory(top, name) for name in names]
        os.makedirs(top, exist_ok=True)
        for name, path in zip(names, self.directories):
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(path, sub), exist_ok=True)
                os.chown(os.path.join(path, sub), owner, owner)
            os.chown(path, owner, owner)
            if name != "INBOX":
                self._file(os.path.join(path, "maildirfolder"), b"")
        lines = "".join(name + "\n" for name in names)
        self._file(os.path.join(top, "subscriptions"), f"V\t2\n\n{lines}".encode())
        self.octets = 0

    def _file(self, path, raw, mode=0o600):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        os.fchown(fd, self.owner, self.owner)
        while raw:
            raw = raw[os.write(fd, raw):]
        os.close(fd)

    def add(self, mailbox, number, raw, flags, date):
        self.add_as(f"{date}.M{number:07d}P1{OURS},S={len(raw)},W={len(raw)}:2,{flags}", mailbox, raw, date)

    def add_as(self, name, mailbox, raw, date):
        path = os.path.join(self.directories[mailbox], "cur", name)
        self._file(path, raw)
        os.utime(path, (date, date))
        self.octets += len(raw)


def write_mail(top, messages, mailboxes, owner, large=0):
    """The usual mail, message i in mailbox i modulo mailboxes, with one message of `large` octets in the middle of the
    first. Returns the octets in all."""
    mail, writer = Messages(1), Writer(top, mailbox_names(mailboxes), owner)
    for i in range(messages):
        writer.add(i % mailboxes, i, *mail.message(i))
    if large:
        date = FIRST_DATE + (messages // 2) * 977
        writer.add(0, messages, mail.large(large), "S", date)
    return writer.octets


def write_tiny(top, messages, owner):
    """One mailbox of very many small, different messages. Their names end in what differs: of a name Dovecot hashes little
    more than the last seven letters, and a million with sizes of one kind at the end fill a handful of its buckets. The
    sizes come from its cache. All are read: where Dovecot looks for the file of an unread one in vain, it lists the whole
    directory again."""
    writer = Writer(top, ["INBOX"], owner)
    for i in range(messages):
        raw = (f"From: tiny{i % 97}@example.org\r\nTo: user@example.net\r\nSubject: Tiny {i}\r\n"
               f"Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nMessage-ID: <{i}.tiny@bench.example.org>\r\n\r\n{i}\r\n").encode()
        writer.add_as(f"{FIRST_DATE + i}.M{i:07d}P1{OURS}{i:07x}:2,{'S' if i % 3 else ''}", 0, raw, FIRST_DATE + i)
    return writer.octets
