-- Answers kept for repeated requests: a row is a claim until its request was
-- answered. Nothing read the table of before.

DROP TABLE answers;

CREATE TABLE answers (
    principal TEXT NOT NULL,
    name TEXT NOT NULL,
    request TEXT NOT NULL,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    status BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    withheld BIGINT NOT NULL,
    body BLOB NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (principal, name)
);

CREATE INDEX answers_expires ON answers (expires);

CREATE UNIQUE INDEX answers_holder ON answers (holder);
