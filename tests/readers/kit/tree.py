"""A tree of Maildirs as it lies on disk, and what is wrong with it whatever it should hold."""
import os
import stat
from collections import Counter, defaultdict

from . import message
from .filename import FileName
from .layout import PARTS, maildirs


class Findings:
    """What a check has to say: (name of the check, sentence)."""

    def __init__(self):
        self.said = []

    def add(self, check, says):
        self.said.append({"check": check, "says": says})


class File:
    """One message's file."""

    def __init__(self, path, shown, part):
        status = os.lstat(path)
        self.shown, self.part = shown, part
        self.name = FileName(os.path.basename(path))
        self.mtime, self.octets = int(status.st_mtime), status.st_size
        with open(path, "rb") as file:
            raw = file.read()
        self.digest, self.message_id = message.digest(raw), message.message_id(raw)
        self.crlf = raw.count(b"\r\n")
        self.crlf_octets = self.octets + raw.count(b"\n") - self.crlf


class Tree:
    """Reads everything below `root`; `mailboxes` is {directory: [File]}."""

    def __init__(self, root, findings):
        self.root, self.findings = root, findings
        self.mailboxes = {directory: [] for directory in maildirs(root)}
        self._owners, self._names = Counter(), defaultdict(list)
        on_the_way = {""}
        for directory in self.mailboxes:
            while directory:
                directory = os.path.dirname(directory)
                on_the_way.add(directory)
        for path, directories, files in os.walk(root):
            below = os.path.relpath(path, root)
            self._directory(path, "" if below == "." else below, directories, files, on_the_way)
        for unique, shown in self._names.items():
            if len(shown) > 1:
                findings.add("unique", f"{unique}: {', '.join(shown[:3])}")
        if len(self._owners) > 1:
            findings.add("owner", f"several owners: {dict(self._owners)}")

    def _directory(self, path, below, directories, files, on_the_way):
        mode = self._look(path)
        if stat.S_IMODE(mode) != 0o700:
            self.findings.add("modes", f"{below or '.'}: mode {stat.S_IMODE(mode):04o}")
        parent, leaf = os.path.split(below)
        if leaf in PARTS and parent in self.mailboxes and below not in self.mailboxes:
            for name in directories:
                self.findings.add("strays", f"a directory in {below}: {name}")
            directories.clear()
            for name in files:
                self._file(os.path.join(path, name), os.path.join(below, name), parent, leaf)
            return
        for name in directories:
            inner = os.path.join(below, name)
            is_part = name in PARTS and below in self.mailboxes
            if os.path.islink(os.path.join(path, name)) or not (is_part or inner in self.mailboxes or inner in on_the_way):
                self.findings.add("strays", f"the directory {inner}")
        for name in files:
            self.findings.add("strays", f"the file {os.path.join(below, name)}")
        for part in PARTS if below in self.mailboxes else ():
            if part not in directories:
                self.findings.add("structure", f"{below or '.'} lacks {part}")

    def _file(self, path, shown, directory, part):
        mode = self._look(path)
        if part == "tmp":
            self.findings.add("tmp", shown)
            return
        if not stat.S_ISREG(mode):
            self.findings.add("kind", f"{shown} is no regular file")
            return
        if stat.S_IMODE(mode) != 0o600:
            self.findings.add("modes", f"{shown}: mode {stat.S_IMODE(mode):04o}")
        if os.lstat(path).st_nlink != 1:
            self.findings.add("kind", f"{shown} has another link")
        file = File(path, shown, part)
        self.mailboxes[directory].append(file)
        self._names[file.name.unique].append(shown)
        self._name(file, os.path.basename(path))

    def _name(self, file, name):
        for says in file.name.faults(name):
            self.findings.add("names", f"{file.shown}: {says}")
        if (file.part == "cur") != (file.name.letters is not None):
            self.findings.add("place", f"{file.shown}: flags belong into cur, and only there")
        for field, octets in (("S", file.octets), ("W", file.crlf_octets)):
            if file.name.fields.get(field) != str(octets):
                self.findings.add("sizes", f"{file.shown}: {field} should be {octets}")

    def _look(self, path):
        status = os.lstat(path)
        self._owners[status.st_uid] += 1
        return status.st_mode
