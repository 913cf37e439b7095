"""200 mailboxes: a first sync, then passes with nothing and with little to do, at 0 ms and with the delay."""

MAILBOXES = 200


def changed(bench, scenario, peer, account, user, turn, far=False):
    """100 new messages in 3 mailboxes and 500 flag changes, once per repetition."""
    for i in range(bench.reps):
        bench.store.change(user, turn + i)
        want = bench.store.expected(user)
        row = bench.runs.once(peer, account, far)
        bench.record(scenario, peer, i, row, check=bench.verify(peer, account, want, user), messages=100, mailboxes=MAILBOXES)
        if row["rc"]:
            return


def f200(bench):
    for peer in bench.those("imap"):
        count = MAILBOXES * bench.size["f200_slow" if peer.slow else "f200"]
        user = bench.store.clone(count, MAILBOXES, "f200")
        account = bench.runs.account(peer, user, mailboxes=MAILBOXES)
        want = bench.store.expected(user)
        row = bench.runs.once(peer, account)
        bench.record("f200-first", peer, 0, row, check=bench.verify(peer, account, want, user), messages=count, mailboxes=MAILBOXES)
        if row["rc"]:
            continue
        bench.unchanged("f200-unchanged", peer, account, user, count, MAILBOXES)
        changed(bench, "f200-changed", peer, account, user, 0)
        if bench.servers.wire:
            bench.unchanged("f200-unchanged" + bench.rtt, peer, account, user, count, MAILBOXES, far=True)
            changed(bench, "f200-changed" + bench.rtt, peer, account, user, 100, far=True)
