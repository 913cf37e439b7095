"""A private Dovecot 2.3 on high loopback ports. Any user name is an account (static passdb) with its mail in
users/<name>/Maildir. Needs root: the mail has a uid of its own."""
import os
import signal
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "mail.bench.test"          # resolved by a private hosts file in each client's mount namespace
VMAIL = 21000                     # numeric uid and gid of the mail store; no passwd entry needed
PASSWORD = "pass"
PORTS = ("imap", "imaps", "pop3", "pop3s", "lmtp")


class Dovecot:
    def __init__(self, root, name, base_port, listen="127.0.0.1", namespace=None):
        self.root, self.name, self.namespace = root, name, namespace
        self.users = os.path.join(root, "users")
        self.ports = {name: base_port + i for i, name in enumerate(PORTS)}
        run = os.path.join(root, "run-" + name)
        for path in (self.users, run):
            os.makedirs(path, exist_ok=True)
        os.chown(self.users, VMAIL, VMAIL)
        self.conf = os.path.join(root, name + ".conf")
        self.pidfile = os.path.join(run, "master.pid")
        with open(os.path.join(HERE, "dovecot.conf.in")) as template, open(self.conf, "w") as conf:
            conf.write(template.read().format(run=run, dir=root, name=name, listen=listen, certs=os.path.join(root, "certs"),
                                              users=self.users, uid=VMAIL, password=PASSWORD, **self.ports))

    def start(self):
        command = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        if subprocess.run(command + ["dovecot", "-c", self.conf]).returncode:      # it says why, and the daemon keeps our stderr
            raise SystemExit("dovecot does not start; is another --base-port free?")
        if self.namespace:                # not to be reached from here
            time.sleep(.5)
            return self
        for _ in range(100):
            try:
                with socket.create_connection(("127.0.0.1", self.ports["imap"]), 1) as s:
                    if s.recv(200).startswith(b"* OK"):
                        return self
            except OSError:
                time.sleep(.05)
        raise SystemExit("dovecot did not answer; its log is " + os.path.join(self.root, self.name + ".log"))

    def stop(self):
        try:
            with open(self.pidfile) as f:
                pid = int(f.read())
            os.kill(pid, signal.SIGTERM)
        except (OSError, ValueError):
            return
        for _ in range(200):
            if not os.path.exists(f"/proc/{pid}"):
                return
            time.sleep(.05)
