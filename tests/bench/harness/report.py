"""Tables of what was measured: for a terminal, and in Markdown for docs/performance.md."""
from . import bars
from .results import groups, median


SAID = ("wire-", "pop3-trips")         # through the relay, and not timed


def bars_on_terminal(rows):
    verdicts = bars.verdicts(rows)
    lines = [f"{v.verdict:5} {v.ratio:>7}  {v.bar}\n               {v.measured}" for v in verdicts]
    count = {word: sum(v.verdict == word for v in verdicts) for word in (bars.PASS, bars.FAIL, bars.OPEN)}
    return "\n".join(lines + [f"{count[bars.PASS]} passed, {count[bars.FAIL]} failed, {count[bars.OPEN]} open"])


def table(head, lines):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(str(x).replace("|", "\\|") for x in line) + " |" for line in lines])


def measurements(rows):
    """One line per scenario, peer and number of messages: medians."""
    lines = []
    for (scenario, peer, messages), group in groups(rows).items():
        if scenario.startswith((*SAID, "flushes", "machine")):
            continue
        wall = [row["wall"] for row in group]
        cpu = f"{median(group, 'cpu'):.3f}" if "cpu" in group[0] else ""
        rss = f"{max(row['maxrss_kb'] for row in group) / 1024:.1f}" if "maxrss_kb" in group[0] else ""
        verdict = "; ".join(dict.fromkeys(f"FAILED with {r['rc']}" if r.get("rc") else r.get("check", "") for r in group))
        lines.append((scenario, peer, f"{messages:,}" if messages else "", len(group),
                      f"{median(group, 'wall'):.3f} ({min(wall):.3f} to {max(wall):.3f})", cpu, rss, verdict))
    return table(("scenario", "peer", "messages", "runs", "wall s (least to most)", "CPU s", "peak RSS MB", "stored"), lines)


def on_the_wire(rows):
    lines = [(r["scenario"], r["peer"], f"{r['messages']:,}", r["connections"], r["commands"], r["round_trips"], r["waits"],
              f"{r['octets_up']:,}", f"{r['octets_down']:,}") for r in rows if r["scenario"].startswith(SAID)]
    return table(("pass", "peer", "messages", "connections", "commands", "round trips", "waits", "octets up", "octets down"), lines)


def markdown(rows):
    """What docs/performance.md shows, ready to paste."""
    parts = ["## Machine", "\n".join(f"- {r['run']}: {r['check']}" for r in rows if r["scenario"] == "machine"),
             "Measured by:", "\n".join(f"    {command}" for command in dict.fromkeys(r["command"] for r in rows)), "## The bars"]
    for section in bars.sections(rows):
        lines = [(v.bar, v.measured, v.ratio, v.verdict) for v in section.verdicts]
        parts += [f"### {section.title}", f"    {section.command}", table(("bar", "measured", "ratio", "verdict"), lines)]
    parts += ["## On the wire", on_the_wire(rows), "## All measurements", measurements(rows)]
    return "\n\n".join(parts) + "\n"
