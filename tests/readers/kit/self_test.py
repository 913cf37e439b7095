"""The checks checked: a good tree passes, and every fault put into it is found under its own name."""
import os
import shutil
import tempfile
import unittest

from . import corpus, expected, reference
from .check import check
from .filename import FileName
from .layout import LAYOUTS, PARTS, Layout
from .readers import READERS
from .show import show

# Few and quick to copy.
MAILBOXES = (["INBOX"], ["Archive"], ["Work", "Projects"], ["Entwürfe"], ["v1.2 notes"], [".hidden"], ["work"], ["Work"])


class SelfTest(unittest.TestCase):
    """Every test has a tree of its own."""

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="postrider-readers-")
        self.addCleanup(shutil.rmtree, self.work)
        corpus.write(self.work + "/corpus", MAILBOXES, times=1)
        self.tree, self.layout = self.work + "/Mail", Layout("fs")
        reference.write(self.work + "/corpus", self.tree, self.layout)

    def said(self):
        mailboxes = expected.load(self.work + "/corpus/expected.json", self.tree, self.layout)
        return check(self.tree, mailboxes, deleted=True)

    def of(self, letters="S", without="T", directory="INBOX/cur"):
        """The first message with these flags and without those."""
        whole = os.path.join(self.tree, directory)
        for name in sorted(os.listdir(whole)):
            flags = FileName(name).flags
            if set(letters) <= set(flags) and not set(without) & set(flags):
                return os.path.join(whole, name)
        raise AssertionError(f"no message with {letters!r}")

    def found(self, check_name, fault):
        """Asserts that a fault is found, and puts the tree right again."""
        shutil.copytree(self.tree, self.work + "/good", symlinks=True)
        fault()
        checks = {finding["check"] for finding in self.said()}
        self.assertIn(check_name, checks)
        shutil.rmtree(self.tree)
        os.rename(self.work + "/good", self.tree)

    def renamed(self, check_name, path, change):
        """Asserts that a changed file name is found."""
        self.found(check_name, lambda: os.rename(path, os.path.join(os.path.dirname(path), change(os.path.basename(path)))))

    def rewritten(self, check_name, change):
        """Asserts that changed octets are found."""
        path = self.of()

        def rewrite():
            status = os.stat(path)
            with open(path, "rb") as file:
                octets = file.read()
            with open(path, "wb") as file:
                file.write(change(octets))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.found(check_name, rewrite)

    def test_good_trees_of_every_layout_pass(self):
        for name in LAYOUTS[:2]:
            self.tree, self.layout = f"{self.work}/{name}", Layout(name)
            reference.write(self.work + "/corpus", self.tree, self.layout)
            self.assertEqual(self.said(), [])

    def test_faults_of_names(self):
        cur = self.of()
        self.renamed("flags", cur, lambda name: name.replace("S", "", 2)[:-1] if name.endswith("S") else name.replace(":2,", ":2,F"))
        self.renamed("flags", self.of(without="FT"), lambda name: name.replace(":2,", ":2,F"))
        self.renamed("names", self.of("FS"), lambda name: name.replace("FS", "SF"))
        self.renamed("names", cur, lambda name: name + "S")
        self.renamed("names", cur, lambda name: name + "a")
        self.renamed("names", cur, lambda name: name.replace(".", " ", 1))
        self.renamed("names", cur, lambda name: "9" * 190 + name)
        self.renamed("names", cur, lambda name: ":" + name.split(":", 1)[1])
        self.renamed("names", cur, lambda name: "." + name)
        self.renamed("place", cur, lambda name: name.split(":")[0])
        self.renamed("place", cur, lambda name: "../new/" + name)
        self.renamed("place", cur, lambda name: "../new/" + name.split(":")[0])
        self.renamed("sizes", cur, lambda name: name.replace(",S=", ",S=1"))
        self.renamed("sizes", cur, lambda name: name.split(",S=")[0] + ":2,S")

    def test_faults_of_messages(self):
        cur = self.of()
        self.found("unique", lambda: shutil.copy2(cur, self.tree + "/Archive/cur/" + os.path.basename(cur)))
        self.found("extra", lambda: shutil.copy2(cur, self.tree + "/INBOX/cur/1.x.h:2,S"))
        self.renamed("missing", cur, lambda name: "../../Archive/cur/" + name)
        self.found("missing", lambda: os.unlink(cur))
        self.rewritten("octets", lambda octets: b"X-TUID: 0123456789ab\n" + octets)
        self.rewritten("octets", lambda octets: octets.replace(b"\n", b"\r\n"))
        self.rewritten("octets", lambda octets: octets.replace(b"\n", b"\r\n", 1))
        self.rewritten("octets", lambda octets: octets[:-3])
        self.rewritten("missing", lambda octets: b"")
        self.found("times", lambda: os.utime(cur))
        self.found("modes", lambda: os.chmod(cur, 0o644))
        self.found("kind", lambda: os.link(cur, self.work + "/link"))

        def linked():
            os.rename(cur, self.work + "/moved")
            os.symlink(self.work + "/moved", cur)
        self.found("kind", linked)

    def test_faults_of_directories(self):
        self.found("modes", lambda: os.chmod(self.tree + "/Work", 0o755))
        self.found("tmp", lambda: open(self.tree + "/INBOX/tmp/1.x.h", "wb").close())
        self.found("strays", lambda: open(self.tree + "/INBOX/.state", "wb").close())
        self.found("strays", lambda: os.mkdir(self.tree + "/junk"))
        self.found("strays", lambda: os.mkdir(self.tree + "/INBOX/cur/x"))
        self.found("structure", lambda: os.rmdir(self.tree + "/INBOX/tmp"))
        self.found("mailboxes", lambda: shutil.rmtree(self.tree + "/Archive"))
        self.found("mailboxes", lambda: [os.makedirs(f"{self.tree}/More/{part}", mode=0o700) for part in PARTS])
        self.found("mailboxes", lambda: os.rename(self.tree + "/Entwürfe", self.tree + "/Entw&APw-rfe"))

    def test_readers_tell_of_faults(self):
        mailboxes = expected.load(self.work + "/corpus/expected.json", self.tree, self.layout)
        path = self.of(without="FT")
        os.rename(path, path.replace(":2,", ":2,F"))
        for reader in READERS:
            checks = {finding["check"] for finding in show(self.tree, self.layout, mailboxes, reader, deleted=True)}
            self.assertEqual(checks, {"flags"}, reader)
        # Those in a terminal are waited for until they show all.
        os.unlink(self.of("R", "FT"))
        for reader in ("python", "notmuch", "mu", "dovecot"):
            checks = {finding["check"] for finding in show(self.tree, self.layout, mailboxes, reader, deleted=True)}
            self.assertEqual(checks, {"flags", "count", "missing"}, reader)


def passes():
    """Runs everything; whether all is well."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(SelfTest)
    return unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful()
