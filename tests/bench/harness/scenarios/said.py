"""Not timed: what each peer says on the wire, and how often it flushes."""
import collections
import os
import re
import time

from ..results import log
from ..wiretap import Wiretap

MAILBOXES = 200
TAP = 50              # the relay's port, above the base port
FLUSHES = "fsync,fdatasync,sync,syncfs,sync_file_range,msync"


def wire(bench):
    for protocol, mailboxes in (("imap", MAILBOXES), ("pop3", 1)):
        for peer in bench.those(protocol):
            count = bench.size["wire"] * MAILBOXES
            port = bench.options.base_port + TAP
            user = bench.store.clone(count, mailboxes, "wire")
            account = bench.runs.account(peer, user, protocol, mailboxes=mailboxes, port=port)
            tap = Wiretap(port, ("127.0.0.1", bench.servers.ports[protocol]), protocol)
            try:
                for phase in ("first", "unchanged") + (("changed",) if protocol == "imap" else ()):
                    said(bench, f"wire-{protocol}-{phase}", phase, peer, account, user, tap, count, mailboxes)
            finally:
                tap.close()


def said(bench, scenario, phase, peer, account, user, tap, count, mailboxes):
    if phase == "unchanged":
        bench.runs.once(peer, account)
    if phase == "changed":
        bench.store.change(user, 0)
    want = bench.store.expected(user)
    tap.reset()
    row = bench.runs.once(peer, account)
    time.sleep(.3)                    # the relay's threads have the last word
    row.update(tap.report())
    log(f"  {row['connections']} connections, {row['commands']} commands, {row['round_trips']} round trips, {row['waits']} waits, "
        f"{row['octets_up']} octets up, {row['octets_down']} down")
    bench.record(scenario, peer, 0, row, messages=count, mailboxes=mailboxes, check=bench.verify(peer, account, want, user))


def flushes(bench):
    """Flush calls of a first sync, counted with strace."""
    count = bench.size["flushes"]
    for peer in bench.peers:
        if peer.stores_nothing:
            continue
        protocol = "imap" if "imap" in peer.protocols else "pop3"
        user = bench.store.clone(count, 1, "flushes")
        account = bench.runs.account(peer, user, protocol)
        trace = os.path.join(account.dir, "strace")
        row = bench.runs.once(peer, account, wrap=["strace", "-f", "-qq", "-o", trace, "-e", "trace=" + FLUSHES])
        with open(trace, errors="replace") as f:
            calls = collections.Counter(re.findall(r"^\d+\s+(\w+)\(", f.read(), re.M))
        bench.record("flushes", peer, 0, row, messages=count, calls=dict(calls), check=f"{dict(calls)}; said: {peer.fsync}")
