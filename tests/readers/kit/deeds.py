"""What a user does to a message, and how it is seen on disk that it was done, whichever reader did it."""
import os
import time

from .filename import FileName
from .layout import files
from .message import message_id

NAMES = ("open", "read", "unread", "flag", "unflag", "answer", "delete", "move", "copy", "draft", "send", "redraft", "recall")
PATIENCE = 15     # seconds
LETTER = {"open": "S", "read": "S", "unread": "S", "flag": "F", "unflag": "F", "answer": "R"}


class Deed:
    """`name` is one of NAMES; mailboxes are directories below the tree. `draft` and `redraft` end in the mailbox Drafts,
    `send` in Sent; `redraft` and `recall` take the only draft there is, change it, and put it back or send it."""

    def __init__(self, tree, name, mailbox="", message_id="", to=""):
        self.tree, self.name, self.mailbox, self.message_id, self.to = tree, name, mailbox, message_id, to
        self.drafts, self.sent = self._names("Drafts"), self._names("Sent")

    def path(self, mailbox):
        """The whole path of a mailbox."""
        return os.path.join(self.tree, mailbox) if mailbox else self.tree

    def wait(self):
        """Waits until it is seen done."""
        end = time.monotonic() + PATIENCE
        while not self.is_done():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} of {self.message_id} is not seen on disk")
            time.sleep(0.02)

    def is_done(self):
        """Whether the tree looks as it does afterwards."""
        drafts, sent = self._names("Drafts"), self._names("Sent")
        if self.name == "draft":
            return len(drafts) == len(self.drafts) + 1
        if self.name == "send":
            return len(sent) == len(self.sent) + 1
        if self.name == "redraft":
            return drafts and not drafts & self.drafts
        if self.name == "recall":
            return len(sent) == len(self.sent) + 1 and not drafts
        here = self._letters(self.mailbox)
        if self.name == "delete":
            return all("T" in letters for letters in here)
        if self.name == "copy":
            return here and self._letters(self.to)
        if self.name == "move":
            return not here and self._letters(self.to)
        has = [LETTER[self.name] in letters for letters in here]
        return has and all(has) != self.name.startswith("un")

    def _letters(self, mailbox):
        """The flags of each file with the message's id."""
        found = []
        for _, name, path in files(self.path(mailbox)):
            try:
                with open(path, "rb") as file:
                    mine = message_id(file.read()) == self.message_id
            except FileNotFoundError:
                continue
            if mine:
                found.append(FileName(name).flags)
        return found

    def _names(self, mailbox):
        """What is in a mailbox, by base name."""
        return {FileName(name).base for _, name, _ in files(self.path(mailbox))}
