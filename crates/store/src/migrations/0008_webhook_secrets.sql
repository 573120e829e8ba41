-- The signing secret before the present one, while receivers take up the new.
ALTER TABLE webhooks ADD COLUMN old_secret BLOB;

ALTER TABLE webhooks ADD COLUMN old_secret_until BIGINT;
