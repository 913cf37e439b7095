"""What a pass costs that finds nothing changed, and what a very full mailbox and a very large message take."""

PASSES = 9            # a pass is short, and the clock of a busy machine is rough


def idle_cpu(bench):
    for count in (100, bench.size["idle"]):
        for peer in bench.those("imap"):
            if peer.stores_nothing or bench.amount(peer, count, bench.size["slow"]) < count:
                continue
            user = bench.store.clone(count, 1, "idle")
            account = bench.runs.account(peer, user)
            if not bench.runs.once(peer, account)["rc"]:
                bench.unchanged("idle-cpu", peer, account, user, count, 1, reps=max(PASSES, bench.reps))


def postrider_only(bench):
    return [peer for peer in bench.those("imap") if peer.key == "postrider"]


def big_message(bench):
    """The usual mail with a very large message in its midst: what memory does."""
    count, large = bench.size["big"], bench.size["large"]
    for peer in postrider_only(bench):
        for rep in range(bench.reps):
            for tls in (False, True):
                user = bench.store.clone(count, 1, "large", large)
                account = bench.runs.account(peer, user, tls=tls)
                want = bench.store.expected(user)
                row = bench.runs.once(peer, account)
                bench.record("big-message" + ("-tls" if tls else ""), peer, rep, row, messages=count + 1, mailboxes=1,
                             check=bench.verify(peer, account, want, user))


def million(bench):
    """One mailbox of very many small messages: a first sync, then passes that find nothing changed. Once: it takes long."""
    count = bench.size["million"]
    for peer in postrider_only(bench):
        user = bench.store.tiny(count)
        account = bench.runs.account(peer, user)
        want = bench.store.expected(user)
        row = bench.runs.once(peer, account, limit=10 * bench.options.limit)
        bench.record("million-first", peer, 0, row, check=bench.verify(peer, account, want, user), messages=count, mailboxes=1)
        if not row["rc"]:
            bench.unchanged("million-unchanged", peer, account, user, count, 1)
        bench.store.drop(user)
