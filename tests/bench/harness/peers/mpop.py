"""mpop."""
import os

from .base import Peer, maildir, write


class Mpop(Peer):
    key, name, protocols, binary, packages = "mpop", "mpop", {"pop3"}, "mpop", ("mpop",)
    fsync = "always: fsync of each message file"
    adds = (b"received",)

    def setup(self, a):
        maildir(a.maildir)
        write(os.path.join(a.dir, "mpoprc"), f"""defaults
tls {"on" if a.tls else "off"}
tls_starttls off
{"tls_trust_file " + a.ca if a.tls else ""}
account a
host {a.host}
port {a.port}
user {a.user}
password {a.password}
auth user
delivery maildir {a.maildir}
keep {"off" if a.delete else "on"}
uidls_file {a.dir}/uidls
received_header off
""")

    def command(self, a):
        return ["mpop", "-q", "-C", os.path.join(a.dir, "mpoprc"), "a"]
