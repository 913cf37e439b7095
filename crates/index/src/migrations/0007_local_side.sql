-- What readers did in the Maildir, until the server has it.

-- Flags that a reader set or cleared.
CREATE TABLE flag_change (
  message INTEGER NOT NULL REFERENCES message,
  flag    TEXT NOT NULL, -- its Maildir letter
  is_set  INTEGER NOT NULL CHECK (is_set IN (0, 1)),
  PRIMARY KEY (message, flag)
) STRICT, WITHOUT ROWID;

-- Renames of our own that are about to give files the server's flags: a name that is found here is no
-- reader's doing.
CREATE TABLE reflagging (
  message INTEGER PRIMARY KEY REFERENCES message,
  file    TEXT NOT NULL, -- what it will be called
  flags   TEXT           -- what is agreed on then with the server
) STRICT;

-- Files that lie in a mailbox and are no message's there: moved, copied or written by a reader, or on
-- their way from another mailbox. What is not explained stays.
CREATE TABLE newcomer (
  id        INTEGER PRIMARY KEY,
  mailbox   INTEGER NOT NULL REFERENCES mailbox,
  base      TEXT NOT NULL,
  file      TEXT NOT NULL,
  seen_at   INTEGER NOT NULL,
  judged_at INTEGER, -- looked at, and neither a move nor to be uploaded so far
  UNIQUE (mailbox, base)
) STRICT;

-- Messages that are to be put into their mailbox at the server. Their row has no identity there until the
-- server has told it, or a look has found them.
CREATE TABLE outgoing (
  message      INTEGER PRIMARY KEY REFERENCES message,
  -- Its server copy is still there: it is moved. Else it is copied from `original`, or uploaded.
  source       INTEGER REFERENCES mailbox,
  uid_validity INTEGER,
  uid          INTEGER,
  original     INTEGER REFERENCES message,
  tries        INTEGER NOT NULL DEFAULT 0,
  tried_at     INTEGER,
  refusal      TEXT, -- the server's words
  CHECK ((source IS NULL) = (uid IS NULL) AND (uid IS NULL) = (uid_validity IS NULL))
) STRICT;
CREATE INDEX outgoing_source ON outgoing (source, uid_validity) WHERE source IS NOT NULL;

-- Of what a message is a copy that a reader made: when the original is deleted soon after, it was moved.
ALTER TABLE message ADD COLUMN copy_of INTEGER;
ALTER TABLE message ADD COLUMN copied_at INTEGER;
CREATE INDEX message_copy_of ON message (copy_of) WHERE copy_of IS NOT NULL;
