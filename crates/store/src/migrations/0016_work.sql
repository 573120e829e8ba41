-- Hours that people worked. A row is written once; only the end of a running
-- timer is added. A correction is another row that names the one whose place
-- it takes.
CREATE TABLE work (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    person TEXT,
    role TEXT NOT NULL,
    step TEXT,
    subject TEXT NOT NULL,
    source TEXT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    seconds BIGINT,
    downtime TEXT,
    ticket TEXT,
    replaces TEXT,
    recorded BIGINT NOT NULL,
    note TEXT NOT NULL
);

CREATE INDEX work_client ON work (client, recorded);

CREATE UNIQUE INDEX work_replaces ON work (replaces);

-- Prices, budgets and estimates as they came into force.
CREATE TABLE cost_terms (
    noted BIGINT PRIMARY KEY,
    policy TEXT NOT NULL,
    terms TEXT NOT NULL
);

-- Reports that the server made when they were due. They can be made again and
-- are deleted when the policy says; `client` is empty for all clients.
CREATE TABLE made_reports (
    id TEXT PRIMARY KEY,
    report TEXT NOT NULL,
    format TEXT NOT NULL,
    client TEXT NOT NULL,
    title TEXT NOT NULL,
    audience TEXT NOT NULL,
    since BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    made BIGINT NOT NULL,
    digest TEXT NOT NULL,
    content BLOB
);

CREATE UNIQUE INDEX made_reports_once ON made_reports (report, format, client, since, as_of);
