-- What people were told, to each of them whether it was delivered, seen and
-- acknowledged. A notice commits with the letters it stands for.
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES clients (id),
    about TEXT NOT NULL,
    moment TEXT NOT NULL,
    content TEXT NOT NULL,
    page TEXT NOT NULL,
    audiences TEXT NOT NULL,
    told BIGINT NOT NULL,
    goes BIGINT NOT NULL,
    root TEXT NOT NULL,
    ack_by BIGINT,
    call_at BIGINT,
    rung BIGINT NOT NULL,
    replaced TEXT
);

CREATE INDEX notices_about ON notices (about, told);

CREATE INDEX notices_by_time ON notices (told);

CREATE INDEX notices_call ON notices (call_at);

CREATE TABLE notice_people (
    notice TEXT NOT NULL REFERENCES notices (id),
    who TEXT NOT NULL,
    name TEXT NOT NULL,
    mail TEXT,
    person TEXT,
    words TEXT NOT NULL,
    delivered BIGINT,
    trouble TEXT,
    seen BIGINT,
    acknowledged BIGINT,
    PRIMARY KEY (notice, who)
);

CREATE INDEX notice_people_person ON notice_people (person, notice);

CREATE INDEX notice_people_mail ON notice_people (mail, notice);
