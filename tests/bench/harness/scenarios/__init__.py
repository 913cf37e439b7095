"""What is measured, by name."""
from . import idle, many_mailboxes, noticed, pop3, said
from .accounts import accounts
from .first_sync import disk, first_sync


def initial(mailboxes, tls):
    name = f"initial-{mailboxes}f" + ("-tls" if tls else "")
    return lambda b: first_sync(b, name, mailboxes, b.size["big"], b.size["slow"], tls=tls)


def initial_rtt(b):
    first_sync(b, "initial" + b.rtt, 1, b.size["rtt"], b.size["rtt_slow"], far=True)


def pop3_initial(tls):
    name = "pop3-initial" + ("-tls" if tls else "")
    return lambda b: first_sync(b, name, 1, b.size["pop3"], b.size["pop3_slow"], protocol="pop3", tls=tls, delete=True)


def pop3_initial_rtt(b):
    first_sync(b, "pop3-initial" + b.rtt, 1, b.size["pop3_rtt"], b.size["pop3_rtt_slow"], protocol="pop3", far=True, delete=True)


# In this order. Those that delete nothing and are short come first.
SCENARIOS = {
    "wire": said.wire,
    "pop3-trips": pop3.pop3_trips,
    "f200": many_mailboxes.f200,
    "idle-cpu": idle.idle_cpu,
    "initial-1f": initial(1, False),
    "initial-1f-tls": initial(1, True),
    "initial-50f": initial(50, False),
    "initial-50f-tls": initial(50, True),
    "initial-rtt": initial_rtt,
    "big-message": idle.big_message,
    "pop3-initial": pop3_initial(False),
    "pop3-initial-tls": pop3_initial(True),
    "pop3-initial-rtt": pop3_initial_rtt,
    "pop3-idle": pop3.pop3_idle,
    "disk": disk,
    "flushes": said.flushes,
    "push": noticed.push,
    "latency": noticed.latency,
    "arrival": noticed.arrival,
    "accounts": accounts,
    "million": idle.million,
}
