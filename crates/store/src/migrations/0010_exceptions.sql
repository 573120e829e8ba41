-- Open findings that somebody accepts for a time, and why. Nothing deletes one.
-- `told` is what its alert last said.
CREATE TABLE exceptions (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    kind TEXT NOT NULL,
    advisories TEXT NOT NULL,
    package TEXT,
    hosts TEXT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    control TEXT NOT NULL,
    levels TEXT NOT NULL,
    quorum BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    requested BIGINT NOT NULL,
    requester TEXT,
    requester_name TEXT NOT NULL,
    state TEXT NOT NULL,
    decided BIGINT,
    decided_by TEXT,
    decided_why TEXT,
    renews TEXT,
    renewals BIGINT NOT NULL,
    replaced_by TEXT,
    told TEXT NOT NULL
);

CREATE INDEX exceptions_client ON exceptions (client, requested);

CREATE TABLE exception_approvals (
    exception TEXT NOT NULL REFERENCES exceptions (id),
    person TEXT NOT NULL,
    name TEXT NOT NULL,
    added BIGINT NOT NULL,
    PRIMARY KEY (exception, person)
);
