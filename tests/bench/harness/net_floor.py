"""The floor of the network: what the same server hands over to a client that does nothing with it.

    net_floor.py imap|pop3 CONFIG.json

IMAP: LOGIN, ENABLE QRESYNC and LIST RETURN (STATUS ...) in the first flight, then EXAMINE and UID FETCH for exactly the
mailboxes whose UIDNEXT or HIGHESTMODSEQ moved, all in one flight. POP3: LOGIN, UIDL, then all RETR (and DELE) in one
flight. The octets are discarded. The state is kept in the file that "state" names; how long it took, without the
interpreter's start, in the one that "clock" names.
"""
import json
import re
import socket
import ssl
import sys
import threading
import time


def connect(c):
    s = socket.create_connection((c["host"], c["port"]), 60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if c["tls"]:
        s = ssl.create_default_context(cafile=c["ca"]).wrap_socket(s, server_hostname=c["host"])
    return s


got = 0               # octets received in all


def until(s, mark, keep=False):
    """Read until `mark` (a tagged status at a line start) has arrived; return the bytes only if asked."""
    view, tail, out = memoryview(bytearray(1 << 20)), b"\r\n", []
    while True:
        n = s.recv_into(view)
        if n == 0:
            raise EOFError(bytes(tail[-200:]))
        global got
        got += n
        if keep:
            out.append(bytes(view[:n]))
        tail = (tail + bytes(view[max(0, n - 400):n]))[-400:]
        if b"\r\n" + mark in tail:
            return b"".join(out)


def imap(c):
    try:
        old = json.load(open(c["state"]))
    except OSError:
        old = {}
    s = connect(c)
    s.sendall(f"1 LOGIN {c['user']} {c['password']}\r\n2 ENABLE QRESYNC\r\n"
              "3 LIST \"\" * RETURN (STATUS (UIDVALIDITY UIDNEXT HIGHESTMODSEQ))\r\n".encode())
    text = until(s, b"3 OK", keep=True).decode()
    new = {}
    for name, items in re.findall(r'\* STATUS "?([^" ]+)"? \(([^)]*)\)', text):
        w = items.split()
        v = dict(zip(w[::2], map(int, w[1::2])))
        new[name] = [v["UIDVALIDITY"], v["UIDNEXT"], v["HIGHESTMODSEQ"]]
    flight, n = [], 3
    for name, (val, nxt, mod) in new.items():
        o = old.get(name)
        if o == [val, nxt, mod]:
            continue
        if o:
            flight.append(f"EXAMINE {name} (QRESYNC ({o[0]} {o[2]}))")
            if nxt > o[1]:
                flight.append(f"UID FETCH {o[1]}:* (UID FLAGS INTERNALDATE BODY.PEEK[])")
        elif nxt > 1:
            flight += [f"EXAMINE {name}", "UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"]
    if flight:
        n += len(flight)
        s.sendall("".join(f"{4 + i} {f}\r\n" for i, f in enumerate(flight)).encode())
        until(s, b"%d OK" % n)
    s.sendall(b"z LOGOUT\r\n")
    s.close()
    json.dump(new, open(c["state"], "w"))


def pop3(c):
    try:
        seen = set(json.load(open(c["state"])))
    except OSError:
        seen = set()
    s = connect(c)
    s.recv(4096)
    s.sendall(f"USER {c['user']}\r\nPASS {c['password']}\r\nUIDL\r\n".encode())
    buf = b""
    while not buf.endswith(b"\r\n.\r\n") or b"messages" not in buf:
        buf += s.recv(1 << 20)
        if buf.count(b"+OK") >= 3 and buf.endswith(b"\r\n.\r\n"):
            break
    ids = re.findall(rb"^(\d+) (\S+)\r$", buf, re.M)
    want = [i for i, u in ids if u.decode() not in seen]
    flight = b"".join(b"RETR %s\r\n" % i + (b"DELE %s\r\n" % i if c["delete"] else b"") for i in want) + b"QUIT\r\n"
    threading.Thread(target=s.sendall, args=(flight,), daemon=True).start()
    view = memoryview(bytearray(1 << 20))
    global got
    while n := s.recv_into(view):
        got += n
    json.dump([] if c["delete"] else [u.decode() for _, u in ids], open(c["state"], "w"))


if __name__ == "__main__":
    with open(sys.argv[2]) as config:
        settings = json.load(config)
    start = time.monotonic()
    {"imap": imap, "pop3": pop3}[sys.argv[1]](settings)
    with open(settings["clock"], "w") as clock:
        json.dump({"wall": round(time.monotonic() - start, 5), "octets": got}, clock)
