"""POP3: what is said on the wire, and passes with everything left on the server and nothing to do."""
import time

from ..results import log
from ..wiretap import Wiretap
from .said import TAP


def pop3_trips(bench):
    """Round trips after the greeting: messages fetched and deleted, then nothing new with many left there."""
    for peer in bench.those("pop3"):
        left = bench.size["pop3_idle_slow" if peer.slow else "pop3_idle"]
        port = bench.options.base_port + TAP
        tap = Wiretap(port, ("127.0.0.1", bench.servers.ports["pop3"]), "pop3")
        try:
            fetched_and_deleted(bench, peer, tap, port, bench.size["pop3_trips"])
            nothing_new(bench, peer, tap, port, left)
        finally:
            tap.close()


def fetched_and_deleted(bench, peer, tap, port, count):
    user = bench.store.clone(count, 1, "pop3-trips")
    account = bench.runs.account(peer, user, "pop3", delete=True, port=port)
    row = listened(bench, peer, account, tap)
    want = bench.store.expected(bench.store.template(count, 1)[0])
    left = sum(sum(c.values()) for c in bench.store.expected(user).values())
    check = bench.verify(peer, account, want, bench.store.template(count, 1)[0])
    bench.record("pop3-trips", peer, 0, row, messages=count, mailboxes=1, check=check + (f"; {left} LEFT on the server" if left else ""))


def nothing_new(bench, peer, tap, port, count):
    user = bench.store.clone(count, 1, "pop3-trips-idle")
    account = bench.runs.account(peer, user, "pop3", port=port)
    want = bench.store.expected(user)
    bench.runs.once(peer, account)
    row = listened(bench, peer, account, tap)
    bench.record("pop3-trips-idle", peer, 0, row, messages=count, mailboxes=1, check=bench.verify(peer, account, want, user))


def listened(bench, peer, account, tap):
    tap.reset()
    row = bench.runs.once(peer, account)
    time.sleep(.3)                    # the relay's threads have the last word
    row.update(tap.report())
    log(f"  {row['connections']} connections, {row['commands']} commands, {row['round_trips']} round trips")
    return row


def pop3_idle(bench):
    for peer in bench.those("pop3"):
        count = bench.size["pop3_idle_slow" if peer.slow else "pop3_idle"]
        user = bench.store.clone(count, 1, "pop3-idle")
        account = bench.runs.account(peer, user, "pop3")
        want = bench.store.expected(user)
        row = bench.runs.once(peer, account)
        bench.record("pop3-keep-first", peer, 0, row, check=bench.verify(peer, account, want, user), messages=count, mailboxes=1)
        if row["rc"]:
            continue
        bench.unchanged("pop3-keep-unchanged", peer, account, user, count, 1)
        if bench.servers.wire:
            bench.unchanged("pop3-keep-unchanged" + bench.rtt, peer, account, user, count, 1, far=True)
