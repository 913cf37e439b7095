"""How soon a running client notices: a message that comes to the server, a flag that a reader sets."""
import contextlib
import datetime
import json
import os
import re
import statistics
import subprocess
import time

from ..imap_client import ImapClient
from ..messages import Messages
from ..results import log

SHOTS = 9
TOLD = re.compile(r"S: \* (?:\d+ EXISTS|STATUS \S+ \(MESSAGES)")
NEVER = 40            # seconds after which nothing is waited for any more
PAUSE = 1.2           # seconds between two flags: the second is not to profit from what the first has woken


def push(bench):
    """Seconds from the server's OK to an APPEND until the file is in the client's Maildir."""
    for peer in bench.those("imap"):
        user = bench.store.clone(200, 1, "push")
        if peer.stores_nothing:
            push_floor(bench, peer, user)
            continue
        account = bench.runs.account(peer, user, push=True)
        with running(bench, peer, account) as runs:
            if runs:
                report(bench, "push", peer, shots(bench, user, lambda before: stored(account) > before, lambda: stored(account)))


def latency(bench):
    """Seconds from a reader's rename, which marks a message as read or unread, until the server shows the flag."""
    for peer in bench.those("imap"):
        if peer.stores_nothing:
            continue
        user = bench.store.clone(200, 1, "latency")
        account = bench.runs.account(peer, user, push=True)
        with running(bench, peer, account) as runs:
            if runs:
                report(bench, "latency", peer, renames(bench, user, account))


def arrival(bench):
    """Seconds from the line by which the server tells of a message, as the client reads it, until the file is in the Maildir; then with
    the long wire."""
    for peer in bench.those("imap"):
        if not peer.logs_the_wire:
            continue
        for far in (False, True) if bench.servers.wire else (False,):
            user = bench.store.clone(200, 1, "arrival")
            account = bench.runs.account(peer, user, push=True)
            with running(bench, peer, account, far) as runs:
                if runs:
                    came = arrivals(bench, user, account)
                    told = announced(account)
                    # The first line after it was sent: the look says how many there are too.
                    waits = [round(file - min((line for line in told if line >= sent), default=file - NEVER), 4) for sent, file in came]
                    report(bench, "arrival" + (bench.rtt if far else ""), peer, waits)


def arrivals(bench, user, account):
    """When each message was sent, and when it was in the Maildir, by the clock of the log; each after the one before has come."""
    mail, imap, out = Messages(7), ImapClient(bench.servers.ports["imap"], user), []
    for i in range(bench.size["latency"]):
        before, start, sent = stored(account), time.monotonic(), time.time()
        imap.append("INBOX", mail.message(i)[0])
        while stored(account) == before and time.monotonic() - start < NEVER:
            time.sleep(.001)
        out.append((sent, time.time() if stored(account) > before else time.time() + NEVER))
        time.sleep(PAUSE)
    imap.close()
    return out


def announced(account):
    """When the client read of new messages, by its log of what is said on the wire."""
    told = []
    with open(os.path.join(account.dir, "daemon.log")) as lines:
        for line in lines:
            if TOLD.search(line):
                told.append(datetime.datetime.fromisoformat(json.loads(line)["timestamp"].replace("Z", "+00:00")).timestamp())
    return told


@contextlib.contextmanager
def running(bench, peer, account, far=False):
    """The process that runs the client's daemon after a first sync, for as long as this lasts; False when it has none."""
    command = peer.daemon(account)
    if not command:
        log(peer.name, "has no push mode; its latency is its interval of polling and one pass")
        yield False
        return
    bench.runs.once(peer, account)
    with open(os.path.join(account.dir, "daemon.log"), "ab") as out:
        daemon = subprocess.Popen(bench.runs.argv(account, command, far, os.path.join(account.dir, "daemon.json"), 600),
                                  env=bench.runs.environment(account), cwd=account.dir, stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out)
    if far:
        bench.servers.wire.delay(True)
    try:
        time.sleep(8)
        yield daemon
    finally:
        if far:
            bench.servers.wire.delay(False)
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def renames(bench, user, account):
    """Each of another message, when nothing is on its way any more."""
    imap, out = ImapClient(bench.servers.ports["imap"], user), []
    for path in messages(account)[:bench.size["latency"]]:
        before = unseen(imap)
        is_read = "S" in path.partition(":2,")[2]
        start = time.monotonic()
        os.rename(path, turned(path))
        while unseen(imap) != before + (1 if is_read else -1) and time.monotonic() - start < NEVER:
            time.sleep(.005)
        out.append(round(time.monotonic() - start, 4))
        if out[-1] > NEVER:
            break
        time.sleep(PAUSE)
    imap.close()
    return out


def messages(account):
    found = []
    for path, _, files in os.walk(account.maildir):
        if os.path.basename(path) in ("cur", "new"):
            found += [os.path.join(path, name) for name in files]
    return sorted(found)


def turned(path):
    """The name of a message that was read, or was not."""
    base, _, flags = path.partition(":2,")
    folder, name = os.path.split(base)
    flags = set(flags) ^ {"S"}
    return os.path.join(os.path.dirname(folder), "cur", name + ":2," + "".join(sorted(flags)))


def unseen(imap):
    return int(re.search(rb"UNSEEN (\d+)", imap.do("STATUS INBOX (UNSEEN)")).group(1))


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
    report(bench, "push", peer, shots(bench, user, lambda _: b"EXISTS" in idle.socket.recv(9999), lambda: None))
    idle.socket.close()


def report(bench, scenario, peer, latencies):
    bench.record(scenario, peer, 0, {"wall": statistics.median(latencies)}, messages=len(latencies), latencies=latencies,
                 check=f"{min(latencies):.3f} to {max(latencies):.3f} s" + ("; it NEVER came" if max(latencies) > NEVER else ""))
