-- Open findings by day, see exposure.rs. Of a host a row stands only where it
-- differs from the row before; of a client each day has one.
CREATE TABLE exposure_hosts (
    host TEXT NOT NULL REFERENCES hosts (id),
    day BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (host, day)
);
CREATE TABLE exposure_clients (
    client TEXT NOT NULL REFERENCES clients (id),
    day BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (client, day)
);
