"""A first sync into an empty directory, with the floors of network and disk taken in turn."""
import json
import os
import subprocess
import sys

DISK_FLOOR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "disk_floor.py")
# One fsync after the other waits for everybody else's as well: minutes on a shared disk, so `disk` alone shows it.
BATCHES = ["batch-syncfs", "batch-fsync-16-threads"]


def disk_floor(bench, scenario, rep, messages, mailboxes, ways=None):
    """Writes the same messages; not as `nobody`, which makes no difference to the disk."""
    user, octets = bench.store.template(messages, 1)
    bench.runs.sequence += 1
    path = os.path.join(bench.runs.work, f"{bench.runs.sequence:04d}-disk")
    os.makedirs(path)
    config = os.path.join(path, "config.json")
    with open(config, "w") as f:
        json.dump(dict(source=os.path.join(bench.store.home(user), "Maildir", "cur"), directory=path, messages=messages,
                       mailboxes=mailboxes, ways=ways or BATCHES), f)
    done = subprocess.run([sys.executable, DISK_FLOOR, config], stdout=subprocess.PIPE, check=True)
    for way, seconds in json.loads(done.stdout).items():
        bench.record(scenario, "disk:" + way, rep, {"wall": seconds}, messages=messages, mailboxes=mailboxes, octets=octets, check="-")


def turns(bench, protocol, usual, slow):
    """(peer, messages) of one repetition. postrider and the floor also get the smaller amounts, so that a ratio to a peer
    that got fewer messages is one of equals."""
    amounts = {peer: bench.amount(peer, usual, slow) for peer in bench.those(protocol)}
    every = sorted(set(amounts.values()), reverse=True)
    out = []
    for peer, amount in amounts.items():
        out += [(peer, n) for n in (every if peer.key in ("postrider", "floor") else [amount])]
    return out


def first_sync(bench, scenario, mailboxes, usual, slow, protocol="imap", tls=False, far=False, delete=False):
    """Peers take turns within each repetition, so that a noisy minute hits all of them."""
    failed = set()
    for rep in range(bench.reps):
        for peer, count in turns(bench, protocol, usual, slow):
            if (peer.key, count) in failed:
                continue
            user = bench.store.clone(count, mailboxes, scenario)
            account = bench.runs.account(peer, user, protocol, tls, mailboxes, delete)
            want = bench.store.expected(user)
            row = bench.runs.once(peer, account, far)
            verdict = "-" if row["rc"] else verdict_of(bench, peer, account, want, user, count, mailboxes, delete)
            bench.record(scenario, peer, rep, row, check=verdict, messages=count, mailboxes=mailboxes,
                         octets_there=bench.store.template(count, mailboxes)[1])
            if row["rc"]:
                failed.add((peer.key, count))
        if bench.has("floor"):
            disk_floor(bench, scenario, rep, usual, mailboxes)


def verdict_of(bench, peer, account, want, user, count, mailboxes, delete):
    if not delete:
        return bench.verify(peer, account, want, user)
    # The mail itself is gone from the account: compare with its origin.
    left = sum(sum(c.values()) for c in bench.store.expected(user).values())
    verdict = bench.verify(peer, account, want, bench.store.template(count, mailboxes)[0])
    return verdict + (f"; {left} LEFT on the server" if left else "")


def disk(bench):
    """All ways to write the messages, for the record."""
    for rep in range(bench.reps):
        disk_floor(bench, "disk", rep, bench.size["big"], 1, BATCHES + ["batch-fsync", "not-flushed", "fsync-each"])
