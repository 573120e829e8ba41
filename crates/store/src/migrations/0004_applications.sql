-- An application runs on the hosts of a group, or on those that were named.
ALTER TABLE applications ADD COLUMN host_group TEXT REFERENCES host_groups (id);
