-- What the Merkle log is made of beside the journal. All but the checkpoints and the keys can be made anew from the journal.
CREATE TABLE state (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    size        INTEGER NOT NULL,                            -- leaves
    position    INTEGER NOT NULL,                            -- in the journal, of the last record that was looked at
    record      BLOB    NOT NULL CHECK (length(record) = 16),-- its id
    bodies      INTEGER NOT NULL,                            -- last revision of ledger-checkpoints, -1 for none
    heads_index INTEGER NOT NULL,                            -- leaf of the newest commitment of heads, -1 for none
    heads_up_to INTEGER NOT NULL,
    lasting     BLOB    NOT NULL                             -- further signatures of the newest checkpoint
) STRICT;

CREATE TABLE tiles (
    tile INTEGER PRIMARY KEY,                                -- level << 56 | number
    data BLOB    NOT NULL                                    -- up to 256 hashes
) STRICT;

CREATE TABLE leaves (
    idx      INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    prev     INTEGER NOT NULL,                               -- the stream's leaf before, -1 for its first
    id       BLOB    NOT NULL CHECK (length(id) = 16)
) STRICT;

CREATE UNIQUE INDEX leaves_id ON leaves (id);

CREATE TABLE heads (
    key      BLOB    PRIMARY KEY CHECK (length(key) = 32),   -- SHA-256 of the stream's name
    revision INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads_tiles (
    up_to INTEGER NOT NULL,
    tile  INTEGER NOT NULL,                                  -- level << 56 | number
    data  BLOB    NOT NULL,
    PRIMARY KEY (up_to, tile)
) STRICT;

-- What was signed was said, and is never taken back.
CREATE TABLE checkpoints (
    size    INTEGER PRIMARY KEY,
    root    BLOB    NOT NULL CHECK (length(root) = 32),
    note    BLOB    NOT NULL,
    lasting BLOB    NOT NULL,                                -- kept where audit
    audit   INTEGER NOT NULL
) STRICT;

CREATE TRIGGER checkpoints_stay BEFORE UPDATE ON checkpoints BEGIN
    SELECT RAISE(ABORT, 'a signed checkpoint is never changed');
END;

CREATE TRIGGER checkpoints_remain BEFORE DELETE ON checkpoints BEGIN
    SELECT RAISE(ABORT, 'a signed checkpoint is never removed');
END;

CREATE TABLE keys (
    at   INTEGER PRIMARY KEY,                                -- the order in which they came
    vkey TEXT    NOT NULL UNIQUE
) STRICT;
