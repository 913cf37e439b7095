"""Builds what is measured and what measures; installs what is missing."""
import json
import os
import shutil
import subprocess

HARNESS = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.dirname(HARNESS)
ROOT = os.path.dirname(os.path.dirname(BENCH))
SERVER = ["dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "openssl", "iproute2", "strace"]
NO_DISK = ("tmpfs", "ramfs", "overlay")


def run(words, **more):
    done = subprocess.run(words, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed with {done.returncode}")
    return done.stdout


def target():
    """Cargo's target directory, wherever it is set."""
    metadata = run(["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"], cwd=ROOT,
                   stdout=subprocess.PIPE)
    return json.loads(metadata)["target_directory"]


def privileges():
    if os.geteuid():
        raise SystemExit("tests/bench/run needs root: for network namespaces, and for a server and clients of different users")


def real_disk(path):
    kind = run(["findmnt", "--noheadings", "--first-only", "--output", "FSTYPE", "--target", path], stdout=subprocess.PIPE, text=True).strip()
    if kind in NO_DISK:
        raise SystemExit(f"{path} is a {kind}, where flushing is free: name a directory on a real disk with --disk")
    return kind


def packages(peers):
    run([os.path.join(BENCH, "install")] + sorted({p for peer in peers for p in peer.packages} | set(SERVER)))


def mbsync15(directory):
    directory = os.environ.get("BENCH_PEERS_DIR", directory)
    binary = os.path.join(directory, "bin", "mbsync15")
    if not os.path.exists(binary):
        run([os.path.join(BENCH, "get_mbsync15"), directory])
    return binary


def native(directory):
    """The helpers in C."""
    os.makedirs(directory, exist_ok=True)
    for name in ("measure", "delaytun", "slowdisk"):
        source, out = os.path.join(BENCH, "native", name + ".c"), os.path.join(directory, name)
        if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(source):
            run(["cc", "-O2", "-Wall", "-o", out, source])
    return directory


def postrider(directory, disk):
    """A release build, copied to where the clients' user may execute it."""
    run(["cargo", "build", "--release", "--locked", "--package", "postrider"], cwd=ROOT)
    out = os.path.join(disk, f"bench-postrider.{os.getpid()}")
    shutil.copyfile(os.path.join(directory, "release", "postrider"), out)
    os.chmod(out, 0o755)
    return out
