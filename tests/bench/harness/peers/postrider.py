"""postrider as it comes: its defaults, durability included."""
import json
import os

from .base import Peer, write


class Postrider(Peer):
    key, name, protocols, mirror = "postrider", "postrider", {"imap", "pop3"}, True
    fsync = "file, directory and index of every message, in batches, before it is recorded"
    logs_the_wire = True
    path = None                  # set once the binary is built

    def available(self):
        return self.path is not None

    def setup(self, a):
        account = {"protocol": a.protocol, "host": a.host, "port": a.port, "tls": "implicit" if a.tls else "none",
                   "user": a.user, "password": a.password, "maildir": a.maildir}
        if a.tls:
            account["ca_file"] = a.ca
        else:
            account["allow_cleartext"] = True
        if a.protocol == "pop3":
            account["retention"] = "delete" if a.delete else "keep"
        config = {"state_dir": os.path.join(a.dir, "state"), "accounts": {"bench": account}}
        if a.push:
            config["log"] = {"format": "json", "level": "trace"}
        write(os.path.join(a.dir, "config.yaml"), json.dumps(config, indent=1))      # JSON is YAML

    def setup_many(self, a, users, push):
        """The same account for many users, in a table."""
        with open(os.path.join(a.dir, "config.yaml")) as f:
            config = json.load(f)
        defaults = config.pop("accounts")["bench"]
        del defaults["user"]
        defaults["maildir"] = os.path.join(a.dir, "{account}")
        if push != "auto":
            defaults["push"] = push
        config |= {"accounts_from": "users.csv", "defaults": defaults, "log": {"format": "json"}}
        files = os.path.join(a.dir, "config.yaml"), os.path.join(a.dir, "users.csv")
        write(files[0], json.dumps(config, indent=1))
        write(files[1], "account,user\n" + "".join(f"{user},{user}\n" for user in users))
        return files

    def command(self, a):
        return [self.path, "--config", os.path.join(a.dir, "config.yaml"), "sync"]

    def daemon(self, a):
        return [self.path, "--config", os.path.join(a.dir, "config.yaml"), "run"]
