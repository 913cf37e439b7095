"""The bars that postrider is to pass, and what was measured for each.

A ratio is taken within one run, where all sides had the same machine and the same hour. A bar whose size was not
measured is open, whatever a smaller size shows: nothing is extrapolated.
"""
from dataclasses import dataclass

from .results import median
from .sizes import USUAL

PASS, FAIL, OPEN = "PASS", "FAIL", "open"
OURS = "postrider"
NOISE_MS = 2          # of the CPU's clock: two passes that do the same differ by so much
FIRST = {"initial-1f": "1 mailbox, plain", "initial-1f-tls": "1 mailbox, TLS", "initial-50f": "50 mailboxes, plain",
         "initial-50f-tls": "50 mailboxes, TLS"}


@dataclass
class Verdict:
    bar: str
    measured: str
    ratio: str            # to the bar, or to the other side
    verdict: str
    scenario: str

    @classmethod
    def open(cls, bar, scenario, why="not measured"):
        return cls(bar, why, "", OPEN, scenario)


class Rows:
    """The rows of the latest run that has what is asked for."""

    def __init__(self, rows):
        self.runs = {}
        for row in rows:
            self.runs.setdefault(row["run"], []).append(row)

    def each(self):
        return reversed(list(self.runs.values()))

    def find(self, *wanted):
        """A list of rows for each (scenario, peer, messages); all from one run."""
        for run in self.each():
            found = [[r for r in run if r["scenario"] == s and r["peer"] == p and r.get("messages") == n] for s, p, n in wanted]
            if all(found):
                return found
        return None


def sound(rows):
    """Why rows of ours count for nothing, if they do."""
    for row in rows:
        if row.get("rc"):
            return f"failed with {row['rc']}: {row.get('error', '')[-80:]}"
        if row.get("check") not in ("exact", "-"):
            return f"stored wrongly: {row.get('check')}"
    return None


def judge(bar, scenario, rows, measured, ratio, passed):
    wrong = sound(rows)
    if wrong:
        return Verdict(bar, f"{measured}; {wrong}", ratio, FAIL, scenario)
    return Verdict(bar, measured, ratio, PASS if passed else FAIL, scenario)


def times_as_fast(rows, scenario, peer, size, times, bar):
    name = bar.rpartition(" as fast as ")[2]
    full = rows.find((scenario, OURS, size), (scenario, peer, size))
    if full:
        ours, theirs = median(full[0], "wall"), median(full[1], "wall")
        return judge(bar, scenario, full[0] + [r for r in full[1] if r.get("rc")], f"{ours:.2f} s, {name} {theirs:.1f} s",
                     f"{theirs / ours:.1f}", theirs >= times * ours)
    for smaller in sorted({r["messages"] for run in rows.each() for r in run if r["scenario"] == scenario and r["peer"] == peer},
                          reverse=True):
        part = rows.find((scenario, OURS, smaller), (scenario, peer, smaller))
        if part:
            ours, theirs = median(part[0], "wall"), median(part[1], "wall")
            return Verdict(bar, f"with {smaller:,} messages {ours:.2f} s, {name} {theirs:.1f} s; the bar's size takes --full",
                           f"{theirs / ours:.1f}", OPEN, scenario)
    return Verdict.open(bar, scenario)


def beside_mbsync(rows, scenario):
    bar = f"first sync of {USUAL['big']:,} messages, {FIRST[scenario]}: at least 15 times as fast as mbsync 1.5"
    return times_as_fast(rows, scenario, "mbsync15", USUAL["big"], 15, bar)


