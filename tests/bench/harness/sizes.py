"""How much mail each scenario takes."""

USUAL = {
    "big": 20000,            # first sync into 1 and into 50 mailboxes, and beside the large message
    "quadratic": 3000,       # the same for peers whose time grows with the square; `big` with --full
    "slow": 1000,            # the same for slow peers
    "rtt": 2000,             # first sync with the delay
    "rtt_slow": 200,
    "f200": 100,             # messages per mailbox, 200 mailboxes
    "f200_slow": 25,
    "wire": 5,               # messages per mailbox, 200 mailboxes
    "idle": 20000,           # nothing changed; always beside 100
    "large": 60_000_000,     # octets of the large message
    "million": 1_000_000,    # messages of the very full mailbox
    "pop3": 5000,
    "pop3_slow": 1000,       # `pop3` with --full
    "pop3_rtt": 500,
    "pop3_rtt_slow": 200,
    "pop3_trips": 400,       # fetched and deleted, for the round trips
    "pop3_idle": 20000,
    "pop3_idle_slow": 2000,
    "flushes": 100,
    "accounts": 1000,        # in one daemon
    "served": 200,           # of them, that get a message at once
    "settle": 20,            # seconds between their first pass and the quiet time
    "quiet": 60,             # seconds of quiet
    "latency": 50,           # flags that a reader sets, or messages that come, one after the other
}

QUICK = {
    "big": 300, "quadratic": 300, "slow": 100, "rtt": 100, "rtt_slow": 50, "f200": 2, "f200_slow": 2, "wire": 1, "idle": 300,
    "large": 3_000_000, "million": 2000, "pop3": 200, "pop3_slow": 100, "pop3_rtt": 50, "pop3_rtt_slow": 20, "pop3_idle": 300,
    "pop3_trips": 100, "pop3_idle_slow": 100, "flushes": 50,
    "latency": 3, "accounts": 20, "served": 5, "settle": 2, "quiet": 3,
}


def sizes(quick, full, changes):
    out = dict(QUICK if quick else USUAL)
    if full:
        out["quadratic"], out["pop3_slow"] = out["big"], out["pop3"]
    for change in changes:
        key, _, value = change.partition("=")
        if key not in out or not value.isdigit():
            raise SystemExit(f"--size {change}: it is NAME=NUMBER, and the names are {', '.join(out)}")
        out[key] = int(value)
    return out
