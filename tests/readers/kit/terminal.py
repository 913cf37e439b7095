"""A terminal that nobody sees: a tmux server of its own with one program; keys go in, the screen comes out."""
import os
import subprocess
import time
import uuid

PATIENCE = 30     # seconds; what is waited for takes a fraction of one
LOOK = 0.03       # seconds between two looks at the screen


class Terminal:
    """Runs one full-screen program; `with` ends it."""

    def __init__(self, argv, environment, columns=250, rows=60):
        self.socket = "readers-" + uuid.uuid4().hex[:12]
        self.environment = dict(environment, TERM="screen-256color", TMUX_TMPDIR=environment["HOME"])
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "m", "-x", str(columns), "-y", str(rows),
                   "env", *(f"{name}={value}" for name, value in self.environment.items()), *argv)
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], env=self.environment, capture_output=True, check=False)

    def _tmux(self, *arguments):
        done = subprocess.run(["tmux", "-L", self.socket, *arguments], env=self.environment, capture_output=True,
                              text=True, errors="replace")
        if done.returncode:
            raise RuntimeError(f"tmux {arguments[0]}: {done.stderr}")
        return done.stdout

    def type(self, *keys):
        """Every key is a name of tmux's in angle brackets, or text that is typed as it is."""
        for key in keys:
            if key.startswith("<") and key.endswith(">") and len(key) > 2:
                self._tmux("send-keys", "-t", "m", key[1:-1])
            else:
                self._tmux("send-keys", "-t", "m", "-l", "--", key)

    def screen(self):
        """The text on the screen."""
        return self._tmux("capture-pane", "-p", "-t", "m")

    def wait(self, wanted, what, patience=PATIENCE):
        """Looks until `wanted(screen)` is true, and answers what it gave."""
        end = time.monotonic() + patience
        while True:
            screen = self.screen()
            answer = wanted(screen)
            if answer:
                return answer
            if time.monotonic() > end:
                lines = [line for line in screen.split("\n") if line.strip()]
                raise TimeoutError(f"{what} is not seen on\n" + "\n".join(lines[:12] + ["..."] + lines[-6:]))
            time.sleep(LOOK)

    def settle(self):
        """Looks until nothing changes between two looks."""
        before = None
        while before != (before := self.screen()):
            time.sleep(LOOK)

    def is_over(self):
        """Whether the program has ended."""
        return self._tmux("display-message", "-p", "-t", "m", "#{pane_dead}").strip() == "1"

    def wait_for_end(self, what):
        """Waits until the program has ended."""
        self.wait(lambda _: self.is_over(), what + "'s end")
