-- What was told of something, so that it is told once: of a rollout by moment,
-- of an obligation by step.
CREATE TABLE notices_once (
    subject TEXT NOT NULL,
    moment TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subject, moment)
);
