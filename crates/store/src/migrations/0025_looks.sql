-- What people said of the forensic triage of hosts. Nothing deletes one.
CREATE TABLE triages (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    host TEXT NOT NULL REFERENCES hosts (id),
    advisories TEXT NOT NULL,
    step TEXT NOT NULL,
    evidence TEXT,
    reason TEXT NOT NULL,
    released BIGINT NOT NULL,
    at BIGINT NOT NULL,
    person TEXT NOT NULL
);

CREATE INDEX triages_at ON triages (at);

-- Each time that a person looked at what the policy wants looked at: sources
-- that somebody watches, hosts that a sample names, tickets about a change.
CREATE TABLE looks (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    item TEXT NOT NULL,
    at BIGINT NOT NULL,
    client TEXT REFERENCES clients (id),
    held BIGINT NOT NULL,
    note TEXT NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (kind, subject, item, at)
);
