-- What authorities signed off, for which scope and until when. Nothing deletes
-- one.
CREATE TABLE accreditations (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    scope TEXT NOT NULL,
    statement TEXT NOT NULL,
    given_by TEXT NOT NULL,
    given BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    withdrawn BIGINT,
    withdrawn_by TEXT,
    withdrawn_why TEXT
);

CREATE INDEX accreditations_client ON accreditations (client, given);
