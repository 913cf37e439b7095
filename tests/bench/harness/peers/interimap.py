"""interimap, which syncs two IMAP servers; the local one is a Dovecot imap process on a Maildir, started per run."""
import os

from .base import Peer, write


class Interimap(Peer):
    key, name, mirror, slow, binary, packages = "interimap", "interimap", True, True, "interimap", ("interimap",)
    fsync = "that of the local Dovecot it writes through (mail_fsync = optimized, its default)"

    def setup(self, a):
        os.makedirs(a.maildir, exist_ok=True)
        cfg = os.path.join(a.dir, ".config", "interimap")
        data = os.path.join(a.dir, ".local", "share", "interimap")
        os.makedirs(cfg, exist_ok=True)
        os.makedirs(data, exist_ok=True)
        os.chmod(cfg, 0o700)
        os.chmod(data, 0o700)
        write(os.path.join(a.dir, "local-dovecot.conf"), f"""mail_location = maildir:{a.maildir}:LAYOUT=fs:INBOX={a.maildir}/INBOX
namespace inbox {{
  inbox = yes
  separator = /
}}
first_valid_uid = 1
log_path = {a.dir}/local-dovecot.log
ssl = no
stats_writer_socket_path =
""")
        tls = f"SSL_CAfile = {a.ca}\nSSL_verify = YES\n" if a.tls else "STARTTLS = NO\n"
        write(os.path.join(cfg, "config"), f"""database = bench.db
list-mailbox = "*"

[local]
type = tunnel
command = exec doveadm -c {a.dir}/local-dovecot.conf exec imap
null-stderr = YES

[remote]
type = {"imaps" if a.tls else "imap"}
host = {a.host}
port = {a.port}
username = {a.user}
password = {a.password}
{tls}""")

    def command(self, a):
        return ["interimap", "--quiet", "--config", os.path.join(a.dir, ".config", "interimap", "config")]

    def daemon(self, a):
        return self.command(a)[:1] + ["--watch=60", "--notify", "--quiet"] + self.command(a)[2:]
