-- What is noted of new messages is never before what an earlier pass believed; see core's `Clock`.
ALTER TABLE account ADD COLUMN clock_own_at INTEGER;       -- our own time in the last pass
ALTER TABLE account ADD COLUMN clock_behind_since INTEGER; -- what the clock said when it began to say less
ALTER TABLE account ADD COLUMN clock_run INTEGER;          -- the run of the machine in which the last pass was
ALTER TABLE account ADD COLUMN clock_run_ticks INTEGER;    -- for how long it had been running then, in seconds
ALTER TABLE account ADD COLUMN clock_run_began INTEGER;    -- what the first pass in it noted
