"""The name of a message's file: what stands before the colon, and the flags behind it."""
import re

LETTERS = {"\\draft": "D", "\\flagged": "F", "$forwarded": "P", "\\answered": "R", "\\seen": "S", "\\deleted": "T"}


class FileName:
    """`base` is the name without flags, `unique` what stands before the first comma of it, `letters` is None without `:2,`."""

    def __init__(self, name):
        self.base, colon, info = name.partition(":")
        self.unique, *fields = self.base.split(",")
        self.fields = dict(field.split("=", 1) for field in fields if "=" in field)
        self.letters = info[2:] if info.startswith("2,") else None
        self.malformed = bool(colon) and self.letters is None

    @property
    def flags(self):
        """The letters that stand for flags, sorted, once each."""
        return "".join(sorted(set(self.letters or "") & set("DFPRST")))

    def faults(self, name):
        """What is wrong with the name itself."""
        letters = self.letters or ""
        yield from (says for says, wrong in (
            (f"a base of {len(self.base)} octets", len(self.base) > 150),
            ("not printable ASCII", not re.fullmatch("[!-~]+", name)),
            ("nothing before the flags", not self.unique),
            ("hidden", name.startswith(".")),
            ("more than one colon", name.count(":") > 1),
            ("malformed behind the colon", self.malformed),
            ("flags not sorted, or repeated", list(letters) != sorted(set(letters))),
            ("unknown flags", bool(set(letters) - set("DFPRST"))),
        ) if wrong)


def letters_of(flags, deleted=False):
    """The letters that a file bears for these flags of IMAP. T is borne only where \\Deleted is shown to readers."""
    known = {LETTERS[flag.lower()] for flag in flags if flag.lower() in LETTERS}
    return "".join(sorted(known if deleted else known - {"T"}))
