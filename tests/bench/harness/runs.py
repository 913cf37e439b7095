"""One run of one client: its private directory, its environment, its measurement."""
import ctypes
import json
import os
import pwd
import re
import subprocess
import tempfile
import time

from .dovecot import HOST, PASSWORD
from .mailboxes import mailbox_names
from .peers.base import Account

NOBODY = pwd.getpwnam("nobody")       # the clients' user: several of them refuse to deliver as root
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIBC = ctypes.CDLL(None, use_errno=True)


def syncfs(path):
    """Seconds until everything dirty on this file system is on disk."""
    fd = os.open(path, os.O_RDONLY)
    start = time.monotonic()
    LIBC.syncfs(fd)
    os.close(fd)
    return time.monotonic() - start


class Runs:
    def __init__(self, servers, native, disk, limit):
        self.servers, self.native, self.limit = servers, native, limit
        self.sequence = 0
        self.work = tempfile.mkdtemp(prefix="bench-cli.", dir=disk)
        os.chmod(self.work, 0o755)

    def account(self, peer, user, protocol="imap", tls=False, mailboxes=1, delete=False, port=None, push=False):
        """A configured client with nothing fetched yet. Its directory stays until the end of all runs: ext4 does not reuse
        an inode for minutes after it was freed, and looks for others at every new file, so that whoever came after a large
        deletion would pay for it (a quarter of its CPU in find_inode_bit, by perf)."""
        self.sequence += 1
        path = os.path.join(self.work, f"{self.sequence:04d}-{peer.key}")
        os.makedirs(path)
        account = Account(protocol, HOST, port or self.servers.ports[protocol + ("s" if tls else "")], tls, self.servers.ca, user,
                          PASSWORD, os.path.join(path, "mail"), path, mailbox_names(mailboxes), delete, push)
        peer.setup(account)
        for top, _, files in os.walk(path):
            for name in [top] + [os.path.join(top, f) for f in files]:
                os.chown(name, NOBODY.pw_uid, NOBODY.pw_gid)
        return account

    def argv(self, account, command, far, out, limit):
        words = [os.path.join(self.native, "measure"), "-o", out, "-t", str(limit), "-u", str(NOBODY.pw_uid),
                 "-H", self.servers.hosts["far" if far else "near"]]
        return words + (["-n", self.servers.wire.client] if far else []) + ["--"] + command

    def environment(self, account):
        return {"PATH": PATH, "HOME": account.dir, "USER": NOBODY.pw_name, "LOGNAME": NOBODY.pw_name, "LANG": "C.UTF-8",
                "XDG_CONFIG_HOME": account.dir + "/.config", "XDG_DATA_HOME": account.dir + "/.local/share"}

    def once(self, peer, account, far=False, wrap=(), limit=None):
        """One pass of the client, everything dirty flushed before the clock starts; with the delay only during it."""
        out, log = os.path.join(account.dir, "measure.json"), os.path.join(account.dir, "log.txt")
        if os.path.exists(out):
            os.unlink(out)
        syncfs(account.dir)
        if far:
            self.servers.wire.delay(True)
        with open(log, "ab") as f:
            subprocess.run(self.argv(account, list(wrap) + peer.command(account), far, out, limit or self.limit),
                           env=self.environment(account), cwd=account.dir, stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        if far:
            self.servers.wire.delay(False)
        try:
            with open(out) as f:
                row = json.load(f)
        except OSError:
            row = {"wall": 0.0, "rc": 125, "timed_out": 0}
        row["cpu"] = round(row.pop("user", 0) + row.pop("sys", 0), 6)
        row["settle"] = round(syncfs(account.dir), 4)
        if row["rc"]:
            row["error"] = last_words(log)
        elif peer.own_clock:
            row.update(peer.own_clock(account))
        return row


def last_words(log, octets=500):
    with open(log, "rb") as f:
        f.seek(0, os.SEEK_END)
        f.seek(max(0, f.tell() - octets))
        return re.sub(r"\s+", " ", f.read().decode("utf-8", "replace")).strip()
