"""How soon a running client notices: a message that comes to the server, a flag that a reader sets."""
import contextlib
import functools
import os
import re
import statistics
import subprocess
import time

from ..imap_client import ImapClient
from ..messages import Messages
from ..results import log

SHOTS = 9
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
    """Seconds from the server's OK to an APPEND, and the signal to look, until the file is in the Maildir."""
    for peer in bench.those("imap"):
        if peer.look_signal is None:
            continue
        user = bench.store.clone(200, 1, "arrival")
        account = bench.runs.account(peer, user, push=True)
        with running(bench, peer, account) as runs:
            if runs:
                wake = functools.partial(os.kill, child(runs), peer.look_signal)
                report(bench, "arrival", peer, shots(bench, user, lambda before: stored(account) > before, lambda: stored(account),
                                                     bench.size["latency"], wake))


def child(process):
    """The client's own process, which the measuring one has started."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        return int(children.read().split()[0])


@contextlib.contextmanager
def running(bench, peer, account):
    """The process that runs the client's daemon after a first sync, for as long as this lasts; False when it has none."""
    command = peer.daemon(account)
    if not command:
        log(peer.name, "has no push mode; its latency is its interval of polling and one pass")
        yield False
        return
    bench.runs.once(peer, account)
    with open(os.path.join(account.dir, "daemon.log"), "ab") as out:
        daemon = subprocess.Popen(bench.runs.argv(account, command, False, os.path.join(account.dir, "daemon.json"), 600),
                                  env=bench.runs.environment(account), cwd=account.dir, stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out)
    try:
        time.sleep(8)
        yield daemon
    finally:
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


def shots(bench, user, arrived, before, count=SHOTS, wake=lambda: None):
    mail, imap, out = Messages(7), ImapClient(bench.servers.ports["imap"], user), []
    for i in range(count):
        was = before()
        imap.append("INBOX", mail.message(i)[0])
        start = time.monotonic()
        wake()
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
