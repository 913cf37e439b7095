"""A small pipelining IMAP client that warms the server and changes its mail."""
import socket

from .dovecot import PASSWORD

FLIGHT = 200      # commands sent before the answers are awaited
KEPT = 1 << 22    # octets of an answer that are kept when it is longer: its end


class ImapClient:
    def __init__(self, port, user):
        self.socket = socket.create_connection(("127.0.0.1", port), 600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.count = 0
        self.until(b"* OK")
        self.do(f"LOGIN {user} {PASSWORD}")

    def until(self, mark):
        """What arrives up to a line that begins with `mark`."""
        got, tail = bytearray(b""), b"\r\n"
        while b"\r\n" + mark not in tail or not tail.endswith(b"\r\n"):
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError(bytes(got[-300:]))
            got += data
            if len(got) > 2 * KEPT:
                del got[:-KEPT]
            tail = (tail + data)[-4000:]
        return bytes(got)

    def do(self, *commands):
        out = b""
        for i in range(0, len(commands), FLIGHT):
            flight = b""
            for command in commands[i:i + FLIGHT]:
                self.count += 1
                flight += b"t%d " % self.count + (command if isinstance(command, bytes) else command.encode()) + b"\r\n"
            self.socket.sendall(flight)
            out += self.until(b"t%d " % self.count)
        return out

    def append(self, mailbox, raw):
        return self.do(b"APPEND %s {%d+}\r\n%s" % (mailbox.encode(), len(raw), raw))

    def close(self):
        try:
            self.do("LOGOUT")
        except (EOFError, OSError):
            pass
        self.socket.close()
