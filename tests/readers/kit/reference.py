"""Writes the tree that a corpus should become: what the self-test breaks."""
import json
import os

from .filename import letters_of
from .layout import PARTS


def write(corpus, tree, layout):
    """Every message of the corpus in its mailbox; \\Deleted is shown, as T."""
    with open(os.path.join(corpus, "expected.json"), encoding="utf-8") as file:
        mailboxes = json.load(file)["mailboxes"]
    before = os.umask(0o077)
    os.makedirs(tree)
    taken = set()
    for mailbox in mailboxes:
        directory = layout.directory(mailbox["levels"])
        if directory.casefold() in taken:
            directory += "%~2"
        taken.add(directory.casefold())
        whole = os.path.join(tree, directory)
        for part in PARTS:
            os.makedirs(os.path.join(whole, part), exist_ok=True)
        for told in mailbox["messages"]:
            _message(os.path.join(corpus, told["file"]), whole, told)
    os.umask(before)


def _message(source, maildir, told):
    with open(source, "rb") as file:
        wire = file.read()
    octets = wire.replace(b"\r\n", b"\n")
    base = f"{told['internal_date']}.M1P2Q{told['file'][:-4]}R3.host,S={len(octets)},W={len(wire)}"
    letters = letters_of(told["flags"], deleted=True)
    path = os.path.join(maildir, "cur", f"{base}:2,{letters}") if letters else os.path.join(maildir, "new", base)
    with open(path, "wb") as file:
        file.write(octets)
    os.utime(path, (told["internal_date"],) * 2)
