-- Whether the host still needed a reboot when its attempt ended: until a later
-- report tells, that is what the policy's [reboot] counts.
ALTER TABLE outcomes ADD COLUMN reboot_pending BIGINT NOT NULL DEFAULT 0;

-- When somebody last looked at it again, by the policy's review_every.
ALTER TABLE exceptions ADD COLUMN reviewed BIGINT;
