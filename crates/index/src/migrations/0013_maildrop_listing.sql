-- What a listing is compared with in every pass, in the order of the unique-ids: nothing else of a message is read
-- where nothing has changed.
DROP INDEX message_in_maildrop;
CREATE INDEX message_in_maildrop ON message (mailbox, uidl, server_octets)
  WHERE uid IS NULL AND vanished_at IS NULL AND expired_at IS NULL;
