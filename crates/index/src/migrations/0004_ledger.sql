-- What taking files in, checking them, and putting messages back have to remember.

-- 0: the file was found in the Maildir, and nobody has compared it with the server's octets. Such a
-- message is held, but nothing that is deleted rests on it.
ALTER TABLE message ADD COLUMN received INTEGER NOT NULL DEFAULT 1 CHECK (received IN (0, 1));
-- `undo`: the message was about to be put back on the server, and was. Retention counts from then.
ALTER TABLE message ADD COLUMN undo_requested_at INTEGER;
ALTER TABLE message ADD COLUMN undone_at INTEGER;

CREATE INDEX message_unreceived ON message (mailbox) WHERE received = 0;
CREATE INDEX message_displaced ON message (mailbox) WHERE uid IS NULL AND uidl IS NULL;
CREATE INDEX message_undoing ON message (mailbox)
  WHERE undo_requested_at IS NOT NULL AND undone_at IS NULL;

-- The index was found to be older than the Maildir. Until a pass is complete, what it misses may be
-- gone by our own doing, and nothing local follows from it.
ALTER TABLE account ADD COLUMN outdated_at INTEGER;

-- The ledger learns `restored`. Its words are those of `ledger.rs`; listing them here too would mean
-- copying a table that only grows whenever there is a new one.
DROP VIEW ledger;
CREATE TABLE ledger_entry_new (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  account    TEXT NOT NULL,
  mailbox    TEXT NOT NULL,
  message    INTEGER NOT NULL, -- no REFERENCES: it would want an index, for rows that never go
  message_id TEXT,
  sha256     BLOB NOT NULL,
  action     TEXT NOT NULL,
  because    TEXT NOT NULL
) STRICT;
INSERT INTO ledger_entry_new SELECT * FROM ledger_entry;
DROP TABLE ledger_entry;
ALTER TABLE ledger_entry_new RENAME TO ledger_entry;

CREATE INDEX ledger_entry_message_id ON ledger_entry (message_id) WHERE message_id IS NOT NULL;

CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE VIEW ledger AS
  SELECT at, account, mailbox, message_id, lower(hex(sha256)) AS sha256, action, because
  FROM ledger_entry;
