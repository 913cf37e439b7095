"""Raw measurements, one JSON line each, written as they are made; medians of them."""
import json
import os
import statistics
import time


def log(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def load(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


class Results:
    def __init__(self, path, append, command):
        self.run = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.command = command
        self.file = open(path, "a" if append else "w")

    def record(self, scenario, peer, rep, row, **more):
        row = dict(run=self.run, command=self.command, scenario=scenario, peer=peer, rep=rep, load=os.getloadavg()[0], **more, **row)
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        failed = f" FAILED rc {row['rc']}: {row.get('error', '')[-160:]}" if row.get("rc") else ""
        log(f"{scenario:22} {peer:12} #{rep} {row.get('wall', 0):9.3f} s  cpu {row.get('cpu', 0):8.3f} s  "
            f"rss {row.get('maxrss_kb', 0) / 1024:6.1f} MB  {row.get('check', '')}{failed}")
        return row

    def close(self):
        self.file.close()


def groups(rows):
    """{(scenario, peer, messages): rows}, in the order of the scenarios, the quickest first."""
    out = {}
    for row in rows:
        out.setdefault((row["scenario"], row["peer"], row.get("messages")), []).append(row)
    order = list(dict.fromkeys(row["scenario"] for row in rows))
    return dict(sorted(out.items(), key=lambda kv: (order.index(kv[0][0]), kv[0][2] or 0, median(kv[1], "wall"))))


def median(rows, field):
    return statistics.median(row.get(field) or 0 for row in rows)
