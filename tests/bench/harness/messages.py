"""Deterministic synthetic messages: same seed, same octets.

Sizes are log-normal (median 8 KB, sigma 1.2, capped at 4 MB). The texts hold what trips mail programs: leading dots,
"From " lines, 8-bit headers, lines far over 998 octets.
"""
import base64
import hashlib
import math
import random
import time

CAP = 4 << 20
WORDS = ("the of and to in is you that it he was for on are as with his they at be this have from or "
         "one had by word but not what all were we when your can said there use an each which she do how "
         "their if will up other about out many then them these so some her would make like him into time "
         "has look two more write go see number no way could people my than first water been call who oil "
         "invoice meeting schedule attached regards forward release kernel patch archive thread").split()


class Messages:
    """Message i of a seed is the same whatever N and F are."""

    def __init__(self, seed=1):
        self.seed = seed
        r = random.Random(seed)
        self.text = self._lines(r, 30000, lambda: " ".join(r.choice(WORDS) for _ in range(r.randint(3, 13))).encode())
        eight = [w.encode("latin-1") for w in ("caf\xe9", "na\xefve", "gr\xfc\xdfe", "\xe5ngstr\xf6m", "se\xf1or")]
        self.latin = self._lines(r, 8000, lambda: b" ".join(
            r.choice(eight) if r.random() < .2 else r.choice(WORDS).encode() for _ in range(r.randint(3, 12))))
        uni = [w.encode() for w in ("caf\u00e9", "\u65e5\u672c\u8a9e", "\u041f\u0440\u0438\u0432\u0435\u0442", "\u20ac20", "\U0001f4e7")]
        self.utf8 = self._lines(r, 8000, lambda: b" ".join(
            r.choice(uni) if r.random() < .2 else r.choice(WORDS).encode() for _ in range(r.randint(3, 12))))
        raw = r.randbytes(3 * (1 << 20))
        self.b64 = base64.encodebytes(raw).replace(b"\n", b"\r\n")

    @staticmethod
    def _lines(r, n, make):
        odd = [b".", b"..", b".leading dot", b"From the top of the page", b"", b"", b"> quoted", b"-- "]
        return [r.choice(odd) if r.random() < .08 else make() for _ in range(n)]

    def _body(self, r, pool, size):
        out, have, i = [], 0, r.randrange(len(pool))
        while have < size:
            line = pool[i % len(pool)]
            out.append(line)
            have += len(line) + 2
            i += 1
        return b"\r\n".join(out) + b"\r\n"

    def _b64(self, r, size):
        start = r.randrange(0, len(self.b64) // 78 // 4) * 78
        lines = max(1, size // 78)
        blob = self.b64[start:start + lines * 78]
        while len(blob) < lines * 78:
            blob += self.b64[:lines * 78 - len(blob)]
        return blob

    def message(self, i):
        r = random.Random((self.seed << 32) ^ (i * 2654435761 % (1 << 32)))
        size = int(min(CAP, max(600, math.exp(math.log(8192) + 1.2 * r.gauss(0, 1)))))
        date = 1600000000 + i * 977
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(date)).encode()
        head = [b"Return-Path: <sender%d@example.org>" % (i % 997),
                b"Received: from mx%d.example.org (mx%d.example.org [192.0.2.%d])\r\n\tby mail.example.net with ESMTPS id %08x%08x\r\n\tfor <user@example.net>; %s"
                % (i % 7, i % 7, i % 250 + 1, r.getrandbits(32), i, stamp),
                b"Date: " + stamp,
                b"From: Sender %d <sender%d@example.org>" % (i % 997, i % 997),
                b"To: user@example.net",
                b"Message-ID: <%d.%08x@bench.example.org>" % (i, r.getrandbits(32)),
                b"Subject: " + b" ".join(r.choice(WORDS).encode() for _ in range(r.randint(2, 8))) + b" %d" % i]
        if r.random() < .005:
            head.append(b"X-Raw-8bit: caf\xe9 na\xefve")
        if r.random() < .3:
            head.append(b"References: " + b"\r\n ".join(b"<%d.%08x@list.example.org>" % (i - k, r.getrandbits(32)) for k in range(1, r.randint(2, 9))))
        if r.random() < .5:
            head.append(b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel;\r\n\tb=" + b"\r\n\t ".join(
                base64.b64encode(r.randbytes(48)) for _ in range(4)))
        head.append(b"MIME-Version: 1.0")
        left = max(80, size - sum(len(h) + 2 for h in head) - 200)
        kind = r.random()
        if size < 3000 or kind < .4:
            c = r.random()
            if c < .5:
                head += [b"Content-Type: text/plain; charset=us-ascii", b"Content-Transfer-Encoding: 7bit"]
                body = self._body(r, self.text, left)
            elif c < .75:
                head += [b"Content-Type: text/plain; charset=iso-8859-1", b"Content-Transfer-Encoding: 8bit"]
                body = self._body(r, self.latin, left)
            else:
                head += [b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit"]
                body = self._body(r, self.utf8, left)
            if r.random() < .02:                       # a line far over 998 octets
                body += b"x" * r.randint(1200, 6000) + b"\r\n"
        elif kind < .75:
            bnd = b"alt_%d_%08x" % (i, r.getrandbits(32))
            head += [b'Content-Type: multipart/alternative; boundary="' + bnd + b'"']
            html = self._body(r, self.utf8, left // 2).replace(b"\r\n", b"<br>\r\n")
            body = (b"--" + bnd + b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                    + self._body(r, self.utf8, left // 3) + b"--" + bnd
                    + b"\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<html><body>\r\n"
                    + html + b"</body></html>\r\n--" + bnd + b"--\r\n")
        else:
            bnd = b"mix_%d_%08x" % (i, r.getrandbits(32))
            head += [b'Content-Type: multipart/mixed; boundary="' + bnd + b'"']
            body = (b"--" + bnd + b"\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" + self._body(r, self.text, min(1500, left // 3))
                    + b"--" + bnd + b'\r\nContent-Type: application/pdf; name="doc%d.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
                    b'Content-Disposition: attachment; filename="doc%d.pdf"\r\n\r\n' % (i, i)
                    + self._b64(r, max(200, left - 1800)) + b"--" + bnd + b"--\r\n")
        flags = "".join(sorted(f for f, p in (("S", .7), ("F", .02), ("R", .1)) if r.random() < p))
        return b"\r\n".join(head) + b"\r\n\r\n" + body, flags, date

    def large(self, octets):
        """A message with one attachment that makes it about so large."""
        head = (b"From: sender@example.org\r\nTo: user@example.net\r\nSubject: Large\r\nMIME-Version: 1.0\r\n"
                b"Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nMessage-ID: <large@bench.example.org>\r\n"
                b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        return head + self._b64(random.Random(self.seed), octets)


def digest(raw):
    """What identifies a message wherever it is stored: the Maildir's line ends are not the server's."""
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()
