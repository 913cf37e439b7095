"""POP3 with everything left on the server: a first sync, then passes with nothing to do."""


def pop3_idle(bench):
    for peer in bench.those("pop3"):
        count = bench.size["pop3_idle_slow" if peer.slow else "pop3_idle"]
        user = bench.store.clone(count, 1, "pop3-idle")
        account = bench.runs.account(peer, user, "pop3")
        want = bench.store.expected(user)
        row = bench.runs.once(peer, account)
        bench.record("pop3-keep-first", peer, 0, row, check=bench.verify(peer, account, want, user), messages=count, mailboxes=1)
        if row["rc"]:
            continue
        bench.unchanged("pop3-keep-unchanged", peer, account, user, count, 1)
        if bench.servers.wire:
            bench.unchanged("pop3-keep-unchanged" + bench.rtt, peer, account, user, count, 1, far=True)
