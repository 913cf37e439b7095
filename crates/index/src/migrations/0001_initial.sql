-- What postrider knows. Times are seconds since 1970-01-01T00:00:00Z; NULL means "not known" or
-- "has not happened". Singular tables are ours; the plural views at the end are everybody's
-- and stay (CONTRACT section 9).

CREATE TABLE account (
  id              INTEGER PRIMARY KEY,
  name            TEXT NOT NULL UNIQUE,
  protocol        TEXT NOT NULL CHECK (protocol IN ('imap', 'pop3')),
  last_success_at INTEGER,
  last_error_at   INTEGER,
  last_error_kind TEXT,
  last_error      TEXT
) STRICT;

CREATE TABLE mailbox (
  id              INTEGER PRIMARY KEY,
  account         INTEGER NOT NULL REFERENCES account,
  wire_name       TEXT NOT NULL,        -- the identity: the name as the server writes it
  name            TEXT NOT NULL,        -- decoded, `/` between levels; two mailboxes may share it
  role            TEXT,                 -- SPECIAL-USE (RFC 6154)
  path            TEXT NOT NULL UNIQUE, -- absolute; chosen once, kept though the name be re-encoded
  uid_validity    INTEGER,
  uid_next        INTEGER,
  highest_mod_seq INTEGER,
  messages        INTEGER,              -- the server's count at synced_at
  synced_at       INTEGER,
  stamp_new_ns    INTEGER,              -- when `new` and `cur` had last changed as of the last scan
  stamp_cur_ns    INTEGER,
  UNIQUE (account, wire_name)
) STRICT;

-- One row per message ever stored; never deleted, so that nothing is fetched twice.
CREATE TABLE message (
  id                  INTEGER PRIMARY KEY,
  mailbox             INTEGER NOT NULL REFERENCES mailbox,
  -- Who it is to the server: UID in an epoch, or unique-id.
  uid_validity        INTEGER,
  uid                 INTEGER,
  uidl                TEXT,
  -- What its header says.
  message_id          TEXT,
  subject             TEXT,
  from_addr           TEXT,
  to_addrs            TEXT,
  date                INTEGER,
  -- What it weighs and what it is.
  internal_date       INTEGER,
  octets              INTEGER NOT NULL, -- of the file
  octets_crlf         INTEGER NOT NULL, -- with CRLF line ends
  server_octets       INTEGER,          -- RFC822.SIZE, or LIST's word; may lie
  sha256              BLOB NOT NULL CHECK (length(sha256) = 32),
  header_sha256       BLOB CHECK (length(header_sha256) = 32),
  flags               TEXT NOT NULL,    -- as last agreed with the server: the base of every merge
  -- Where it lies: identity within the account, and `new/x` or `cur/x:2,S` below mailbox.path.
  base                TEXT NOT NULL,
  file                TEXT NOT NULL,
  -- What happened to it.
  stored_at           INTEGER NOT NULL,
  proven_at           INTEGER,
  expire_requested_at INTEGER,
  expired_at          INTEGER,
  vanished_at         INTEGER,
  UNIQUE (mailbox, uid_validity, uid),
  CHECK ((uid IS NULL) = (uid_validity IS NULL)),
  CHECK (uid IS NULL OR uidl IS NULL),
  -- R1 in the last place that could break it.
  CHECK (proven_at IS NOT NULL OR (expire_requested_at IS NULL AND expired_at IS NULL))
) STRICT;

-- A unique-id may be given anew once its message is gone (RFC 1939 says never; servers do).
CREATE UNIQUE INDEX message_live_uidl ON message (mailbox, uidl)
  WHERE uidl IS NOT NULL AND expired_at IS NULL AND vanished_at IS NULL;
CREATE INDEX message_base ON message (base);
CREATE INDEX message_sha256 ON message (mailbox, sha256);
-- Small: only what is under way.
CREATE INDEX message_unproven ON message (mailbox) WHERE proven_at IS NULL;
CREATE INDEX message_expiring ON message (mailbox)
  WHERE expire_requested_at IS NOT NULL AND expired_at IS NULL;

-- Deliveries under way: the file is flushed in `tmp`, its name in `new` or `cur` is intended. A row
-- becomes a message in the transaction that deletes it, or is forgotten.
CREATE TABLE journal (
  id            INTEGER PRIMARY KEY,
  mailbox       INTEGER NOT NULL REFERENCES mailbox,
  tmp           TEXT NOT NULL,          -- the file's name in `tmp`
  uid_validity  INTEGER,
  uid           INTEGER,
  uidl          TEXT,
  message_id    TEXT,
  subject       TEXT,
  from_addr     TEXT,
  to_addrs      TEXT,
  date          INTEGER,
  internal_date INTEGER,
  octets        INTEGER NOT NULL,
  octets_crlf   INTEGER NOT NULL,
  server_octets INTEGER,
  sha256        BLOB NOT NULL CHECK (length(sha256) = 32),
  header_sha256 BLOB CHECK (length(header_sha256) = 32),
  flags         TEXT NOT NULL,
  base          TEXT NOT NULL,
  file          TEXT NOT NULL,
  UNIQUE (mailbox, uid_validity, uid),
  UNIQUE (mailbox, uidl)
) STRICT;

-- What was done and why. It repeats names so that it stays true when accounts and mailboxes change.
CREATE TABLE ledger_entry (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  account    TEXT NOT NULL,
  mailbox    TEXT NOT NULL,
  message    INTEGER NOT NULL, -- no REFERENCES: it would want an index, for rows that never go
  message_id TEXT,
  sha256     BLOB NOT NULL,
  action     TEXT NOT NULL CHECK (action IN ('stored', 'expired', 'vanished')),
  because    TEXT NOT NULL
) STRICT;

CREATE TRIGGER ledger_entry_is_never_changed BEFORE UPDATE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_entry_is_never_deleted BEFORE DELETE ON ledger_entry
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

-- The tokens in the names of unfinished files: which of them are ours and dead.
CREATE TABLE writer (
  token      TEXT NOT NULL PRIMARY KEY,
  started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW messages AS
  SELECT account.name AS account, mailbox.name AS mailbox, message.uid, message.uidl,
    message.message_id, message.subject, message.from_addr, message.to_addrs, message.date,
    message.internal_date, message.octets, lower(hex(message.sha256)) AS sha256, message.flags,
    mailbox.path || '/' || message.file AS path, message.stored_at, message.proven_at,
    message.expired_at, message.vanished_at
  FROM message
  JOIN mailbox ON mailbox.id = message.mailbox
  JOIN account ON account.id = mailbox.account;

CREATE VIEW mailboxes AS
  SELECT account.name AS account, mailbox.name AS name, mailbox.role, mailbox.path,
    mailbox.uid_validity AS uidvalidity, mailbox.uid_next AS uidnext,
    mailbox.highest_mod_seq AS highestmodseq, mailbox.messages, mailbox.synced_at
  FROM mailbox
  JOIN account ON account.id = mailbox.account;

CREATE VIEW accounts AS
  SELECT name, protocol, last_success_at, last_error_at, last_error_kind, last_error
  FROM account;

CREATE VIEW ledger AS
  SELECT at, account, mailbox, message_id, lower(hex(sha256)) AS sha256, action, because
  FROM ledger_entry;
