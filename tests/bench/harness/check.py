"""Is what a client stored what the server has? Content always; mailboxes and flags for peers that mirror."""
import collections
import hashlib
import os
import re

from .messages import digest
from .store import flags_of

COMPARED = 40000      # more differing messages than this are not looked at one by one


def scan(account):
    """{directory: [(digest, flags, path)]} of every file in a cur or new below the client's Maildir."""
    out = collections.defaultdict(list)
    for path, _, files in os.walk(account.maildir):
        if os.path.basename(path) in ("cur", "new"):
            place = os.path.relpath(os.path.dirname(path), account.maildir)
            for name in files:
                full = os.path.join(path, name)
                with open(full, "rb") as f:
                    out[place].append((digest(f.read()), flags_of(name), full))
    return out


def verify(store, peer, account, want, user):
    """'exact', or what differs."""
    if peer.stores_nothing:
        return "-"
    got = scan(account)
    wanted = collections.Counter(k[0] for c in want.values() for k in c.elements())
    found = collections.Counter(x[0] for v in got.values() for x in v)
    missing, unknown = wanted - found, found - wanted
    verdict = "exact" if not missing and not unknown else second_look(store, peer, user, got, missing, unknown)
    # POP3 knows neither mailboxes nor flags.
    return verdict + (placement(want, got, verdict) if peer.mirror and account.protocol == "imap" else "")


def placement(want, got, verdict):
    """Messages per mailbox, and flags: with the content where it is the same, else in bulk."""
    out = ""
    there = sorted(sum(c.values()) for c in want.values() if c)
    here = sorted(len(v) for v in got.values() if v)
    if there != here:
        out += f"; MAILBOXES differ ({sum(here)} in {len(here)}, not {sum(there)} in {len(there)})"
    if verdict == "exact":
        differ = (collections.Counter(k for c in want.values() for k in c.elements())
                  - collections.Counter((x[0], x[1]) for v in got.values() for x in v))
    elif verdict.startswith("same after"):
        differ = (collections.Counter(k[1] for c in want.values() for k in c.elements())
                  - collections.Counter(x[1] for v in got.values() for x in v))
    else:
        return out
    return out + (f"; FLAGS differ on {sum(differ.values())}" if differ else "")


def second_look(store, peer, user, got, missing, unknown):
    """Are the differing ones the same mail without the header fields that this peer is known to add?"""
    count = sum(missing.values())
    if count > COMPARED:
        return f"{count} MISSING, {sum(unknown.values())} unknown"
    there, here = collections.Counter(), collections.Counter()
    for _, path in store.directories(user):
        for sub in ("cur", "new"):
            with os.scandir(os.path.join(path, sub)) as entries:
                there.update(stripped(e.path, peer.adds) for e in entries if store.sha.get(e.inode()) in missing)
    for files in got.values():
        here.update(stripped(path, peer.adds) for sha, _, path in files if sha in unknown)
    left = sum((there - here).values())
    if sum(unknown.values()) == count and left == 0 and there:
        without = "/".join(x.decode() for x in peer.adds) or "trailing newlines"
        return f"same after removing {without} ({count} differ as octets)"
    return f"{count} not identical ({sum(unknown.values())} changed copies; {left} differ beyond known headers)"


def stripped(path, adds):
    with open(path, "rb") as f:
        head, middle, body = f.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = re.split(rb"\n(?![ \t])", head)
    kept = [x for x in fields if x.partition(b":")[0].strip().lower() not in adds]
    return hashlib.sha256(b"\n".join(kept) + middle + body.rstrip(b"\n")).hexdigest()
