"""A disk whose flush takes as long as one wants: an ext4 with a journal in a file, below it native/slowdisk.c.

What an fsync costs differs by a factor of a hundred from one drive to the next, and every figure of a peer that makes one for
each message with it. Everything else is as fast as the disk that the file lies on.
"""
import os
import shutil
import subprocess
import tempfile
import time

from .prepare import run

GIGABYTES = 18
CHUNK = bytes(1 << 22)


class SlowDisk:
    def __init__(self, native, directory, flush_ms):
        self.root = tempfile.mkdtemp(prefix="bench-disk.", dir=directory)
        self.loop = self.fuse = None
        self.drive, self.path = os.path.join(self.root, "drive"), os.path.join(self.root, "mail")
        try:
            self._make(os.path.join(native, "slowdisk"), flush_ms)
        except BaseException:
            self.close()
            raise

    def _make(self, slowdisk, flush_ms):
        image = os.path.join(self.root, "image")
        with open(image, "wb") as f:          # written, not reserved: the file system below has nothing left to note
            for _ in range(GIGABYTES * 1024 // (len(CHUNK) >> 20)):
                f.write(CHUNK)
            os.fsync(f.fileno())
        for directory in (self.drive, self.path):
            os.makedirs(directory)
        self.fuse = subprocess.Popen([slowdisk, image, self.drive, str(round(flush_ms * 1000))])
        disk = os.path.join(self.drive, "disk")
        for _ in range(100):
            if os.path.exists(disk):
                break
            if self.fuse.poll() is not None:
                raise SystemExit("no disk with a slow flush: see what slowdisk said above")
            time.sleep(.05)
        self.loop = run(["losetup", "--find", "--show", "--direct-io=on", disk], stdout=subprocess.PIPE, text=True).strip()
        run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self.loop])
        run(["mount", "-o", "relatime,nodiscard", self.loop, self.path])
        os.chmod(self.root, 0o755)            # the clients' user must come through

    def close(self):
        undo = [["umount", self.path], ["losetup", "--detach", self.loop]] if self.loop else []
        for words in undo + [["umount", self.drive]]:
            subprocess.run(words, stderr=subprocess.DEVNULL)
        if self.fuse:
            self.fuse.wait(60)
        shutil.rmtree(self.root, ignore_errors=True)
