-- The rule by which the messages that a brake holds would go: `status` says it, and an approval is for it.
ALTER TABLE brake ADD COLUMN because TEXT NOT NULL DEFAULT '';
