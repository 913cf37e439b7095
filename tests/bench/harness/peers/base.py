"""What a tool under test is to the harness."""
import os
import shutil
from dataclasses import dataclass, field


@dataclass
class Account:
    protocol: str
    host: str
    port: int
    tls: bool
    ca: str
    user: str
    password: str
    maildir: str                 # exists only if the peer's setup makes it
    dir: str                     # private directory, also $HOME of the peer
    mailboxes: list = field(default_factory=lambda: ["INBOX"])
    delete: bool = False         # POP3: delete after download
    push: bool = False           # configure for daemon()


def write(path, text, mode=0o600):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)


def maildir(path):
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, sub), exist_ok=True)


class Peer:
    key, name = "?", "?"         # for --peers and the results; for people
    protocols = {"imap"}
    packages = ()                # Debian's, that it comes from
    binary = None
    mirror = False               # one directory per mailbox, and flags; both are checked
    slow = False                 # gets fewer messages
    quadratic = False            # in the messages of a mailbox: gets all of them only with --full
    stores_nothing = False
    logs_the_wire = False        # whether its daemon's log tells what the server says, and when
    fsync = "?"                  # what it promises about durability
    adds = ()                    # header fields it adds; left out only in the second look

    def available(self):
        return bool(self.binary and shutil.which(self.binary))

    def setup(self, account):
        """Writes its configuration into the account's directory."""

    def command(self, account):
        """The words of one pass that ends."""
        raise NotImplementedError

    def daemon(self, account):
        """The words of its push mode, or None."""
        return None

    own_clock = None             # a function that gives what it measured itself
