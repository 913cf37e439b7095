"""What all drivers have in common."""
import os
import subprocess

PATIENCE = 60     # seconds


class Row:
    """One message as a reader shows it. `date` is UTC text; what a reader does not show is None."""

    def __init__(self, message_id, subject, flags, date=None, received=None, digest=None, files=1):
        self.message_id, self.subject, self.flags, self.date = message_id, subject, "".join(sorted(flags)), date
        self.received, self.digest, self.files = received, digest, files


class Reader:
    """A reader with a home of its own, on the tree of one account."""

    shows = "DFPRST"            # the flags that it can show
    merges = False              # whether messages of one Message-ID are one to it
    answered_needs_seen = False  # whether it shows R for read messages only
    raw_subjects = True         # whether it shows 8-bit subjects as they are
    blind = "(?!)"              # the directories whose messages it cannot show, as a pattern
    unharmful = ()              # settings without which even leaving changes what was deleted

    def __init__(self, tree, layout, home, settings=()):
        self.tree, self.layout, self.home, self.settings = os.path.abspath(tree), layout, home, settings
        for name in ("run", ".config", ".cache", ".local/share"):
            os.makedirs(os.path.join(home, name), mode=0o700, exist_ok=True)
        self.environment = {
            "HOME": home, "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
            "TZ": "UTC", "USER": "reader", "LOGNAME": "reader", "XDG_CONFIG_HOME": home + "/.config",
            "XDG_CACHE_HOME": home + "/.cache", "XDG_DATA_HOME": home + "/.local/share", "XDG_RUNTIME_DIR": home + "/run",
            "NOTMUCH_CONFIG": home + "/.notmuch-config"}

    def directory(self, mailbox):
        """The whole path of a mailbox."""
        return os.path.join(self.tree, mailbox.directory) if mailbox.directory else self.tree

    def inbox(self):
        """The whole path of INBOX."""
        return self.tree + "/INBOX" if self.layout.name == "fs" else self.tree

    def write(self, name, text, mode=0o600):
        """A file of the reader's home; its path."""
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def editor(self):
        """An editor that adds a line, and a mail transport that keeps what it gets: the paths of both."""
        return (self.write("editor", '#!/bin/sh\nprintf "written by a reader\\n" >> "$1"\n', 0o700),
                self.write("transport", f'#!/bin/sh\ncat > "{self.home}/sent.$$"\n', 0o700))

    def run(self, *argv, given=None, may_fail=False):
        """What a command prints."""
        done = subprocess.run(argv, env=self.environment, input=given, capture_output=True, timeout=PATIENCE, cwd=self.home, check=False)
        if done.returncode and not may_fail:
            raise RuntimeError(f"{argv}: {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
        return done.stdout.decode(errors="replace")

    def show(self, mailboxes):
        """(mailbox, rows) of each mailbox."""
        raise NotImplementedError

    def do(self, deeds):
        """Does what a user asks for, one deed after the other, each seen done on disk."""
        raise NotImplementedError

    def stay(self, count, opened):
        """Has INBOX open, says so by `opened()`, stays until `count` messages are shown, and leaves; the rows."""
        raise NotImplementedError
