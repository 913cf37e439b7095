"""The server's accounts: templates that are written once, and clones of them by hard links, so that no run sees
another's traces. Dovecot never edits a message file."""
import collections
import os
import re
import shutil
import socket

from . import mailboxes
from .dovecot import PASSWORD, VMAIL
from .imap_client import ImapClient
from .messages import Messages, digest


def flags_of(name):
    return "".join(sorted(x for x in name.rpartition(":2,")[2] if x in "SFRDT")) if ":2," in name else ""


class Store:
    def __init__(self, users, ports, log):
        self.users, self.ports, self.log = users, ports, log
        self.sequence = 0
        self.templates = {}               # (messages, mailboxes, large) -> (user, octets)
        self.sha = {}                     # inode of a server file -> digest

    def home(self, user):
        return os.path.join(self.users, user)

    def new_home(self, user):
        os.makedirs(self.home(user))
        os.chown(self.home(user), VMAIL, VMAIL)
        return os.path.join(self.home(user), "Maildir")

    def template(self, messages, count, large=0):
        key = messages, count, large
        if key not in self.templates:
            user = f"template-{messages}-{count}-{large}"
            octets = mailboxes.write_mail(self.new_home(user), messages, count, VMAIL, large)
            self.warm(user, first=True)
            self.expected(user)
            self.templates[key] = user, octets
            self.log(f"template: {messages} messages in {count} mailboxes, {octets / 1e6:.0f} MB")
        return self.templates[key]

    def tiny(self, messages):
        """An account of very many small messages; one run only, so it is no template."""
        self.sequence += 1
        user = f"tiny-{self.sequence}"
        mailboxes.write_tiny(self.new_home(user), messages, VMAIL)
        self.warm(user, first=True)
        self.log(f"an account of {messages} small messages")
        return user

    def directories(self, user):
        top = os.path.join(self.home(user), "Maildir")
        yield "INBOX", top
        for name in os.listdir(top):
            if name.startswith(".") and os.path.isdir(os.path.join(top, name, "cur")):
                yield name[1:], os.path.join(top, name)

    def warm(self, user, first=False):
        """Brings the server's own index files up to date, so that no peer pays for that."""
        imap = ImapClient(self.ports["imap"], user)
        for name, _ in self.directories(user):
            imap.do(f"EXAMINE {name}", *(["FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE)"] if first else []))
        imap.do('LIST "" * RETURN (STATUS (MESSAGES UIDNEXT HIGHESTMODSEQ))')
        imap.close()
        if first:
            with socket.create_connection(("127.0.0.1", self.ports["pop3"])) as s:
                s.sendall(f"USER {user}\r\nPASS {PASSWORD}\r\nLIST\r\nUIDL\r\nQUIT\r\n".encode())
                while s.recv(1 << 20):
                    pass

    def clone(self, messages, count, tag, large=0):
        template, _ = self.template(messages, count, large)
        self.sequence += 1
        user = re.sub(r"[^a-z0-9]+", "-", f"{tag}-{self.sequence}".lower())
        source, target = self.home(template), self.home(user)
        for path, _, files in os.walk(source):
            to = target + path[len(source):]
            os.mkdir(to)
            os.chown(to, VMAIL, VMAIL)
            for name in files:
                old, new = os.path.join(path, name), os.path.join(to, name)
                if mailboxes.OURS in name:
                    os.link(old, new)
                else:
                    shutil.copy2(old, new)
                    os.chown(new, VMAIL, VMAIL)
        self.warm(user)
        return user

    def drop(self, user):
        shutil.rmtree(self.home(user), ignore_errors=True)

    def expected(self, user):
        """What a client should have: {mailbox: Counter of (digest, flags)}."""
        out = {}
        for name, path in self.directories(user):
            out[name] = seen = collections.Counter()
            for sub in ("cur", "new"):
                with os.scandir(os.path.join(path, sub)) as entries:
                    for entry in entries:
                        seen[self._digest(entry), flags_of(entry.name)] += 1
        return out

    def _digest(self, entry):
        # Only files of ours keep their inode: what Dovecot wrote may get that of a deleted one.
        sha = self.sha.get(entry.inode()) if mailboxes.OURS in entry.name else None
        if sha is None:
            with open(entry.path, "rb") as f:
                sha = digest(f.read())
            if mailboxes.OURS in entry.name:
                self.sha[entry.inode()] = sha
        return sha

    def change(self, user, turn, new=100, into=3, flags=500):
        """What happens at the server between two passes: new messages in some mailboxes, flags in twenty."""
        mail, imap = Messages(1000 + turn), ImapClient(self.ports["imap"], user)
        names = sorted(name for name, _ in self.directories(user))
        into = min(into, len(names))
        for i in range(new):
            raw, _, _ = mail.message(i)
            imap.append(names[(turn * into + i % into) % len(names)], raw)
        spread = names[-min(20, len(names)):]
        per = max(1, flags // len(spread))
        sign = b"+" if turn % 2 == 0 else b"-"
        for name in spread:
            answer = imap.do(f"SELECT {name}", "UID SEARCH ALL")
            uids = re.search(rb"\* SEARCH ([\d ]+)", answer)[1].split()
            some = b",".join(uids[(turn * per + j) % len(uids)] for j in range(min(per, len(uids))))
            imap.do(b"UID STORE " + some + b" " + sign + b"FLAGS.SILENT (\\Flagged)")
        imap.close()
