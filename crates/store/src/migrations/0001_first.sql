-- One text for SQLite and PostgreSQL. TEXT sorts by bytes, BLOB holds bytes,
-- times are BIGINT microseconds since the epoch (UTC), yes and no are 1 and 0,
-- identifiers are their 26 letters, lists and maps are JSON.

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('host', 0);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token BIGINT NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE answers (
    principal TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (principal, name)
);

CREATE INDEX answers_expires ON answers (expires);

-- Evidence: position is empty until the leaf is in the tree. The columns
-- beside the bytes serve reading only; what is proven is the bytes.
CREATE TABLE evidence_leaves (
    id TEXT PRIMARY KEY,
    position BIGINT,
    bytes BLOB NOT NULL,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    object TEXT NOT NULL,
    client TEXT
);

CREATE UNIQUE INDEX evidence_leaves_position ON evidence_leaves (position);

CREATE INDEX evidence_leaves_pending ON evidence_leaves (id) WHERE position IS NULL;

CREATE INDEX evidence_leaves_object ON evidence_leaves (object, id);

CREATE INDEX evidence_leaves_client ON evidence_leaves (client, id);

CREATE TABLE evidence_texts (
    leaf TEXT NOT NULL REFERENCES evidence_leaves (id),
    field TEXT NOT NULL,
    salt BLOB NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (leaf, field)
);

CREATE TABLE evidence_tiles (
    level BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE evidence_log (
    name TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    public_key TEXT NOT NULL,
    size BIGINT NOT NULL,
    epoch BIGINT NOT NULL
);

CREATE TABLE evidence_checkpoints (
    size BIGINT PRIMARY KEY,
    root TEXT NOT NULL,
    time BIGINT NOT NULL,
    note TEXT NOT NULL
);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    archived BIGINT
);

CREATE TABLE host_groups (
    id TEXT PRIMARY KEY,
    client TEXT REFERENCES clients (id),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    note TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE UNIQUE INDEX host_groups_name ON host_groups (client, name);

CREATE TABLE hosts (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    client TEXT NOT NULL REFERENCES clients (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    labels TEXT NOT NULL,
    tier TEXT,
    exposure TEXT,
    environment TEXT,
    owner TEXT,
    public_key TEXT,
    enrolled BIGINT NOT NULL,
    report TEXT,
    reported BIGINT,
    flag TEXT,
    machine TEXT NOT NULL
);

CREATE UNIQUE INDEX hosts_active_name ON hosts (client, name) WHERE state = 'active';

CREATE UNIQUE INDEX hosts_key ON hosts (public_key) WHERE state <> 'retired';

CREATE INDEX hosts_report ON hosts (client, report);

CREATE TABLE presence (
    host TEXT PRIMARY KEY REFERENCES hosts (id),
    last_seen BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES host_groups (id),
    host TEXT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (group_id, host)
);

CREATE INDEX group_members_host ON group_members (host);

CREATE TABLE reports (
    client TEXT NOT NULL REFERENCES clients (id),
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    content BLOB NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (client, digest)
);

CREATE TABLE transitions (
    host TEXT NOT NULL REFERENCES hosts (id),
    at BIGINT NOT NULL,
    serial BIGINT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (host, at, serial)
);

CREATE INDEX transitions_at ON transitions (at, host);

CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    team TEXT NOT NULL,
    stakeholders TEXT NOT NULL,
    note TEXT NOT NULL,
    sbom TEXT,
    created BIGINT NOT NULL
);

CREATE UNIQUE INDEX applications_name ON applications (client, name);

CREATE INDEX applications_sbom ON applications (client, sbom);

CREATE TABLE application_hosts (
    application TEXT NOT NULL REFERENCES applications (id),
    host TEXT NOT NULL REFERENCES hosts (id),
    PRIMARY KEY (application, host)
);

CREATE INDEX application_hosts_host ON application_hosts (host);

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    account_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT,
    password_hash TEXT,
    issuer TEXT,
    subject TEXT,
    disabled BIGINT,
    created BIGINT NOT NULL,
    last_sign_in BIGINT
);

CREATE UNIQUE INDEX people_subject ON people (issuer, subject);

CREATE TABLE grants (
    person TEXT NOT NULL REFERENCES people (id),
    role TEXT NOT NULL,
    client TEXT NOT NULL,
    group_id TEXT NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (person, role, client, group_id)
);

CREATE TABLE second_factors (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id),
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    credential TEXT,
    content BLOB NOT NULL,
    counter BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT
);

CREATE INDEX second_factors_person ON second_factors (person);

CREATE UNIQUE INDEX second_factors_credential ON second_factors (credential);

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id),
    strength TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    idle_expires BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    address TEXT,
    browser TEXT
);

CREATE INDEX sessions_person ON sessions (person);

CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE sign_in_links (
    hash TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id),
    purpose TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT
);

CREATE INDEX sign_in_links_person ON sign_in_links (person);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    maker TEXT NOT NULL REFERENCES people (id),
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    revoked BIGINT
);

CREATE INDEX api_tokens_maker ON api_tokens (maker);

CREATE TABLE enrolment_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL REFERENCES clients (id),
    group_id TEXT REFERENCES host_groups (id),
    labels TEXT NOT NULL,
    note TEXT NOT NULL,
    maker TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    used BIGINT NOT NULL,
    last_used BIGINT,
    revoked BIGINT
);

CREATE INDEX enrolment_tokens_client ON enrolment_tokens (client, created);

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    client TEXT REFERENCES clients (id),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret BLOB NOT NULL,
    events TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    client TEXT,
    event TEXT NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    claimed_by TEXT,
    claimed_until BIGINT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT,
    answer TEXT
);

CREATE INDEX deliveries_waiting ON deliveries (next_try) WHERE state = 'waiting';

CREATE INDEX deliveries_target ON deliveries (target, created);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    client TEXT,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    text TEXT NOT NULL,
    raised BIGINT NOT NULL,
    times BIGINT NOT NULL,
    last BIGINT NOT NULL,
    closed BIGINT
);

CREATE UNIQUE INDEX alerts_open ON alerts (kind, object) WHERE closed IS NULL;

CREATE INDEX alerts_raised ON alerts (raised);
