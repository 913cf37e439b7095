"""Many accounts in one process: what they cost while nothing happens, and who is served when mail comes to many at once."""
import json
import os
import statistics
import subprocess
import time
from datetime import datetime

from .. import mailboxes
from ..dovecot import VMAIL
from ..imap_client import ImapClient
from ..messages import Messages
from ..results import log
from ..runs import NOBODY
from .noticed import child

PATIENCE = 600        # seconds after which nothing is waited for any more
TICKS = os.sysconf("SC_CLK_TCK")


def accounts(bench):
    """As many accounts as the size says in one daemon: a first pass of all, a quiet minute, then a message to some of them."""
    peer = next((peer for peer in bench.peers if peer.key == "postrider"), None)
    if not peer:
        return
    count = bench.size["accounts"]
    users = [f"many-{n:05d}" for n in range(count)]
    fill(bench.store, users)
    for push in ("off", "auto"):
        for tls in (False, True):
            one_daemon(bench, peer, users, push, tls)


def fill(store, users):
    """Three messages for each."""
    mail = Messages(1)
    mails = [mail.message(i) for i in range(3)]
    for user in users:
        writer = mailboxes.Writer(store.new_home(user), ["INBOX"], VMAIL)
        for number, message in enumerate(mails):
            writer.add(0, number, *message)


def one_daemon(bench, peer, users, push, tls):
    account = bench.runs.account(peer, users[0], push=True, tls=tls)
    for written in peer.setup_many(account, users, push):
        os.chown(written, NOBODY.pw_uid, NOBODY.pw_gid)
    name = f"accounts-{push}" + ("-tls" if tls else "")
    path = os.path.join(account.dir, "daemon.log")
    with open(path, "wb") as out:
        daemon = subprocess.Popen(bench.runs.argv(account, peer.daemon(account), False, os.path.join(account.dir, "daemon.json"), 3600),
                                  env=bench.runs.environment(account), cwd=account.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        start = time.time()
        first = events(path, "sync.finished", len(users), start)
        time.sleep(bench.size["settle"])
        process = child(daemon)
        row = quiet(process, bench.size["quiet"])
        row["wall"] = max(first.values())
        bench.record(name + "-idle", peer, 0, row, messages=len(users),
                     check=f"{row['rss_mb']:.1f} MB, {row['cpu_share']:.2%} of a core, {row['files']} files, {row['threads']} threads, {len(first)} accounts")
        served(bench, peer, users[-bench.size["served"]:], name, path, process)
    finally:
        daemon.terminate()
        daemon.wait()


def quiet(process, seconds):
    """What a process takes while nobody asks anything of it."""
    before = ticks(process)
    time.sleep(seconds)
    cpu = (ticks(process) - before) / TICKS
    return {"cpu": cpu, "cpu_share": cpu / seconds, "maxrss_kb": status(process, "VmHWM"), "rss_mb": status(process, "VmRSS") / 1024,
            "files": len(os.listdir(f"/proc/{process}/fd")), "threads": status(process, "Threads")}


def ticks(process):
    with open(f"/proc/{process}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def status(process, field):
    with open(f"/proc/{process}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field + ":"))


def served(bench, peer, users, name, path, process):
    """A message to each, and then the signal to look: when is it stored for the first, the median, the last?"""
    mail = Messages(11)
    for number, user in enumerate(users):
        imap = ImapClient(bench.servers.ports["imap"], user)
        imap.append("INBOX", mail.message(number)[0])
        imap.close()
    start = time.time()
    os.kill(process, peer.look_signal)
    # With push some have come before the signal.
    times = sorted(events(path, "message.stored", len(users), start, least=4).values())
    bench.record(name + "-served", peer, 0, {"wall": times[-1]}, messages=len(users),
                 check=f"first {times[0]:.2f} s, median {statistics.median(times):.2f} s, last {times[-1]:.2f} s, {len(times)} accounts")


def events(path, event, accounts, start, least=1):
    """Seconds from `start` until each account has had so many of these events, by account; waits until all have."""
    deadline = time.time() + PATIENCE
    while True:
        seen, times = {}, {}
        with open(path) as f:
            for line in f:
                if f'"{event}"' in line and line.endswith("\n"):
                    told = json.loads(line)
                    seen[told["account"]] = seen.get(told["account"], 0) + 1
                    if seen[told["account"]] == least:
                        times[told["account"]] = moment(told["timestamp"]) - start
        if len(times) >= accounts:
            return times
        if time.time() > deadline:
            log(f"only {len(times)} of {accounts} accounts had {event}")
            return times or {"none": PATIENCE}
        time.sleep(.5)


def moment(timestamp):
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()

