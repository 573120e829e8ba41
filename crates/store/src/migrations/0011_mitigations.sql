-- What was done on hosts in place of a patch. Nothing deletes one. `told` is
-- what its alert last said.
CREATE TABLE mitigations (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    measure TEXT NOT NULL,
    advisories TEXT NOT NULL,
    done TEXT NOT NULL,
    verify TEXT NOT NULL,
    check_name TEXT,
    owner TEXT NOT NULL,
    applied BIGINT NOT NULL,
    applied_by TEXT NOT NULL,
    verify_by BIGINT NOT NULL,
    ends BIGINT,
    told TEXT NOT NULL
);

CREATE INDEX mitigations_client ON mitigations (client, applied);

CREATE TABLE mitigation_hosts (
    mitigation TEXT NOT NULL REFERENCES mitigations (id),
    host TEXT NOT NULL REFERENCES hosts (id),
    removed BIGINT,
    removed_by TEXT,
    removed_why TEXT,
    PRIMARY KEY (mitigation, host)
);

-- Each time that one was seen to work.
CREATE TABLE mitigation_checks (
    mitigation TEXT NOT NULL REFERENCES mitigations (id),
    at BIGINT NOT NULL,
    person TEXT NOT NULL,
    counts_until BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (mitigation, at)
);
