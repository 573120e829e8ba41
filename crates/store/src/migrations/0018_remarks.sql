-- What people and the clock said of a change beside signatures. Nothing is
-- changed or taken back: whoever says the same again says nothing new.
CREATE TABLE remarks (
    package TEXT NOT NULL REFERENCES deployment_packages (digest),
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    text TEXT NOT NULL,
    added BIGINT NOT NULL,
    PRIMARY KEY (package, kind, who)
);
