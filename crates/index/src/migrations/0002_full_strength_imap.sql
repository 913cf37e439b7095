-- What IMAP at full strength has to remember.

-- What the server could do last time, before and after login: words with blanks between them. They are
-- used before the server has said them again, and corrected when it says otherwise.
ALTER TABLE account ADD COLUMN greeting_capabilities TEXT;
ALTER TABLE account ADD COLUMN session_capabilities TEXT;

ALTER TABLE mailbox ADD COLUMN mailbox_id TEXT; -- OBJECTID (RFC 8474): survives a rename
ALTER TABLE mailbox ADD COLUMN lost_at INTEGER; -- two witnesses: the server has it no more (R5)
ALTER TABLE mailbox ADD COLUMN moved_from TEXT; -- its files are on their way from there to `path`

ALTER TABLE message ADD COLUMN email_id TEXT;       -- X-GM-MSGID or EMAILID: same octets everywhere
ALTER TABLE message ADD COLUMN released_at INTEGER; -- `retention.vanished` was carried out on its file
ALTER TABLE message ADD COLUMN removed_at INTEGER;  -- and that was its removal

CREATE INDEX message_email_id ON message (email_id) WHERE email_id IS NOT NULL;
-- Small: what the server has no more.
CREATE INDEX message_gone ON message (mailbox, uid_validity)
  WHERE vanished_at IS NOT NULL OR expired_at IS NOT NULL;
CREATE INDEX message_unreleased ON message (mailbox)
  WHERE vanished_at IS NOT NULL AND released_at IS NULL;

-- Gmail's labels, of those mailboxes whose server tells them.
CREATE TABLE label (
  message INTEGER NOT NULL REFERENCES message,
  label   TEXT NOT NULL,
  PRIMARY KEY (message, label)
) STRICT, WITHOUT ROWID;

-- Messages that were left on the server on purpose; asked for again when the limits change.
CREATE TABLE skip (
  mailbox       INTEGER NOT NULL REFERENCES mailbox,
  uid_validity  INTEGER NOT NULL,
  uid           INTEGER NOT NULL,
  octets        INTEGER, -- RFC822.SIZE
  internal_date INTEGER,
  because       TEXT NOT NULL,
  PRIMARY KEY (mailbox, uid_validity, uid)
) STRICT, WITHOUT ROWID;

-- Messages that the server moved and whose file has still to follow: the row is in its new mailbox,
-- the file perhaps not yet.
CREATE TABLE relocation (
  message INTEGER PRIMARY KEY REFERENCES message,
  source  INTEGER NOT NULL REFERENCES mailbox
) STRICT;

-- What the brake holds (R6).
CREATE TABLE brake (
  mailbox     INTEGER NOT NULL REFERENCES mailbox,
  side        TEXT NOT NULL CHECK (side IN ('local', 'server')),
  removing    INTEGER NOT NULL, -- messages that would go
  held        INTEGER NOT NULL, -- of so many
  engaged_at  INTEGER NOT NULL,
  approved_at INTEGER,
  PRIMARY KEY (mailbox, side)
) STRICT, WITHOUT ROWID;

-- The ledger learns two more actions; a CHECK cannot be altered.
DROP VIEW ledger;
CREATE TABLE ledger_entry_new (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  account    TEXT NOT NULL,
  mailbox    TEXT NOT NULL,
  message    INTEGER NOT NULL, -- no REFERENCES: it would want an index, for rows that never go
  message_id TEXT,
  sha256     BLOB NOT NULL,
  action     TEXT NOT NULL CHECK (action IN ('stored', 'moved', 'expired', 'vanished', 'removed')),
  because    TEXT NOT NULL
) STRICT;
INSERT INTO ledger_entry_new SELECT * FROM ledger_entry;
DROP TABLE ledger_entry;
ALTER TABLE ledger_entry_new RENAME TO ledger_entry;

CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE VIEW ledger AS
  SELECT at, account, mailbox, message_id, lower(hex(sha256)) AS sha256, action, because
  FROM ledger_entry;

CREATE VIEW labels AS
  SELECT account.name AS account, mailbox.name AS mailbox, message.uid, message.message_id,
    label.label
  FROM label
  JOIN message ON message.id = label.message
  JOIN mailbox ON mailbox.id = message.mailbox
  JOIN account ON account.id = mailbox.account;
