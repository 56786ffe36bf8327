-- Wrapped keys and keyed hashes: nothing here can be read without the master key. Times are microseconds since 1970, UTC.

-- A subject's name is written once, and all else names it by number: rows of one subject lie together, and those of new
-- ones at the end, so that a registration touches few pages however many there are.
CREATE TABLE subject (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE dek (
    subject    INTEGER NOT NULL REFERENCES subject (id),
    class      TEXT    NOT NULL,                       -- identity, attributes, freeform
    kid        TEXT    NOT NULL UNIQUE,
    generation INTEGER NOT NULL,                       -- of the master key
    wrapped    BLOB    NOT NULL,
    PRIMARY KEY (subject, class)
) STRICT, WITHOUT ROWID;

-- What was destroyed stays listed, so that it is never mistaken for a key that cannot be had.
CREATE TABLE destroyed (
    kid     TEXT    NOT NULL PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject (id),
    class   TEXT    NOT NULL,                          -- '' where this file never had the key
    reads   TEXT    NOT NULL CHECK (reads IN ('depersonalised', 'destroyed')),
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX destroyed_subject ON destroyed (subject);

CREATE TRIGGER destroyed_remain BEFORE DELETE ON destroyed BEGIN
    SELECT RAISE(ABORT, 'the list of the destroyed only grows');
END;

CREATE TRIGGER destroyed_stay BEFORE UPDATE ON destroyed
WHEN NEW.kid <> OLD.kid OR NEW.subject <> OLD.subject OR NEW.class <> OLD.class OR NEW.at <> OLD.at OR NEW.reads <> 'destroyed' BEGIN
    SELECT RAISE(ABORT, 'the list of the destroyed only grows');
END;

CREATE TABLE login (
    mac         BLOB    NOT NULL PRIMARY KEY CHECK (length(mac) = 16),
    subject     INTEGER NOT NULL REFERENCES subject (id),
    reserved_at INTEGER NOT NULL,
    instance    TEXT    NOT NULL,                      -- the process that reserved it
    confirmed   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX login_subject ON login (subject);
CREATE INDEX login_unconfirmed ON login (reserved_at) WHERE confirmed = 0;

CREATE TABLE search (
    field   TEXT    NOT NULL,
    mac     BLOB    NOT NULL CHECK (length(mac) = 16),
    subject INTEGER NOT NULL REFERENCES subject (id),
    PRIMARY KEY (field, mac, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX search_subject ON search (subject);

CREATE TABLE claim (
    kind   TEXT NOT NULL,
    thing  BLOB NOT NULL CHECK (length(thing) = 16),
    holder TEXT NOT NULL,
    PRIMARY KEY (kind, thing)
) STRICT, WITHOUT ROWID;
