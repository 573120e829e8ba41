-- A target of events is an address that gets requests or people who get mail;
-- what came of the last tries stands beside it.
ALTER TABLE webhooks ADD COLUMN channel TEXT NOT NULL DEFAULT 'webhook';

ALTER TABLE webhooks ADD COLUMN failing_since BIGINT;

ALTER TABLE webhooks ADD COLUMN last_answer TEXT;

ALTER TABLE webhooks ADD COLUMN disabled_because TEXT;

-- How far the events that were put in reach: into the evidence log, and what
-- was last told of silence, sources and policy.
CREATE TABLE notice_marks (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Advisories that a client was told of, so that it is told once.
CREATE TABLE notices_told (
    client TEXT NOT NULL,
    advisory TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (client, advisory)
);

CREATE INDEX notices_told_at ON notices_told (at);
