"""Not timed: what each peer says on the wire, how often it flushes, and how soon it notices."""
import collections
import os
import re
import statistics
import subprocess
import time

from ..messages import Messages
from ..imap_client import ImapClient
from ..results import log
from ..wiretap import Wiretap

MAILBOXES = 200
TAP = 50              # the relay's port, above the base port
SHOTS = 9
NEVER = 40            # seconds after which a message is not waited for any more
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


def push(bench):
    """Seconds from the server's OK to an APPEND until the file is in the client's Maildir."""
    for peer in bench.those("imap"):
        user = bench.store.clone(200, 1, "push")
        if peer.stores_nothing:
            push_floor(bench, peer, user)
            continue
        account = bench.runs.account(peer, user, push=True)
        command = peer.daemon(account)
        if not command:
            log("push:", peer.name, "has no push mode; its latency is its interval of polling and one pass")
            continue
        bench.runs.once(peer, account)
        with open(os.path.join(account.dir, "daemon.log"), "ab") as out:
            daemon = subprocess.Popen(bench.runs.argv(account, command, False, os.path.join(account.dir, "daemon.json"), 600),
                                      env=bench.runs.environment(account), cwd=account.dir, stdin=subprocess.DEVNULL,
                                      stdout=out, stderr=out)
        try:
            time.sleep(8)
            report(bench, peer, shots(bench, user, lambda before: stored(account) > before, lambda: stored(account)))
        finally:
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def stored(account):
    return sum(len(files) for path, _, files in os.walk(account.maildir) if os.path.basename(path) in ("cur", "new"))


def shots(bench, user, arrived, before):
    mail, imap, out = Messages(7), ImapClient(bench.servers.ports["imap"], user), []
    for i in range(SHOTS):
        was = before()
        imap.append("INBOX", mail.message(i)[0])
        start = time.monotonic()
        while not arrived(was) and time.monotonic() - start < NEVER:
            time.sleep(.002)
        out.append(round(time.monotonic() - start, 4))
        if out[-1] > NEVER:
            break
        time.sleep(1.7)
    imap.close()
    return out


def push_floor(bench, peer, user):
    """When Dovecot itself tells a client in IDLE."""
    idle = ImapClient(bench.servers.ports["imap"], user)
    idle.do("SELECT INBOX")
    idle.socket.sendall(b"i IDLE\r\n")
    idle.until(b"+ ")
    time.sleep(2)
    report(bench, peer, shots(bench, user, lambda _: b"EXISTS" in idle.socket.recv(9999), lambda: None))
    idle.socket.close()


def report(bench, peer, latencies):
    bench.record("push", peer, 0, {"wall": statistics.median(latencies)}, messages=len(latencies), latencies=latencies,
                 check=f"{min(latencies):.3f} to {max(latencies):.3f} s" + ("; it NEVER came" if max(latencies) > NEVER else ""))
