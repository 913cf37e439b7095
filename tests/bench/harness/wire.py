"""Two network namespaces joined by a link whose one-way delay can be switched on and off: netem on a veth pair where
the kernel has it, else the userspace delaytun (fixed delay, no loss, no rate limit; real TCP)."""
import os
import signal
import subprocess
import time

SERVER, CLIENT = "10.99.21.1", "10.99.21.2"


def sh(command):
    subprocess.run(command, shell=True, check=True, stderr=subprocess.PIPE)


class Wire:
    def __init__(self, native, rtt_ms):
        self.rtt_ms, self.native, self.process = rtt_ms, native, None
        self.server, self.client = f"bsrv{os.getpid()}", f"bcli{os.getpid()}"
        for name in (self.server, self.client):
            sh(f"ip netns add {name} && ip -n {name} link set lo up")
        try:
            self._netem()
        except subprocess.CalledProcessError:
            self._delaytun()
        for name, device, address in ((self.server, "v0", SERVER), (self.client, "v1", CLIENT)):
            sh(f"ip -n {name} addr add {address}/30 dev {device}")
            sh(f"ip -n {name} link set {device} mtu 1500 txqueuelen 20000 up")

    def _netem(self):
        sh(f"ip -n {self.server} link add v0 type veth peer name v1 netns {self.client}")
        for name, device in ((self.server, "v0"), (self.client, "v1")):
            sh(f"tc -n {name} qdisc add dev {device} root netem delay 0ms limit 100000")
        self.kind = "veth with tc netem"

    def _delaytun(self):
        subprocess.run(["ip", "-n", self.server, "link", "del", "v0"], stderr=subprocess.DEVNULL)
        half_us = str(int(self.rtt_ms * 500))
        self.process = subprocess.Popen([os.path.join(self.native, "delaytun"), self.server, "v0", self.client, "v1", half_us],
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit("delaytun does not start")
        self.kind = "TUN pair with a userspace delay queue (this kernel has no sch_netem)"

    def delay(self, on):
        if self.process:
            self.process.send_signal(signal.SIGUSR2 if on else signal.SIGUSR1)
        else:
            ms = self.rtt_ms / 2 if on else 0
            for name, device in ((self.server, "v0"), (self.client, "v1")):
                sh(f"tc -n {name} qdisc change dev {device} root netem delay {ms}ms limit 100000")
        time.sleep(.2)

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        for name in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
