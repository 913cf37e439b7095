-- What every retention policy has to remember.

-- The clock, so that a leap of it is not taken for the passing of time.
ALTER TABLE account ADD COLUMN clock_seen_at INTEGER;   -- what it said in the last pass
ALTER TABLE account ADD COLUMN clock_leap_from INTEGER; -- a leap that it has not stood by for long
ALTER TABLE account ADD COLUMN clock_leap_to INTEGER;
ALTER TABLE account ADD COLUMN quota_warned INTEGER;    -- in hundredths: what was last warned of

-- The directory as of the scan that last looked for what is absent.
ALTER TABLE mailbox ADD COLUMN checked_new_ns INTEGER;
ALTER TABLE mailbox ADD COLUMN checked_cur_ns INTEGER;

ALTER TABLE message ADD COLUMN expire_because TEXT; -- the rule, from the request on
ALTER TABLE message ADD COLUMN absent_at INTEGER;   -- a scan did not find its file anywhere
ALTER TABLE message ADD COLUMN deleted_at INTEGER;  -- a second scan agreed: a reader deleted it (R5)
ALTER TABLE message ADD COLUMN lost_at INTEGER;     -- its directory was gone: nobody deleted it (R5)

-- Small: what readers deleted.
CREATE INDEX message_absent ON message (mailbox) WHERE absent_at IS NOT NULL;
