-- What is told of teams: rosters, briefings, meetings, and of applications who
-- works on them. A row is a fact that was recorded; none is ever changed. Facts of one change have
-- one time, and `place` keeps their order.
CREATE TABLE team_facts (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    at BIGINT NOT NULL,
    place BIGINT NOT NULL,
    person TEXT NOT NULL,
    content TEXT NOT NULL
);

CREATE INDEX team_facts_client ON team_facts (client, at);

CREATE INDEX team_facts_place ON team_facts (place);

-- How many hosts were looked at on each day; the last word of a day stands.
CREATE TABLE coverage_days (
    client TEXT NOT NULL REFERENCES clients (id),
    day BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (client, day)
);
