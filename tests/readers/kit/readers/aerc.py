"""aerc in a terminal. It shows D and P nowhere, and R only where a message is read."""
import re

from ..terminal import Terminal
from .base import Reader, Row

ROW = re.compile(r"@<?([^@>]*@?[^@>]*)>?@(\d{4}-[^@]*|\?+)@([^@]*)@(.*)@\.")
COMMANDS = {"open": "view", "read": "read", "unread": "unread", "flag": "flag", "unflag": "unflag", "delete": "delete"}
TIME = "2006-01-02T15:04:05"
# Seconds after which a list that has not come does not come any more.
STUCK = 10
# The screen's lines beside the list.
FRAME = 12


class Aerc(Reader):
    """One session for all that is asked."""

    shows = "FRST"
    answered_needs_seen = True
    raw_subjects = False
    # 0.14 takes the path for a glob where it does not guess a message's flags: it shows a few in `[Gmail]`, and not those
    # that are flagged and seen. Newer ones list the directory.
    blind = r".*[\\*?\[]"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        editor, transport = self.editor()
        scheme = "maildir" if self.layout.name == "fs" else "maildirpp"
        self.write(".config/aerc/accounts.conf", "\n".join([
            "[t]", f"source = {scheme}://{self.tree}", f"outgoing = {transport}", "from = Reader <reader@example.org>",
            "copy-to = Sent", "postpone = Drafts", "default = INBOX", "check-mail = 0", ""]))
        self.write(".config/aerc/aerc.conf", "\n".join([
            "[general]", f"log-file = {self.home}/aerc.log", "[ui]", 'index-format = "@%i@%D@%Z@%s@."',
            *(f"{kind} = {TIME}" for kind in ("timestamp-format", "this-day-time-format", "this-week-time-format", "this-year-time-format")),
            "sort = subject date", "sidebar-width = 30", "mouse-enabled = false", "next-message-on-delete = false", "dirlist-delay = 0ms",
            "auto-mark-read = true",
            "completion-popovers = false", "[compose]", f"editor = {editor}", "no-attachment-warning =", "address-book-cmd =",
            "[viewer]", "pager = cat", "[filters]", "text/plain = cat", *self.settings, ""]))
        self.write(".config/aerc/binds.conf", "[compose::review]\ny = :send<Enter>\np = :postpone<Enter>\n")

    def _terminal(self, rows):
        return Terminal(["aerc"], self.environment, 260, rows)

    def _arrive(self, terminal):
        terminal.wait(lambda screen: _rows(screen) or "(no messages)" in screen, "aerc's list")

    def _tell(self, terminal, command):
        terminal.type(":", command, "<Enter>")

    def _change(self, terminal, directory, count, before=None):
        """Opens a mailbox and answers its rows, once they are so many and not those that were there before."""
        def there(screen):
            rows = _rows(screen)
            return len(rows) == count and (_ids(rows) != before or before is None) and (rows,)

        what = f"{count} messages of {directory}"
        self._tell(terminal, "cf " + _quoted(self._name(directory)))
        try:
            return terminal.wait(there, what, STUCK)[0]
        except TimeoutError:
            # Asked for a mailbox that it is just opening, 0.14 may give up the first and forget the second.
            self._tell(terminal, "disconnect")
            self._tell(terminal, "connect")
            self._arrive(terminal)
            self._tell(terminal, "cf " + _quoted(self._name(directory)))
            return terminal.wait(there, what)[0]

    def _name(self, directory):
        if self.layout.name == "fs":
            return directory
        return directory.lstrip(".").replace(".", "/") or "INBOX"

    def show(self, mailboxes):
        mailboxes = [mailbox for mailbox in mailboxes if mailbox.messages]
        with self._terminal(max(len(mailbox.messages) for mailbox in mailboxes) + FRAME) as terminal:
            self._arrive(terminal)
            before = None
            for mailbox in mailboxes:
                rows = self._change(terminal, mailbox.directory, len(mailbox.messages), before)
                before = _ids(rows)
                yield mailbox, rows
            self._leave(terminal)

    def stay(self, count, opened):
        with self._terminal(count + FRAME) as terminal:
            self._arrive(terminal)
            opened()
            rows = terminal.wait(lambda screen: len(rows := _rows(screen)) == count and (rows,), f"{count} messages")[0]
            self._leave(terminal)
            return rows

    def _leave(self, terminal):
        self._tell(terminal, "quit -f")
        terminal.wait_for_end("aerc")

    def do(self, deeds):
        with self._terminal(100) as terminal:
            self._arrive(terminal)
            for deed in deeds:
                self._one(terminal, deed)
                deed.wait()
                self._arrive(terminal)
            self._leave(terminal)

    def _one(self, terminal, deed):
        if deed.name in ("draft", "send"):
            self._tell(terminal, f"compose -H 'To: bob@example.org' -H 'Subject: {deed.name} by aerc'")
            self._composed(terminal, "p" if deed.name == "draft" else "y")
            return
        if deed.name == "redraft":
            raise NotImplementedError("aerc keeps a draft that was recalled and postponed again")
        self._select(terminal, "Drafts" if deed.name == "recall" else deed.mailbox, deed.message_id)
        if deed.name == "recall":
            self._tell(terminal, "recall")
            self._composed(terminal, "y")
        elif deed.name == "answer":
            self._tell(terminal, "reply")
            self._composed(terminal, "y")
        elif deed.name in ("move", "copy"):
            self._tell(terminal, ("mv " if deed.name == "move" else "cp ") + _quoted(self._name(deed.to)))
        else:
            self._tell(terminal, COMMANDS[deed.name])
        if deed.name == "open":
            deed.wait()
            self._tell(terminal, "close")
        if deed.name in ("delete", "move"):
            # The places of the others change.
            terminal.wait(lambda screen: deed.message_id not in _ids(_rows(screen)), "the list without it")

    def _select(self, terminal, directory, message_id):
        """Puts the cursor on a message; without an id, on the only one."""
        self._tell(terminal, "cf " + _quoted(self._name(directory)))

        def place(screen):
            ids = _ids(_rows(screen))
            return message_id in ids and (ids.index(message_id),) if message_id else len(ids) == 1 and (0,)
        at, = terminal.wait(place, f"{message_id or 'the draft'} in {directory}")
        self._tell(terminal, f"select-message {at}")

    def _composed(self, terminal, key):
        """Waits for the question behind the editor, and answers it."""
        terminal.wait(lambda screen: re.search("Send this (email|message)", screen), "the question behind the editor")
        terminal.type(key)


def _rows(screen):
    rows = []
    for found in map(ROW.search, screen.split("\n")):
        if found:
            message_id, date, icons, subject = found.groups()
            flags = ("" if set("NO") & set(icons) else "S") + "R" * ("r" in icons) + "F" * ("!" in icons) + "T" * ("D" in icons)
            rows.append(Row(f"<{message_id}>", subject, flags, None if date.startswith("?") else date))
    return rows


def _ids(rows):
    return [row.message_id for row in rows]


def _quoted(text):
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