def near_the_floor(rows, scenario, messages, factor, bar):
    found = rows.find((scenario, OURS, messages), (scenario, "floor", messages), (scenario, "disk:batch-syncfs", messages))
    if not found:
        return Verdict.open(bar, scenario)
    run = next(r for r in rows.each() if found[0][0] in r)
    ways = {}
    for row in run:
        if row["scenario"] == scenario and row["peer"].startswith("disk:batch") and row["messages"] == messages:
            ways.setdefault(row["peer"], []).append(row)
    ours, network = median(found[0], "wall"), median(found[1], "wall")
    disk = sorted((median(rows_of_way, "wall"), way.removeprefix("disk:")) for way, rows_of_way in ways.items())
    floor = max(network, disk[0][0])
    told = ", ".join(f"{way} {wall:.2f} s" for wall, way in disk)
    return judge(bar, scenario, found[0], f"{ours:.2f} s; floors: network {network:.2f} s, {told}", f"{ours / floor:.2f}",
                 ours <= factor * floor)


def round_trips(rows, scenario, messages, limit, bar):
    found = rows.find((scenario, OURS, messages))
    if not found:
        return Verdict.open(bar, scenario)
    row = found[0][-1]
    waits = f"of them {row['waits']} with nothing on the way; " if scenario.startswith("wire-imap") else ""
    measured = f"{row['round_trips']} ({waits}{row['commands']} commands, {row['connections']} connections)"
    return judge(bar, scenario, [row], measured, f"{row['round_trips'] / limit:.2f}", row["round_trips"] <= limit)


def idle(rows, scenario, messages, limit_ms=20, where="in a mailbox"):
    bar = f"nothing changed, {messages:,} messages {where}: client CPU below {limit_ms} ms"
    found = rows.find((scenario, OURS, messages))
    if not found:
        return Verdict.open(bar, scenario)
    cpu = 1000 * median(found[0], "cpu")
    return judge(bar, scenario, found[0], f"{cpu:.1f} ms", f"{cpu / limit_ms:.2f}", cpu < limit_ms)


def idle_growth(rows, scenario, messages):
    bar = f"nothing changed: no more client CPU for {messages:,} messages in a mailbox than for 100"
    many, few = rows.find((scenario, OURS, messages)), rows.find(("idle-cpu", OURS, 100))
    if not many or not few:
        return Verdict.open(bar, scenario)
    more, less = 1000 * median(many[0], "cpu"), 1000 * median(few[0], "cpu")
    return judge(bar, scenario, many[0], f"{more:.1f} ms, with 100 {less:.1f} ms", f"{more / less:.2f}", more <= less + NOISE_MS)


def memory(rows, limit_mb=40):
    bar = f"peak RSS below {limit_mb} MB in all of these with a message of {USUAL['large'] // 10**6} MB among them"
    for run in rows.each():
        ours = [r for r in run if r["peer"] == OURS and r.get("maxrss_kb") and not r["scenario"].startswith("million")]
        if any(r["scenario"] == "big-message" and r["messages"] > USUAL["big"] for r in ours):
            worst = max(ours, key=lambda r: r["maxrss_kb"])
            mb = worst["maxrss_kb"] / 1024
            large = max(r["maxrss_kb"] for r in ours if r["scenario"].startswith("big-message")) / 1024
            return judge(bar, "big-message", ours, f"{mb:.1f} MB in {worst['scenario']}, {large:.1f} MB with the large message",
                         f"{mb / limit_mb:.2f}", mb < limit_mb)
    return Verdict.open(bar, "big-message")


def million(rows, limit_mb=100):
    bar = f"peak RSS below {limit_mb} MB for one mailbox of {USUAL['million']:,} small messages"
    found = rows.find(("million-first", OURS, USUAL["million"]))
    if not found:
        return Verdict.open(bar, "million")
    every = found[0] + ((rows.find(("million-unchanged", OURS, USUAL["million"])) or [[]])[0])
    mb = max(r["maxrss_kb"] for r in every) / 1024
    return judge(bar, "million", every, f"{mb:.1f} MB", f"{mb / limit_mb:.2f}", mb < limit_mb)


