"""mu by its command line and, for what changes, by the server that mu4e speaks to."""
import json
import os
import re
import time

from .base import Reader, Row

LETTERS = {"draft": "D", "flagged": "F", "passed": "P", "replied": "R", "seen": "S", "trashed": "T"}
FLAGS = {"read": "+S-u-N", "unread": "-S+u-N", "flag": "+F-N", "unflag": "-F", "answer": "+R-N", "delete": "+T-N-u"}


class Mu(Reader):
    """Writing is Emacs's part and not done here."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.run("mu", "init", "--maildir=" + self.tree, "--my-address=reader@example.org")
        self.run("mu", "index", "--nocolor")

    def show(self, mailboxes):
        rows = {}
        for message in self._find():
            directory = os.path.relpath(message[":path"], self.tree).rpartition("/")[0].rpartition("/")[0]
            rows.setdefault(directory, []).append(_row(message))
        for mailbox in mailboxes:
            yield mailbox, rows.get(mailbox.directory, [])

    def _find(self):
        told = self.run("mu", "find", "--format=json", "", may_fail=True).strip()
        # mu 1.8 leaves some backslashes of paths as they are, and control characters too.
        escaped = re.sub(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\', lambda m: m.group(0) if m.group(1) else "\\\\", told)
        return json.loads(escaped, strict=False) if told else []

    def do(self, deeds):
        for deed in deeds:
            self.run("mu", "index", "--nocolor")
            message_id = deed.message_id.strip("<>")
            if deed.name in FLAGS:
                self._tell(f'(move :msgid "{message_id}" :flags "{FLAGS[deed.name]}")')
            elif deed.name == "open":
                self._tell(f'(view :msgid "{message_id}" :mark-as-read t)')
            elif deed.name == "move":
                self._tell(f'(move :msgid "{message_id}" :maildir "/{deed.to}" :flags "-u-N")')
            else:
                raise NotImplementedError(f"mu has no {deed.name}")
            deed.wait()

    def _tell(self, command):
        told = self.run("mu", "server", given=(command + "\n(quit)\n").encode())
        if ":error" in told:
            raise RuntimeError(f"mu server: {command}: {told[-400:]}")


def _row(message):
    flags = [LETTERS[flag.strip(":")] for flag in message.get(":flags", []) if flag.strip(":") in LETTERS]
    date = message.get(":date")
    # Emacs's time: the upper and the lower 16 bits.
    seconds = date[0] * 65536 + date[1] if date else 0
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) if seconds else None
    return Row(f"<{message.get(':message-id')}>", message.get(":subject", ""), flags, shown)
