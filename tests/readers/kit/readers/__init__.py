"""The readers by name."""
from .aerc import Aerc
from .dovecot import Dovecot
from .mu import Mu
from .mutt import Mutt, NeoMutt
from .notmuch import Notmuch
from .python import PythonMailbox

READERS = {"mutt": Mutt, "neomutt": NeoMutt, "aerc": Aerc, "notmuch": Notmuch, "mu": Mu, "dovecot": Dovecot, "python": PythonMailbox}
