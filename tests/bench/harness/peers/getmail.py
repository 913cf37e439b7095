"""getmail6. Debian 12's 6.18 sometimes loses a SIGCHLD and stands still for a minute or more."""
import os

from .base import Peer, maildir, write


class Getmail(Peer):
    key, name, protocols, slow, binary, packages = "getmail6", "getmail6", {"imap", "pop3"}, True, "getmail", ("getmail6",)
    fsync = "always: 2 fsyncs per message"
    adds = (b"x-getmail-retrieved-from-mailbox",)

    def setup(self, a):
        maildir(a.maildir)
        kind = {"imap": "SimpleIMAP", "pop3": "SimplePOP3"}[a.protocol] + ("SSL" if a.tls else "") + "Retriever"
        boxes = "mailboxes = ALL\nuse_peek = true\n" if a.protocol == "imap" else ""
        write(os.path.join(a.dir, "getmailrc"), f"""[retriever]
type = {kind}
server = {a.host}
port = {a.port}
username = {a.user}
password = {a.password}
{"ca_certs = " + a.ca if a.tls else ""}
{boxes}
[destination]
type = Maildir
path = {a.maildir}/

[options]
delete = {"true" if a.delete else "false"}
read_all = false
delivered_to = false
received = false
verbose = 0
""")

    def command(self, a):
        return ["getmail", "--getmaildir", a.dir, "--rcfile", os.path.join(a.dir, "getmailrc"), "-q"]
