-- What clients were asked about changes of their hosts, and what became of it.
-- Nothing deletes one. The content is what they were shown; it never changes.
CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    package TEXT NOT NULL REFERENCES rollouts (package),
    involvement TEXT NOT NULL,
    asked BIGINT NOT NULL,
    answer_by BIGINT NOT NULL,
    reminders TEXT NOT NULL,
    on_silence TEXT,
    waiver_text TEXT NOT NULL,
    content TEXT NOT NULL,
    state TEXT NOT NULL,
    decided BIGINT,
    decided_by TEXT,
    decided_why TEXT,
    reminded BIGINT NOT NULL,
    waiver TEXT,
    said TEXT NOT NULL
);

CREATE UNIQUE INDEX questions_package ON questions (package);

CREATE INDEX questions_client ON questions (client, asked);
