-- What a maildrop holds, apart from the many messages that it held once: every pass reads it.
CREATE INDEX message_in_maildrop ON message (mailbox)
  WHERE uid IS NULL AND vanished_at IS NULL AND expired_at IS NULL;
