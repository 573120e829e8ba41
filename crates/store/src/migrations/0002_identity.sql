-- What makes sessions die with their account's rights, and what a person
-- proved freshly.
ALTER TABLE people ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

ALTER TABLE people ADD COLUMN break_glass BIGINT NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

ALTER TABLE sessions ADD COLUMN proven_until BIGINT;

-- Things half done: sign-ins, ceremonies, trips to an identity provider. They
-- last minutes and are in no backup.
CREATE TABLE tickets (
    hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    expires BIGINT NOT NULL
);

CREATE INDEX tickets_expires ON tickets (expires);
