"""Whether a tree holds exactly what it should: every message once, with its octets, flags and time, in its mailbox."""
from .filename import letters_of
from .tree import Findings, Tree


def check(root, mailboxes, deleted):
    """What is to be said about the tree at `root`; nothing, when all is well."""
    findings = Findings()
    tree = Tree(root, findings)
    wanted = {mailbox.directory: mailbox for mailbox in mailboxes}
    for directory in sorted(set(tree.mailboxes) - set(wanted)):
        findings.add("mailboxes", f"{directory!r} was not expected")
    for directory, mailbox in wanted.items():
        if directory not in tree.mailboxes:
            findings.add("mailboxes", f"{mailbox} is not at {directory!r}")
            continue
        pairs = _pairs(mailbox, tree.mailboxes[directory], deleted, findings)
        for message, file in pairs:
            _compare(message, file, deleted, findings)
    return findings.said


def _pairs(mailbox, files, deleted, findings):
    """Each message with its file: the same octets, else the same Message-ID; of several the likest."""
    left, pairs, unmatched = list(files), [], list(mailbox.messages)
    for key in ("digest", "message_id"):
        messages, unmatched = unmatched, []
        for message in messages:
            mine = getattr(message, key)
            likely = [file for file in left if mine is not None and getattr(file, key) == mine]
            if not likely:
                unmatched.append(message)
                continue
            letters = letters_of(message.flags, deleted)
            file = min(likely, key=lambda f: (f.name.flags != letters, abs(f.mtime - (message.internal_date or 0))))
            left.remove(file)
            pairs.append((message, file))
    for message in unmatched:
        findings.add("missing", f"{mailbox}: {message}")
    for file in left:
        findings.add("extra", file.shown)
    return pairs


def _compare(message, file, deleted, findings):
    letters = letters_of(message.flags, deleted)
    if file.digest != message.digest:
        findings.add("octets", f"{file.shown}: not the octets of {message}")
    if file.crlf:
        findings.add("octets", f"{file.shown}: CRLF as on the wire")
    if file.name.flags != letters:
        findings.add("flags", f"{file.shown}: {file.name.flags!r}, expected {letters!r}")
    if (file.part == "new") != (not letters):
        findings.add("place", f"{file.shown}: a message is in new as long as it has no flags")
    if message.internal_date is not None and file.mtime != message.internal_date:
        findings.add("times", f"{file.shown}: {file.mtime}, expected {message.internal_date}")
