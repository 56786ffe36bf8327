-- One ledger in one schema. All text that is compared or sorted is so by its bytes (COLLATE "C"): the rules of a language differ between
-- systems, and an index made by other rules than those it is read with finds nothing. Times are microseconds since 1970, UTC.

-- The record. A row is written once; nothing here is ever changed or removed.
CREATE TABLE events (
    position bigint PRIMARY KEY CHECK (position > 0),          -- from 1, dense: head gives them out
    stream   text   COLLATE "C" NOT NULL,
    revision bigint NOT NULL CHECK (revision >= 0),            -- in the stream, from 0, dense
    id       uuid   NOT NULL UNIQUE,
    type     text   COLLATE "C" NOT NULL,
    data     bytea  NOT NULL,                                  -- the exact bytes that the Merkle log hashes
    meta     bytea  NOT NULL,                                  -- the same; ends with "recorded_at"
    UNIQUE (stream, revision)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: an event is never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay;          -- under session_replication_role = replica too

-- The last event, in one row. Whoever appends locks it until the commit.
CREATE TABLE head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    position    bigint  NOT NULL,
    recorded_at bigint  NOT NULL
) WITH (fillfactor = 20);

-- The last moment that was called settled, in one row, and the life of the server in which it was last written.
CREATE TABLE settled (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    at    bigint  NOT NULL,
    epoch text    NOT NULL
) WITH (fillfactor = 20);

INSERT INTO head (position, recorded_at) VALUES (0, -9223372036854775808);
INSERT INTO settled (at, epoch) VALUES (-9223372036854775808, pg_postmaster_start_time()::text);

-- Wrapped keys and keyed hashes: nothing from here on can be read without the master key.
CREATE TABLE subject (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text   COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE dek (
    kid        text   COLLATE "C" PRIMARY KEY,
    subject    bigint NOT NULL REFERENCES subject (id),
    class      text   NOT NULL,                                -- identity, attributes, freeform
    generation bigint NOT NULL,                                -- of the master key
    wrapped    bytea  NOT NULL,
    UNIQUE (subject, class)
) WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0); -- a deleted row is cleared from its page at the next round

-- What was destroyed stays listed, so that it is never mistaken for a key that cannot be had.
CREATE TABLE destroyed (
    kid     text   COLLATE "C" PRIMARY KEY,
    subject bigint NOT NULL REFERENCES subject (id),
    class   text   NOT NULL,                                   -- '' where this store never had the key
    reads   text   NOT NULL CHECK (reads IN ('depersonalised', 'destroyed')),
    at      bigint NOT NULL
);

CREATE INDEX destroyed_subject ON destroyed (subject);

CREATE FUNCTION refuse_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.kid, NEW.subject, NEW.class, NEW.at, NEW.reads) = (OLD.kid, OLD.subject, OLD.class, OLD.at, 'destroyed') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the list of the destroyed only grows' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER destroyed_stay BEFORE UPDATE OR DELETE ON destroyed FOR EACH ROW EXECUTE FUNCTION refuse_return();
CREATE TRIGGER destroyed_remain BEFORE TRUNCATE ON destroyed FOR EACH STATEMENT EXECUTE FUNCTION refuse_return();
ALTER TABLE destroyed ENABLE ALWAYS TRIGGER destroyed_stay;
ALTER TABLE destroyed ENABLE ALWAYS TRIGGER destroyed_remain;

CREATE TABLE login (
    mac         bytea   PRIMARY KEY CHECK (length(mac) = 16),
    subject     bigint  NOT NULL REFERENCES subject (id),
    reserved_at bigint  NOT NULL,
    instance    text    NOT NULL,                              -- the process that reserved it
    confirmed   boolean NOT NULL DEFAULT false
);

CREATE INDEX login_subject ON login (subject);
CREATE INDEX login_unconfirmed ON login (reserved_at) WHERE NOT confirmed;

CREATE TABLE search (
    field   text   COLLATE "C" NOT NULL,
    mac     bytea  NOT NULL CHECK (length(mac) = 16),
    subject bigint NOT NULL REFERENCES subject (id),
    PRIMARY KEY (field, mac, subject)
);

CREATE INDEX search_subject ON search (subject);

CREATE TABLE claim (
    kind   text  COLLATE "C" NOT NULL,
    thing  bytea NOT NULL CHECK (length(thing) = 16),
    holder text  NOT NULL,
    PRIMARY KEY (kind, thing)
);

-- Who may ask. 0 is "not yet". The secret itself is kept nowhere.
CREATE TABLE token (
    id           text   COLLATE "C" PRIMARY KEY,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    name         text   COLLATE "C" NOT NULL,
    role         text   NOT NULL,
    person       text   NOT NULL,                              -- whose it is, by a pseudonym; empty where the name stands for the person
    subject      text   NOT NULL,                              -- a user's id with role subject, else empty
    hash         bytea  NOT NULL CHECK (length(hash) = 32),
    created_at   bigint NOT NULL,
    expires_at   bigint NOT NULL,
    revoked_at   bigint NOT NULL DEFAULT 0,
    last_used_at bigint NOT NULL DEFAULT 0                     -- within the hour
);

CREATE INDEX token_name ON token (name);
CREATE INDEX token_expiry ON token (expires_at) WHERE role = 'subject';
