-- What POP3 at full strength has to remember.

-- Several maildrops may be delivered into one directory, so `path` is unique no longer: that a mailbox
-- has its directory for itself otherwise is seen to where it is recorded. A UNIQUE cannot be altered.
DROP VIEW messages;
DROP VIEW mailboxes;
DROP VIEW labels;
CREATE TABLE mailbox_new (
  id              INTEGER PRIMARY KEY,
  account         INTEGER NOT NULL REFERENCES account,
  wire_name       TEXT NOT NULL,        -- the identity: the name as the server writes it
  name            TEXT NOT NULL,        -- decoded, `/` between levels; two mailboxes may share it
  role            TEXT,                 -- SPECIAL-USE (RFC 6154)
  path            TEXT NOT NULL,        -- absolute; chosen once, kept though the name be re-encoded
  uid_validity    INTEGER,
  uid_next        INTEGER,
  highest_mod_seq INTEGER,
  messages        INTEGER,              -- the server's count at synced_at
  synced_at       INTEGER,
  stamp_new_ns    INTEGER,              -- when `new` and `cur` had last changed as of the last scan
  stamp_cur_ns    INTEGER,
  mailbox_id      TEXT,                 -- OBJECTID (RFC 8474): survives a rename
  lost_at         INTEGER,              -- two witnesses: the server has it no more (R5)
  moved_from      TEXT,                 -- its files are on their way from there to `path`
  checked_new_ns  INTEGER,              -- as of the scan that last looked for what is absent
  checked_cur_ns  INTEGER,
  UNIQUE (account, wire_name)
) STRICT;
INSERT INTO mailbox_new
  SELECT id, account, wire_name, name, role, path, uid_validity, uid_next, highest_mod_seq, messages,
    synced_at, stamp_new_ns, stamp_cur_ns, mailbox_id, lost_at, moved_from, checked_new_ns,
    checked_cur_ns
  FROM mailbox;
DROP TABLE mailbox;
ALTER TABLE mailbox_new RENAME TO mailbox;
CREATE INDEX mailbox_path ON mailbox (path);

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

CREATE VIEW labels AS
  SELECT account.name AS account, mailbox.name AS mailbox, message.uid, message.message_id,
    label.label
  FROM label
  JOIN message ON message.id = label.message
  JOIN mailbox ON mailbox.id = message.mailbox
  JOIN account ON account.id = mailbox.account;

-- How often a message was listed again after the server had confirmed its deletion.
ALTER TABLE message ADD COLUMN returns INTEGER NOT NULL DEFAULT 0;

-- What CAPA last said of the server's own deletions (RFC 2449 §6.7): days, 0 for "on retrieval".
ALTER TABLE account ADD COLUMN server_expires_after INTEGER;

-- Messages of a maildrop that are left there on purpose, as of the last listing.
CREATE TABLE maildrop_skip (
  mailbox INTEGER NOT NULL REFERENCES mailbox,
  name    TEXT NOT NULL, -- the unique-id; `#` and the number, for one listing, where there is none
  octets  INTEGER,       -- LIST's word
  because TEXT NOT NULL,
  PRIMARY KEY (mailbox, name)
) STRICT, WITHOUT ROWID;
