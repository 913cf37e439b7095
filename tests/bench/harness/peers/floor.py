"""The physical limit as a peer: downloads everything in one flight and throws it away."""
import json
import os

from .base import Peer, write

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "net_floor.py")


class Floor(Peer):
    key, name, protocols, fsync = "floor", "network floor", {"imap", "pop3"}, "nothing is written"
    stores_nothing = True

    def available(self):
        return True

    def setup(self, a):
        write(os.path.join(a.dir, "floor.json"), json.dumps(dict(
            host=a.host, port=a.port, tls=a.tls, ca=a.ca, user=a.user, password=a.password, delete=a.delete,
            state=os.path.join(a.dir, "state.json"), clock=os.path.join(a.dir, "clock.json"))))

    def command(self, a):
        return ["python3", SCRIPT, a.protocol, os.path.join(a.dir, "floor.json")]

    def own_clock(self, a):
        """Without the interpreter's start."""
        with open(os.path.join(a.dir, "clock.json")) as f:
            return json.load(f)
