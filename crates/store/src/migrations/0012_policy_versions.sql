-- Policies that people proposed or put in force, with what was said of each.
-- A text never changes: whoever wants another proposes another.
CREATE TABLE policy_versions (
    number BIGINT PRIMARY KEY,
    digest TEXT NOT NULL,
    title TEXT NOT NULL,
    author TEXT NOT NULL,
    author_name TEXT,
    state TEXT NOT NULL,
    replaces TEXT NOT NULL,
    longer BIGINT NOT NULL,
    proposed BIGINT NOT NULL,
    effective BIGINT,
    reason TEXT NOT NULL,
    said TEXT NOT NULL,
    changes BIGINT NOT NULL,
    content BLOB NOT NULL
);

CREATE INDEX policy_versions_state ON policy_versions (state);
