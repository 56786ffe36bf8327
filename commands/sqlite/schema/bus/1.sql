-- How far each outlet has come, and what became of each event that a web hook sent. Times are milliseconds since 1970, UTC. Nothing here is a
-- body, an address or a secret.
CREATE TABLE cursors (
    outlet   TEXT    PRIMARY KEY,
    position INTEGER NOT NULL,
    event    BLOB    NOT NULL CHECK (length(event) = 16) -- that stands at the position; zeros where a person named it
) STRICT;

CREATE TABLE deliveries (
    outlet   TEXT    NOT NULL,
    event    BLOB    NOT NULL CHECK (length(event) = 16),
    position INTEGER NOT NULL,
    type     TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last     TEXT    NOT NULL,                           -- the newest attempts, as JSON
    PRIMARY KEY (outlet, event)
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_position ON deliveries (outlet, position);
CREATE INDEX deliveries_state ON deliveries (outlet, state, position);
CREATE INDEX deliveries_over ON deliveries (last_at) WHERE state != 'waiting';
