-- A host's transitions are numbered, so that of two servers that judged the
-- same host only one writes what came of it: the number is the key.
ALTER TABLE transitions RENAME TO transitions_before;

DROP INDEX transitions_at;

CREATE TABLE transitions (
    host TEXT NOT NULL REFERENCES hosts (id),
    serial BIGINT NOT NULL,
    at BIGINT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (host, serial)
);

INSERT INTO transitions (host, serial, at, content)
SELECT host, ROW_NUMBER() OVER (PARTITION BY host ORDER BY at, serial) - 1, at, content FROM transitions_before;

DROP TABLE transitions_before;

CREATE INDEX transitions_at ON transitions (at, host);
