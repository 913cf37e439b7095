"""What a tree has to hold: the mailboxes and messages of an account, as its server has them."""
import json
import os
from collections import Counter

from . import layout as places
from .message import digest


class Message:
    """One message of the server. Dates are seconds since the epoch, None where nothing is to be compared."""

    def __init__(self, told):
        self.message_id, self.subject = told["message_id"], told["subject"]
        self.date, self.internal_date = told["date"], told["internal_date"]
        self.flags, self.octets, self.digest = told["flags"], told["octets"], told["digest"]

    def __str__(self):
        return f"{self.message_id} {self.subject!r}"


class Mailbox:
    """One mailbox: its levels, its messages, and where it lies in the tree."""

    def __init__(self, told):
        self.levels = told["levels"]
        self.messages = [Message(message) for message in told["messages"]]
        self.directory = None

    def __str__(self):
        return "/".join(self.levels)


def load(path, tree, layout):
    """The expected mailboxes, each with its directory in this tree."""
    with open(path, encoding="utf-8") as file:
        mailboxes = [Mailbox(told) for told in json.load(file)["mailboxes"]]
    keys = Counter()
    for mailbox in mailboxes:
        mailbox.directory = layout.directory(mailbox.levels)
        keys[places.twin_key(mailbox.directory)] += 1
    for mailbox in mailboxes:
        if keys[places.twin_key(mailbox.directory)] > 1 and not _holds(tree, mailbox):
            mailbox.directory = places.twin(mailbox.directory)
    return mailboxes


def _holds(tree, mailbox):
    """Whether its own directory holds one of its messages: of two twins it is not said which comes first."""
    wanted = {message.digest for message in mailbox.messages}
    for _, _, path in places.files(os.path.join(tree, mailbox.directory)):
        with open(path, "rb") as file:
            if digest(file.read()) in wanted:
                return True
    return False
