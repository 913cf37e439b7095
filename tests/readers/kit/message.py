"""What is compared of a message: its octets with LF line ends, its Message-ID and its subject."""
import hashlib
import re
from email.header import decode_header, make_header


def digest(raw):
    """SHA-256 of the octets with LF line ends."""
    return hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()


def header(raw, name):
    """The first header field of that name, unfolded; None when there is none."""
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    found = re.search(rb"(?im)^" + name + rb"[ \t]*:[ \t]*(.*(?:\r?\n[ \t].*)*)", head)
    return _text(re.sub(rb"\r?\n", b"", found.group(1)).strip()) if found else None


def message_id(raw):
    """With its angle brackets; None when there is none."""
    return header(raw, b"Message-ID") or None


def subject(raw):
    """Decoded, white space squeezed; None when there is none."""
    text = header(raw, b"Subject")
    if text is not None and "=?" in text:
        text = str(make_header(decode_header(text)))
    return None if text is None else squeezed(text)


def squeezed(text):
    """A text with one space where readers show several, or none."""
    return re.sub(r"\s+", " ", text or "").strip()


def _text(octets):
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
