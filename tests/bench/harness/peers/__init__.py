"""The tools under test, one class each. To add one: write the class, put it into ALL."""
from .fetchmail import Fetchmail
from .floor import Floor
from .getmail import Getmail
from .interimap import Interimap
from .mbsync import Mbsync, Mbsync15, Mbsync15NoFsync, Mbsync15Plain
from .mpop import Mpop
from .offlineimap import OfflineImap
from .postrider import Postrider

ALL = [Floor(), Postrider(), Mbsync15(), Mbsync15Plain(), Mbsync15NoFsync(), Mbsync(), Interimap(), OfflineImap(), Getmail(),
       Fetchmail(), Mpop()]
USUAL = ["floor", "postrider", "mbsync15"]


def chosen(keys):
    known = {peer.key: peer for peer in ALL}
    if keys == ["all"]:
        return ALL
    for key in keys:
        if key not in known:
            raise SystemExit(f"no peer is called {key}; there are: all, {', '.join(known)}")
    return [known[key] for key in keys]
