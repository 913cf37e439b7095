"""The command line of tests/bench/run."""
import argparse
import os
import shlex
import signal
import sys

from . import machine, peers, prepare, report, self_test
from .bench import Bench
from .results import Results, load, log
from .scenarios import SCENARIOS
from .sizes import sizes
from .slow_disk import SlowDisk


# Options that are no part of a measurement, and whether a value follows.
LOCAL = {"--append": False, "--keep": False, "--disk": True, "--base-port": True, "--results": True}


def words(text):
    return [word for word in text.split(",") if word]


def options():
    out = argparse.ArgumentParser(prog="tests/bench/run", description="Measures postrider beside other tools on a private Dovecot, and the physical limits.")
    out.add_argument("--scenarios", type=words, default=list(SCENARIOS), help="of: " + ", ".join(SCENARIOS) + " (all)")
    out.add_argument("--skip", type=words, default=[], help="scenarios to leave out, `million` for one")
    out.add_argument("--peers", type=words, default=peers.USUAL, help="of: all, " + ", ".join(p.key for p in peers.ALL)
                     + f" ({','.join(peers.USUAL)})")
    out.add_argument("--reps", type=int, default=3, help="repetitions, of which the median counts (3)")
    out.add_argument("--quick", action="store_true", help="tiny sizes, one repetition: checks the harness, not the tools")
    out.add_argument("--full", action="store_true", help="mbsync gets as many messages as postrider: minutes for each")
    out.add_argument("--size", type=words, default=[], help="other sizes, as big=5000,f200=25")
    out.add_argument("--markdown", action="store_true", help="measure nothing; print the last results in Markdown")
    out.add_argument("--append", action="store_true", help="add to the last results instead of beginning anew")
    out.add_argument("--results", help="directory of the results (bench/results in cargo's target directory)")
    out.add_argument("--disk", default="/var/tmp", help="where server and clients keep their mail; no tmpfs (/var/tmp)")
    out.add_argument("--flush-ms", type=float, default=0, help="on a disk of its own there, whose flush takes so long (as --disk does)")
    out.add_argument("--base-port", type=int, default=21000, help="the first of 51 free ports on loopback (21000)")
    out.add_argument("--rtt-ms", type=float, default=40, help="the long round trip; 0: no network namespaces (40)")
    out.add_argument("--limit", type=int, default=600, help="seconds after which a run has failed (600)")
    out.add_argument("--keep", action="store_true", help="keep the clients' directories")
    return out.parse_args()


def chosen_scenarios(o):
    for name in o.scenarios + o.skip:
        if name not in SCENARIOS:
            raise SystemExit(f"no scenario is called {name}; there are: {', '.join(SCENARIOS)}")
    return [name for name in SCENARIOS if name in o.scenarios and name not in o.skip and (o.rtt_ms or "rtt" not in name)]


def measure(o, results, bench_dir):
    prepare.privileges()
    wanted, names = peers.chosen(o.peers), chosen_scenarios(o)
    disk_kind = prepare.real_disk(o.disk)
    prepare.packages(wanted)
    native = prepare.native(os.path.join(bench_dir, "native"))
    for peer in wanted:
        if peer.key.startswith("mbsync15"):
            peer.binary = prepare.mbsync15(os.path.join(bench_dir, "peers"))
    ours = next((peer for peer in wanted if peer.key == "postrider"), None)
    slow_disk = SlowDisk(native, o.disk, o.flush_ms) if o.flush_ms else None
    try:
        if slow_disk:
            o.disk, disk_kind = slow_disk.path, f"ext4 with a journal whose disk takes {o.flush_ms:g} ms for a flush"
        if ours:
            ours.path = prepare.postrider(os.path.dirname(bench_dir), o.disk)
        missing = [peer.key for peer in wanted if not peer.available()]
        if missing:
            raise SystemExit(f"not installed: {', '.join(missing)}")
        bench = Bench(o, sizes(o.quick, o.full, o.size), wanted, results, native)
        try:
            wire = bench.servers.wire and bench.servers.wire.kind
            bench.record("machine", "-", 0, {}, check=machine.describe(disk_kind, wire, prepare.ROOT))
            for name in names:
                log("===", name)
                SCENARIOS[name](bench)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)      # a second one must not cut the cleaning short
            bench.close()
    finally:
        if ours and ours.path:
            os.unlink(ours.path)
        if slow_disk:
            slow_disk.close()


def main():
    o = options()
    if o.quick:
        o.reps = 1
        if not self_test.passes():
            raise SystemExit("the harness does not pass its own tests")
    bench_dir = os.path.join(prepare.target(), "bench")
    directory = o.results or os.path.join(bench_dir, "results-quick" if o.quick else "results")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "results.jsonl")
    if o.markdown:
        print(report.markdown(load(path)))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = Results(path, o.append, command(sys.argv[1:]))
    try:
        measure(o, results, bench_dir)
    finally:
        results.close()
        conclude(load(path), path)


def command(arguments):
    """What was asked, without what is this machine's alone."""
    out, skip = ["tests/bench/run"], False
    for word in arguments:
        name = word.split("=")[0]
        if skip or name in LOCAL:
            skip = not skip and LOCAL.get(word, False)
        else:
            out.append(word)
    return shlex.join(out)


def conclude(rows, path):
    if len(rows) > 1:                     # more than the machine
        print("\n" + report.measurements(rows) + "\n\n" + report.on_the_wire(rows) + "\n")
        print(report.bars_on_terminal(rows))
        print(f"\nthe raw results: {path}; as Markdown: tests/bench/run --markdown")
