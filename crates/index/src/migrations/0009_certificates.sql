-- Certificates that run out are told of once a day, by however many passes and processes.
ALTER TABLE account ADD COLUMN certificate_told_at INTEGER;
