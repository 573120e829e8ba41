-- Versions of packages whose bytes were acquired.
CREATE TABLE acquired (
    stream TEXT NOT NULL,
    name TEXT NOT NULL,
    arch TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    repository TEXT NOT NULL,
    added BIGINT NOT NULL,
    PRIMARY KEY (stream, name, arch, version)
);

-- The document is the one that people sign, without signatures; hosts are the
-- lines of its list, and notes say why it is as it is.
CREATE TABLE deployment_packages (
    digest TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    state TEXT NOT NULL,
    document BLOB NOT NULL,
    hosts BLOB NOT NULL,
    notes BLOB NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    accepted BIGINT
);

CREATE UNIQUE INDEX deployment_packages_version ON deployment_packages (client, version);

CREATE TABLE package_signatures (
    package TEXT NOT NULL REFERENCES deployment_packages (digest),
    keyid TEXT NOT NULL,
    person TEXT NOT NULL,
    signature TEXT NOT NULL,
    added BIGINT NOT NULL,
    PRIMARY KEY (package, keyid)
);

CREATE TABLE rollouts (
    package TEXT PRIMARY KEY REFERENCES deployment_packages (digest),
    client TEXT NOT NULL REFERENCES clients (id),
    epoch BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    gate TEXT NOT NULL,
    rings TEXT NOT NULL,
    reasons TEXT NOT NULL,
    retried BIGINT NOT NULL,
    started BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE INDEX rollouts_client ON rollouts (client, started);

-- What a host's assignment allows; a host of a rollout without a row may fetch
-- and stage.
CREATE TABLE assignments (
    package TEXT NOT NULL REFERENCES rollouts (package),
    host TEXT NOT NULL,
    go TEXT,
    applied BIGINT,
    changed BIGINT NOT NULL,
    PRIMARY KEY (package, host)
);

CREATE TABLE outcomes (
    attempt TEXT PRIMARY KEY,
    package TEXT NOT NULL,
    host TEXT NOT NULL,
    generation BIGINT NOT NULL,
    state TEXT NOT NULL,
    observed BIGINT NOT NULL,
    received BIGINT NOT NULL,
    document BLOB NOT NULL
);

CREATE INDEX outcomes_package ON outcomes (package, host);

CREATE INDEX outcomes_received ON outcomes (received);

CREATE TABLE confirmations (
    package TEXT NOT NULL,
    host TEXT NOT NULL,
    state TEXT NOT NULL,
    reasons TEXT NOT NULL,
    report TEXT,
    changed BIGINT NOT NULL,
    PRIMARY KEY (package, host)
);
