"""isync's mbsync: the distribution's, and 1.5."""
import os

from .base import Peer, write


class Mbsync(Peer):
    key, name, mirror, binary, packages, tls_key = "mbsync14", "mbsync 1.4", True, "mbsync", ("isync",), "SSLType"
    fsync = "FSync yes (default): fsync of each message, fdatasync of the state's journal per message"
    fsync_on = compress = quadratic = True
    adds = (b"x-tuid",)

    def setup(self, a):
        os.makedirs(a.maildir, exist_ok=True)
        write(os.path.join(a.dir, "mbsyncrc"), f"""FSync {"yes" if self.fsync_on else "no"}
IMAPAccount a
Host {a.host}
Port {a.port}
User {a.user}
Pass {a.password}
AuthMechs LOGIN{"" if self.compress else chr(10) + "DisableExtension COMPRESS=DEFLATE"}
{self.tls_key} {"IMAPS" if a.tls else "None"}
{"CertificateFile " + a.ca if a.tls else ""}

IMAPStore r
Account a

MaildirStore l
Path {a.maildir}/
Inbox {a.maildir}/INBOX
SubFolders Verbatim

Channel c
Far :r:
Near :l:
Patterns *
Create Near
Expunge Near
Sync All
CopyArrivalDate yes
SyncState *
""")

    def command(self, a):
        return [self.binary, "-q", "-c", os.path.join(a.dir, "mbsyncrc"), "-a"]


class Mbsync15(Mbsync):
    key, name, packages, tls_key = "mbsync15", "mbsync 1.5", (), "TLSType"
    binary = None                # unpacked by get_mbsync15


class Mbsync15Plain(Mbsync15):
    """mbsync turns on COMPRESS=DEFLATE wherever it is offered; on a fast link that costs the server CPU."""
    key, name, compress = "mbsync15-plain", "mbsync 1.5 without COMPRESS", False


class Mbsync15NoFsync(Mbsync15Plain):
    key, name, fsync, fsync_on = "mbsync15-nofsync", "mbsync 1.5 without COMPRESS and fsync", "FSync no", False
