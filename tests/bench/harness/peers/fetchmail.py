"""fetchmail, which hands each message to a maildrop of its own; for IMAP its only state is the server's \\Seen."""
import os
import shutil

from .base import Peer, maildir, write


class Fetchmail(Peer):
    key, name, protocols, slow = "fetchmail", "fetchmail with maildrop", {"imap", "pop3"}, True
    packages = "fetchmail", "maildrop"
    fsync = "maildrop fsyncs each message file"
    adds = (b"received", b"x-fetchmail-warning", b"delivered-to")

    def available(self):
        return bool(shutil.which("fetchmail") and shutil.which("maildrop"))

    def _rc(self, a, first):
        # `fetchall` for the first pass only: without it fetchmail takes unseen mail only.
        # A real host name is kept out of "via" so that state files do not depend on the route.
        proto = "IMAP" if a.protocol == "imap" else "POP3"
        tls = f'ssl sslcertck sslcertfile "{a.ca}"' if a.tls else "sslproto ''"
        folders = ("folder " + ",".join(a.mailboxes)) if proto == "IMAP" else ""
        return f"""set no syslog
set invisible
set idfile "{a.dir}/fetchids"
poll "{a.host}" protocol {proto} port {a.port} {"uidl" if proto == "POP3" and not a.delete else ""} auth password timeout 300
  user "{a.user}" password "{a.password}" {tls}
  {"no keep" if a.delete else "keep"} {"fetchall" if first else ""} no rewrite batchlimit 0 fetchlimit 0
  {"idle" if a.push and not first else ""}
  {folders}
  mda "/usr/bin/maildrop {a.dir}/mailfilter"
"""

    def setup(self, a):
        maildir(a.maildir)
        write(os.path.join(a.dir, "mailfilter"), f'to "{a.maildir}/"\n')
        write(os.path.join(a.dir, "fetchmailrc.first"), self._rc(a, a.protocol == "imap"))
        write(os.path.join(a.dir, "fetchmailrc"), self._rc(a, False))

    def command(self, a):
        rc = "fetchmailrc.first" if not os.listdir(os.path.join(a.maildir, "new")) else "fetchmailrc"
        return ["sh", "-c", 'fetchmail "$@"; r=$?; [ $r = 1 ] && exit 0; exit $r', "sh",   # 1 = no mail
                "-s", "--nodetach", "--pidfile", os.path.join(a.dir, "pid"), "-f", os.path.join(a.dir, rc)]

    def daemon(self, a):
        return ["fetchmail", "-s", "--nodetach", "--pidfile", os.path.join(a.dir, "pid"), "-f", os.path.join(a.dir, "fetchmailrc")]
