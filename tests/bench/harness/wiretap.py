"""A line-aware TCP relay: counts what a client says to the server, in cleartext.

Round trips are the times the client spoke after the server had spoken, so that a flight of commands is one. A client that
asks for more while an answer is still arriving counts too, though it loses no time; `waits` are the turns of an IMAP
client before which nothing was on its way to it any more.
"""
import collections
import re
import select
import socket
import threading

LITERAL = re.compile(rb"\{(\d+)\+?\}$")
TAGGED = re.compile(rb"\n([A-Za-z0-9.]{1,20}) (?:OK|NO|BAD)")
TAIL = 40             # octets of an answer that are kept to find a tag cut in two


class Counts:
    """What all connections of a pass said together."""

    def __init__(self):
        self.verbs, self.lines = collections.Counter(), []
        self.connections = self.up = self.down = self.round_trips = self.waits = 0

    def report(self):
        return dict(connections=self.connections, commands=sum(self.verbs.values()), round_trips=self.round_trips,
                    waits=self.waits, octets_up=self.up, octets_down=self.down, verbs=dict(self.verbs.most_common()),
                    first_lines=self.lines[:60])


class Talk:
    """One connection."""

    def __init__(self, counts, protocol):
        self.counts, self.protocol = counts, protocol
        self.partial, self.literal, self.tail = b"", 0, b"\n"
        self.owed = set()             # tags the server has not answered
        self.server_spoke = True
        counts.connections += 1

    def server(self, data):
        self.counts.down += len(data)
        self.server_spoke = True
        if self.owed:
            text = self.tail + data
            self.owed.difference_update(TAGGED.findall(text))
            self.tail = text[-TAIL:]

    def client(self, data):
        self.counts.up += len(data)
        if self.server_spoke:
            self.counts.round_trips += 1
            self.counts.waits += not self.owed
            self.server_spoke = False
        rest = self.partial + data
        while rest:
            if self.literal:
                skip = min(self.literal, len(rest))
                rest, self.literal = rest[skip:], self.literal - skip
                continue
            line, newline, after = rest.partition(b"\n")
            if not newline:
                break
            rest = after
            self._line(line.rstrip(b"\r"))
        self.partial = rest

    def _line(self, line):
        words = line.split()
        if not words:
            return
        verb = words[0].decode("latin-1").upper()[:12]
        if self.protocol == "imap":
            literal = LITERAL.search(line)
            self.literal = int(literal[1]) if literal else 0
            if len(words) > 1:
                self.owed.add(words[0])
                verb = words[1].decode("latin-1").upper()
                if verb == "UID" and len(words) > 2:
                    verb += " " + words[2].decode("latin-1").upper()
            elif verb != "DONE":
                verb = "(continuation)"
        self.counts.verbs[verb] += 1
        if len(self.counts.lines) < 60:
            self.counts.lines.append(line[:160].decode("latin-1"))


class Wiretap:
    def __init__(self, port, target, protocol):
        self.target, self.protocol, self.lock = target, protocol, threading.Lock()
        self.stopping, self.counts = False, Counts()
        self.server = socket.create_server(("127.0.0.1", port), backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        with self.lock:
            self.counts = Counts()

    def report(self):
        with self.lock:
            return self.counts.report()

    def _accept(self):
        while not self.stopping:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        server = socket.create_connection(self.target)
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            talk = Talk(self.counts, self.protocol)
        try:
            while True:
                for s in select.select([client, server], [], [])[0]:
                    data = s.recv(1 << 16)
                    if not data:
                        return
                    if s is server:                  # a compressed session could not be counted
                        data = data.replace(b"COMPRESS=DEFLATE", b"XCOMPRES=DEFLATE")
                    (server if s is client else client).sendall(data)
                    with self.lock:
                        (talk.client if s is client else talk.server)(data)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def close(self):
        self.stopping = True
        self.server.shutdown(socket.SHUT_RDWR)       # wakes the accept, which would keep the port
        self.server.close()
