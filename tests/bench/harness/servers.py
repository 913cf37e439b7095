"""Two Dovecots on one mail store and under one host name: one beside the client, one behind a long wire. A state built
without the delay is good with it."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

from .dovecot import HOST, Dovecot
from .wire import SERVER, Wire


def make_certificates(directory):
    """A throw-away CA and one server certificate."""
    def openssl(*words):
        subprocess.run(("openssl",) + words, check=True, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=bench CA",
            "-keyout", "ca.key", "-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HOST}", "-keyout", "server.key", "-out", "server.csr")
    with open(os.path.join(directory, "ext"), "w") as f:
        f.write(f"subjectAltName=DNS:{HOST},IP:127.0.0.1,IP:{SERVER}\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "30", "-extfile", "ext", "-out", "server.pem")


class Servers:
    def __init__(self, native, disk, base_port, rtt_ms):
        self.near = self.far = self.wire = None
        self.root = tempfile.mkdtemp(prefix="bench-srv.", dir=disk)
        try:
            self._start(native, base_port, rtt_ms)
        except BaseException:
            self.close()
            raise

    def _start(self, native, base_port, rtt_ms):
        os.chmod(self.root, 0o755)            # dovecot's own users must come through
        certificates = os.path.join(self.root, "certs")
        os.makedirs(certificates)
        make_certificates(certificates)
        self.ca = os.path.join(certificates, "ca.pem")
        self.near = Dovecot(self.root, "near", base_port)
        self.near.start()
        if rtt_ms:
            self.wire = Wire(native, rtt_ms)
            self.far = Dovecot(self.root, "far", base_port, listen="*", namespace=self.wire.server)
            self.far.start()
        self.users, self.ports = self.near.users, self.near.ports
        self.hosts = {"near": self._hosts("near", "127.0.0.1"), "far": self._hosts("far", SERVER)}

    def _hosts(self, where, address):
        path, own = os.path.join(self.root, "hosts." + where), socket.gethostname()
        with open(path, "w") as f:
            f.write(f"127.0.0.1 localhost\n127.0.0.1 {own}.bench.test {own}\n{address} {HOST}\n")
        return path

    def close(self):
        for server in (self.near, self.far):
            if server:
                server.stop()
        if self.wire:
            self.wire.close()
        for _ in range(20):                   # a dying imap process may still write an index
            shutil.rmtree(self.root, ignore_errors=True)
            if not os.path.exists(self.root):
                break
            time.sleep(.1)
