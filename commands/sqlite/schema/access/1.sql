-- Who may ask. Times are milliseconds since 1970, UTC; 0 is "not yet". The secret itself is kept nowhere.
CREATE TABLE IF NOT EXISTS tokens (
    id           TEXT    PRIMARY KEY,
    name         TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    subject      TEXT    NOT NULL,                      -- a user's id with role subject, else empty
    hash         BLOB    NOT NULL CHECK (length(hash) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER NOT NULL DEFAULT 0             -- within the hour
) STRICT;

CREATE INDEX IF NOT EXISTS tokens_name ON tokens (name);
CREATE INDEX IF NOT EXISTS tokens_expiry ON tokens (expires_at) WHERE role = 'subject';
