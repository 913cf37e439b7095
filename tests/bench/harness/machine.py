"""What the figures hold for, in one line."""
import os
import platform
import re
import subprocess


def first_match(path, pattern):
    try:
        with open(path) as f:
            found = re.search(pattern, f.read(), re.M)
    except OSError:
        return "?"
    return found[1].strip() if found else "?"


def output(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return (done.stdout.splitlines() or ["?"])[0]


def describe(disk_kind, wire_kind, root):
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)")) // 1024 // 1024
    commit = output("git", "-C", root, "rev-parse", "--short", "HEAD")
    processor = first_match("/proc/cpuinfo", "^model name.*: (.*)")
    system = first_match("/etc/os-release", '^PRETTY_NAME="?([^"\n]*)')
    return (f"{os.cpu_count()} cores ({processor}), {memory} GiB, {system}, Linux {platform.release()}, {disk_kind}, "
            f"Dovecot {output('dovecot', '--version').split()[0]}, the wire {wire_kind or 'not used'}, "
            f"postrider at {commit}, load {os.getloadavg()[0]:.1f} at the start")
