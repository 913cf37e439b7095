"""The floor of the disk: the same messages, already in memory, written durably into a Maildir, in several ways.

    disk_floor.py CONFIG.json      prints {way: seconds}

Batches of 256 are what a client may hold back: written to tmp, flushed, renamed, the directory flushed.
"""
import ctypes
import json
import os
import sys
import threading
import time

BATCH = 256
START_WRITING = 2         # SYNC_FILE_RANGE_WRITE
LIBC = ctypes.CDLL(None, use_errno=True)


def write(path, raw):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    os.write(fd, raw)
    return fd


def flush(path, call=os.fsync):
    fd = os.open(path, os.O_RDONLY)
    call(fd)
    os.close(fd)


class Target:
    """One mailbox after another is filled, as a client fetches them: a batch that touched all of them would flush as many
    directories."""

    def __init__(self, base, mailboxes, count):
        self.each = -(-count // mailboxes)
        self.mailboxes = [os.path.join(base, str(k)) for k in range(mailboxes)]
        for path in self.mailboxes:
            for sub in ("tmp", "new"):
                os.makedirs(os.path.join(path, sub))

    def path(self, i, sub):
        return os.path.join(self.mailboxes[i // self.each], sub, str(i))

    def deliver(self, numbers):
        for i in numbers:
            os.rename(self.path(i, "tmp"), self.path(i, "new"))
        for k in {i // self.each for i in numbers}:
            flush(os.path.join(self.mailboxes[k], "new"))


def batches(count):
    return (range(i, min(i + BATCH, count)) for i in range(0, count, BATCH))


def batch_syncfs(blobs, target):
    for batch in batches(len(blobs)):
        for i in batch:
            os.close(write(target.path(i, "tmp"), blobs[i]))
        flush(target.mailboxes[0], LIBC.syncfs)
        target.deliver(batch)


def batch_fsync(blobs, target):
    for batch in batches(len(blobs)):
        files = []
        for i in batch:
            files.append(write(target.path(i, "tmp"), blobs[i]))
            LIBC.sync_file_range(files[-1], ctypes.c_int64(0), ctypes.c_int64(0), START_WRITING)
        for fd in files:
            os.fsync(fd)
            os.close(fd)
        target.deliver(batch)


def batch_fsync_16_threads(blobs, target):
    def work(numbers):
        for i in numbers:
            fd = write(target.path(i, "tmp"), blobs[i])
            os.fsync(fd)
            os.close(fd)

    for batch in batches(len(blobs)):
        threads = [threading.Thread(target=work, args=(batch[k::16],)) for k in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        target.deliver(batch)


def fsync_each(blobs, target):
    for i, raw in enumerate(blobs):
        fd = write(target.path(i, "tmp"), raw)
        os.fsync(fd)
        os.close(fd)
        target.deliver([i])


def not_flushed(blobs, target):
    for i, raw in enumerate(blobs):
        os.close(write(target.path(i, "tmp"), raw))
        os.rename(target.path(i, "tmp"), target.path(i, "new"))


WAYS = {"batch-syncfs": batch_syncfs, "batch-fsync": batch_fsync, "batch-fsync-16-threads": batch_fsync_16_threads,
        "not-flushed": not_flushed, "fsync-each": fsync_each}


def main():
    with open(sys.argv[1]) as f:
        config = json.load(f)
    blobs = []
    for name in sorted(os.listdir(config["source"]))[:config["messages"]]:
        with open(os.path.join(config["source"], name), "rb") as f:
            blobs.append(f.read())
    seconds = {}
    for way in config["ways"]:
        target = Target(os.path.join(config["directory"], way), config["mailboxes"], len(blobs))
        os.sync()
        start = time.monotonic()
        WAYS[way](blobs, target)
        seconds[way] = round(time.monotonic() - start, 4)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
