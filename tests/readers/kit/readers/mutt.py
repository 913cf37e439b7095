"""mutt and neomutt in a terminal. They show D and P nowhere, and R only where a message is read: a pattern finds it."""
import os
import re
import unicodedata

from ..terminal import Terminal
from .base import Reader, Row

ROW = re.compile(r"^@ *(\d+)@([^@]*)@(...)@(<[^>]*>|[^@]*)@(.*)$")
# Shown of all, the limit, whether it waits for being written, where.
STATUS = re.compile(r"== \[(\d+)/(\d+)\] (.*?)\|(.)\|(.*) ==")
# Seconds after which what has not been seen is not seen by itself any more.
STUCK = 10
KEYS = {"read": "WN", "unread": "wN", "flag": "w!", "unflag": "W!", "delete": "d"}


class Mutt(Reader):
    """One session for all that is asked."""

    program = "mutt"
    shows = "FRST"
    raw_subjects = False
    unharmful = ("set delete=no",)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        editor, transport = self.editor()
        self.muttrc = self.write("muttrc", "\n".join([
            # No mailbox lies below the folder: paths are shown whole.
            f'set folder="{self.home}" mbox_type=Maildir status_format="== [%M/%m] %V|%r|%f =="',
            f'set postponed="{self.tree}/Drafts" record="{self.tree}/Sent" editor="{editor}" sendmail="{transport}"',
            'set index_format="@%4C@%[%Y-%m-%dT%H:%M:%S]@%Z@%i@%s" sort=mailbox-order',
            "set move=no confirmappend=no confirmcreate=no delete=yes sleep_time=0 help=no wait_key=no quit=yes",
            "set realname=Reader from=reader@example.org use_from=yes abort_unmodified=no abort_nosubject=no fast_reply=yes",
            "set include=no edit_headers=no postpone=yes recall=no copy=yes beep=no timeout=1 mail_check=1 charset=utf-8",
            # It would complete a path.
            "bind editor <space> noop", "set pager_stop=yes implicit_autoview=no", *self.settings, ""]))

    def _terminal(self, path, rows=60):
        return Terminal([self.program, "-n", "-F", self.muttrc, "-f", path], self.environment, 400, rows)

    def _arrive(self, terminal, path):
        """Waits until a mailbox is open and shown without a limit; how many messages it has."""
        def there(screen):
            shown, count, limit, _, where = _status(screen)
            # mutt cuts a path after 127 octets.
            here = where and (where == _plain(path) or len(where) > 100 and path.startswith(where))
            return here and not limit and shown == count and (int(count),)
        return terminal.wait(there, f"{path} in {self.program}")[0]

    def _change(self, terminal, path):
        terminal.type("c", "<C-u>", path, "<Enter>")
        return self._arrive(terminal, path)

    def _limit(self, terminal, pattern, count):
        """Shows those of `count` messages that match: their rows."""
        terminal.type("l", "<C-u>", pattern, "<Enter>")

        def limited(screen):
            # neomutt leaves all on the screen when nothing matches, and sometimes the old status line when some do.
            none, found = "No messages matched" in screen, _rows(screen)
            shown, _, limit, *_ = _status(screen)
            there = none or (limit and shown == str(len(found))) or (not limit and len(found) < count)
            return there and ([] if none else found,)
        terminal.wait(limited, f"the limit {pattern}")
        terminal.settle()
        return terminal.wait(limited, f"the limit {pattern}")[0]

    def _all(self, terminal, count):
        rows = terminal.wait(lambda screen: len(rows := _rows(screen)) == count and (rows,), f"{count} messages")[0]
        answered = {row[0] for row in self._limit(terminal, "~Q", count)}
        return [_row(row, row[0] in answered) for row in rows]

    def show(self, mailboxes):
        mailboxes = [mailbox for mailbox in mailboxes if mailbox.messages]
        tallest = max(len(mailbox.messages) for mailbox in mailboxes)
        with self._terminal(self.directory(mailboxes[0]), tallest + 20) as terminal:
            for mailbox in mailboxes:
                # The first one is open: leaving it would already take the T off what bears one.
                arrive = self._arrive if mailbox is mailboxes[0] else self._change
                yield mailbox, self._all(terminal, arrive(terminal, self.directory(mailbox)))
            terminal.type("x")
            terminal.wait_for_end(self.program)

    def stay(self, count, opened):
        with self._terminal(self.inbox(), count + 20) as terminal:
            self._arrive(terminal, self.inbox())
            opened()

            def come(screen):
                # neomutt does not always look by itself, but at every key: this one draws the screen anew.
                terminal.type("<C-l>")
                return len(_rows(screen)) == count
            try:
                terminal.wait(come, f"{count} messages", STUCK)
            except TimeoutError:
                # neomutt compares the times of directories by the second: what came within the second in which it
                # looked it sees only with what comes next.
                os.utime(os.path.join(self.inbox(), "new"))
                terminal.wait(come, f"{count} messages")
            rows = self._all(terminal, count)
            terminal.type("q")
            terminal.wait_for_end(self.program)
            return rows

    def do(self, deeds):
        with self._terminal(self.inbox()) as terminal:
            self._arrive(terminal, self.inbox())
            for deed in deeds:
                self._one(terminal, deed)
                deed.wait()
            terminal.type("q")
            terminal.wait_for_end(self.program)

    def _one(self, terminal, deed):
        if deed.name in ("draft", "send"):
            self._compose(terminal, deed)
            return
        if deed.name in ("redraft", "recall"):
            terminal.type("R")
            self._composed(terminal, "P" if deed.name == "redraft" else "y")
            return
        count = self._change(terminal, deed.path(deed.mailbox))
        self._limit(terminal, f"~i ^.{deed.message_id.strip('<>')}.$", count)
        if deed.name in KEYS:
            terminal.type(KEYS[deed.name])
        elif deed.name == "open":
            terminal.type("<Enter>")
            terminal.wait(lambda screen: "Message-ID" in screen or "Subject:" in screen, "the message")
            terminal.type("i")
        elif deed.name == "answer":
            terminal.type("r")
            self._composed(terminal, "y")
        else:
            terminal.type("s" if deed.name == "move" else "C")
            terminal.wait(lambda screen: "to mailbox" in screen, "the question where to")
            terminal.type("<C-u>", deed.path(deed.to), "<Enter>")
        if deed.name != "copy":
            terminal.wait(lambda screen: _status(screen)[3] == "*", "the change")
            terminal.type("$")

    def _compose(self, terminal, deed):
        terminal.type("m")
        terminal.wait(lambda screen: "\nTo:" in screen, "the question whom to")
        terminal.type("bob@example.org", "<Enter>")
        terminal.wait(lambda screen: "\nSubject:" in screen, "the question what about")
        terminal.type(f"{deed.name} by {self.program}", "<Enter>")
        self._composed(terminal, "P" if deed.name == "draft" else "y")

    def _composed(self, terminal, key):
        """Waits for the menu behind the editor, and leaves it. Where a second began meanwhile, mutt takes the text
        for one that was modified, and asks."""
        terminal.wait(lambda screen: "Compose" in screen, "the menu of the new message")
        terminal.type(key)
        asked = "Update encoding"
        left = lambda screen: STATUS.search(screen) or asked in screen
        if asked in terminal.wait(lambda screen: left(screen) and screen, "the index"):
            terminal.type("y")
            terminal.wait(lambda screen: STATUS.search(screen), "the index")


class NeoMutt(Mutt):
    """The same keys."""

    program = "neomutt"


def _plain(text):
    return unicodedata.normalize("NFC", text)


def _status(screen):
    found = STATUS.search(_plain(screen))
    return found.groups() if found else (None,) * 5


def _rows(screen):
    return [row.groups() for row in map(ROW.match, screen.split("\n")) if row]


def _row(row, is_answered):
    _, date, status, message_id, subject = row
    flags = ("" if status[0] in "NO" else "S") + "T" * (status[1] == "D") + "F" * (status[2] == "!") + "R" * is_answered
    return Row(message_id, subject, flags, date)
