"""offlineimap3, with four connections (its default is one)."""
import os

from .base import Peer, write


class OfflineImap(Peer):
    key, name, mirror, slow, binary, packages = "offlineimap3", "offlineimap3", True, True, "offlineimap", ("offlineimap3",)
    fsync = "fsync = True (default): 1 fsync and 4 fdatasync (SQLite) per message"

    def setup(self, a):
        os.makedirs(a.maildir, exist_ok=True)
        push = "holdconnectionopen = yes\nkeepalive = 60\nidlefolders = ['INBOX']\n" if a.push else ""
        write(os.path.join(a.dir, "offlineimaprc"), f"""[general]
accounts = a
metadata = {a.dir}/meta
ui = quiet
fsync = True

[Account a]
localrepository = l
remoterepository = r
{"autorefresh = 10" if a.push else ""}

[Repository l]
type = Maildir
localfolders = {a.maildir}

[Repository r]
type = IMAP
remotehost = {a.host}
remoteport = {a.port}
remoteuser = {a.user}
remotepass = {a.password}
auth_mechanisms = PLAIN, LOGIN
ssl = {"yes" if a.tls else "no"}
starttls = no
{"sslcacertfile = " + a.ca if a.tls else ""}
maxconnections = 4
{push}""")

    def command(self, a):
        return ["offlineimap", "-o", "-c", os.path.join(a.dir, "offlineimaprc")]

    def daemon(self, a):
        return ["offlineimap", "-c", os.path.join(a.dir, "offlineimaprc")]
