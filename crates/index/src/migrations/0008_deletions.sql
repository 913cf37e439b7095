-- What has to be known before an absent file is taken for a deleted one.

-- Which directories `new` and `cur` were, as the file system tells them from others: where they are not
-- the same any more, nobody deleted what is not there (R5).
ALTER TABLE mailbox ADD COLUMN directories TEXT;

-- A reader deleted it before it was proven, so its server copy stays (R1); that was said.
ALTER TABLE message ADD COLUMN unproven_told_at INTEGER;
