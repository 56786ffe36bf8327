-- The record. A row is written once; nothing here is ever changed or removed.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,                      -- from 1, dense: one writer gives them out
    stream   TEXT    NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),   -- in the stream, from 0, dense
    id       BLOB    NOT NULL CHECK (length(id) = 16),
    type     TEXT    NOT NULL,
    data     BLOB    NOT NULL,                         -- the exact bytes that the Merkle log hashes
    meta     BLOB    NOT NULL                          -- the same; ends with "recorded_at"
) STRICT;

CREATE UNIQUE INDEX events_place ON events (stream, revision);
CREATE UNIQUE INDEX events_id ON events (id);

CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only: an event is never changed');
END;

CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only: an event is never removed');
END;