def latency(rows, limit_s=2):
    shots = USUAL["latency"]
    bar = f"a flag that a reader sets, {shots} times: at the server within {limit_s} s"
    found = rows.find(("latency", OURS, shots))
    if not found:
        return Verdict.open(bar, "latency")
    row = found[0][-1]
    worst = max(row["latencies"])
    return Verdict(bar, f"median {row['wall']:.2f} s, worst {worst:.2f} s", f"{worst / limit_s:.2f}", PASS if worst < limit_s else FAIL, "latency")


@dataclass
class Section:
    """Bars of one kind, and the scenarios that decide them."""

    title: str
    command: str
    verdicts: list


def sections(all_rows, rtt_ms=40):
    rows, big, rtt = Rows(all_rows), USUAL["big"], USUAL["rtt"]
    first = "tests/bench/run --full --scenarios " + ",".join(FIRST)
    near = [near_the_floor(rows, scenario, big, 1.5, f"first sync of {big:,} messages, {what}: at most 1.5 times the slower floor")
            for scenario, what in FIRST.items()]
    far = near_the_floor(rows, f"initial-rtt{rtt_ms:g}", rtt, 1.3,
                         f"first sync of {rtt:,} messages with a round trip of {rtt_ms:g} ms: at most 1.3 times the floor")
    wire = 200 * USUAL["wire"]
    said = [round_trips(rows, "wire-imap-unchanged", wire, 2, "round trips, 200 mailboxes, nothing changed: at most 2"),
            round_trips(rows, "wire-imap-changed", wire, 6, "round trips, 100 new messages in 3 of 200 mailboxes and 500 flags: at most 6"),
            round_trips(rows, "wire-imap-first", wire, 12, "round trips, first sync of 1,000 messages in 200 mailboxes: at most 12")]
    cpu = [idle(rows, "idle-cpu", 100), idle(rows, "idle-cpu", USUAL["idle"]), idle(rows, "million-unchanged", USUAL["million"]),
           idle_growth(rows, "idle-cpu", USUAL["idle"]), idle_growth(rows, "million-unchanged", USUAL["million"])]
    return [Section("First sync beside mbsync 1.5", first, [beside_mbsync(rows, scenario) for scenario in FIRST]),
            Section("First sync beside the floors", first, near),
            Section("First sync over a long wire", "tests/bench/run --scenarios initial-rtt", [far]),
            Section("Round trips", "tests/bench/run --scenarios wire", said),
            Section("Nothing changed", "tests/bench/run --scenarios idle-cpu,million --peers postrider", cpu),
            Section("What readers do", "tests/bench/run --scenarios latency --peers postrider", [latency(rows)]),
            Section("Memory", "tests/bench/run --peers postrider", [memory(rows), million(rows)]),
            Section("POP3", "tests/bench/run --full --scenarios pop3-initial,pop3-trips,pop3-idle --peers postrider,mpop,getmail6,floor",
                    pop3(rows))]


def pop3(rows):
    """What is fetched, proven and deleted; what is left there."""
    many, trips, left = USUAL["pop3"], USUAL["pop3_trips"], USUAL["pop3_idle"]
    whole = f"POP3: {many:,} messages fetched, proven and deleted"
    return [times_as_fast(rows, "pop3-initial", "mpop", many, 4, whole + ": at least 4 times as fast as mpop"),
            times_as_fast(rows, "pop3-initial", "getmail6", many, 20, whole + ": at least 20 times as fast as getmail6"),
            near_the_floor(rows, "pop3-initial", many, 1.5, whole + ": at most 1.5 times the slower floor"),
            round_trips(rows, "pop3-trips", trips, 8, f"POP3: round trips, {trips} messages fetched, proven and deleted: at most 8"),
            round_trips(rows, "pop3-trips-idle", left, 4, f"POP3: round trips, nothing new with {left:,} left there: at most 4"),
            idle(rows, "pop3-keep-unchanged", left, 50, "left on a POP3 server")]


def verdicts(all_rows):
    return [verdict for section in sections(all_rows) for verdict in section.verdicts]
