"""Which directory a mailbox has, written from the contract and not from postrider's code."""
import os
import unicodedata

PARTS = ("cur", "new", "tmp")
LAYOUTS = ("fs", "maildir++", "single")


class Layout:
    """`fs` nests directories, `maildir++` joins levels by dots below INBOX, `single` is INBOX and nothing else."""

    def __init__(self, name):
        self.name = name

    def directory(self, levels):
        """Relative to the tree; empty where the mailbox is the tree itself."""
        if self.name == "single" or (self.name == "maildir++" and levels == ["INBOX"]):
            return ""
        escaped = [self._escape(level) for level in levels]
        return "/".join(escaped) if self.name == "fs" else "." + ".".join(escaped)

    def _escape(self, level):
        joiner = "." if self.name == "maildir++" else "/"
        reserved = level[:1] in (".", "~") or level.lower() in PARTS
        parts = []
        for at, c in enumerate(level):
            bad = c in "/%" or c == joiner or unicodedata.category(c) == "Cc" or (at == 0 and reserved)
            parts.append("".join("%%%02X" % octet for octet in c.encode()) if bad else c)
        return "".join(parts)


def twin(directory):
    """Where a mailbox lies whose directory some file system would take for another's."""
    return directory + "%~2"


def twin_key(directory):
    """Equal for two directories that some file system takes for one."""
    return unicodedata.normalize("NFKC", directory.casefold())


def maildirs(tree):
    """The directories below a tree that hold `cur` or `new`, relative to it."""
    found = []
    for path, names, _ in os.walk(tree):
        if "cur" in names or "new" in names:
            below = os.path.relpath(path, tree)
            found.append("" if below == "." else below)
            names[:] = [name for name in names if name not in PARTS]
    return sorted(found)


def files(directory):
    """(part, name, path) of every file in `cur` and `new` of a Maildir."""
    for part in ("cur", "new"):
        whole = os.path.join(directory, part)
        for name in sorted(os.listdir(whole)) if os.path.isdir(whole) else []:
            yield part, name, os.path.join(whole, name)
