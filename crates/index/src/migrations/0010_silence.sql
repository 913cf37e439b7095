-- What was learned of how long a silent connection lasts, in seconds, and when. NULL: nothing was.
ALTER TABLE account ADD COLUMN silence_s INTEGER;
ALTER TABLE account ADD COLUMN silence_learned_at INTEGER;
