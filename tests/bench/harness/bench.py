"""What every scenario works with: servers, mail, clients, sizes and the results."""
import shutil
import time

from . import check
from .results import log
from .runs import Runs
from .servers import Servers
from .store import Store


SETTLED = 3           # seconds


class Bench:
    def __init__(self, options, sizes, peers, results, native):
        self.options, self.size, self.peers, self.results, self.native = options, sizes, peers, results, native
        self.reps = options.reps
        self.servers = Servers(native, options.disk, options.base_port, options.rtt_ms)
        self.store = Store(self.servers.users, self.servers.ports, log)
        self.runs = Runs(self.servers, native, options.disk, options.limit)
        self.rtt = f"-rtt{options.rtt_ms:g}"

    def those(self, protocol):
        return [peer for peer in self.peers if protocol in peer.protocols]

    def has(self, key):
        return any(peer.key == key for peer in self.peers)

    def amount(self, peer, usual, slow):
        """How many messages this peer gets."""
        if peer.slow:
            return min(usual, slow)
        return min(usual, self.size["quadratic"]) if peer.quadratic else usual

    def verify(self, peer, account, want, user):
        return check.verify(self.store, peer, account, want, user)

    def record(self, scenario, peer, rep, row, **more):
        return self.results.record(scenario, peer if isinstance(peer, str) else peer.key, rep, row, **more)

    def unchanged(self, scenario, peer, account, user, count, mailboxes, far=False, reps=None):
        """Passes with nothing to do, after one that settles and is not counted. It waits: a client that goes by the times of
        directories may not trust one that was touched within its resolution."""
        time.sleep(SETTLED)
        self.runs.once(peer, account)
        want = self.store.expected(user)
        rows = [self.runs.once(peer, account, far) for _ in range(reps or self.reps)]
        verdict = self.verify(peer, account, want, user)
        for i, row in enumerate(rows):
            self.record(scenario, peer, i, row, check=verdict, messages=count, mailboxes=mailboxes)

    def close(self):
        self.servers.close()
        if not self.options.keep:
            shutil.rmtree(self.runs.work, ignore_errors=True)
