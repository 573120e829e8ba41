-- What outside scanners said of hosts. No row is deleted; what a file says in
-- full is kept of the newest of each scanner.
CREATE TABLE scanner_results (
    host TEXT NOT NULL REFERENCES hosts (id),
    digest TEXT NOT NULL,
    client TEXT NOT NULL REFERENCES clients (id),
    scanner TEXT NOT NULL,
    version TEXT,
    data_made BIGINT,
    moment BIGINT NOT NULL,
    received BIGINT NOT NULL,
    there BIGINT NOT NULL,
    reading BLOB,
    PRIMARY KEY (host, digest)
);

CREATE INDEX scanner_results_client ON scanner_results (client, received);

-- How scanners stood to what a rollout confirmed, and which results were
-- looked at; empty where the policy asked for none.
ALTER TABLE confirmations ADD COLUMN agreement TEXT;

ALTER TABLE confirmations ADD COLUMN results TEXT;
