-- How far each outlet of the bus has come, and what became of each event that a web hook sent. Times are milliseconds since 1970, UTC, as far as a delivery knows
-- them. Nothing here is a body, an address or a secret.
CREATE TABLE outlet (
    name     text   COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    event    uuid   NOT NULL                                   -- that stands at the position; zeros where a person named it
) WITH (fillfactor = 20);

CREATE TABLE delivery (
    outlet   text   COLLATE "C" NOT NULL,
    event    uuid   NOT NULL,
    position bigint NOT NULL,
    type     text   COLLATE "C" NOT NULL,
    state    text   COLLATE "C" NOT NULL,
    first_at bigint NOT NULL,
    last_at  bigint NOT NULL,
    attempts bigint NOT NULL,
    last     jsonb  NOT NULL,                                  -- the newest attempts
    PRIMARY KEY (outlet, event)
);

CREATE INDEX delivery_position ON delivery (outlet, position);
CREATE INDEX delivery_state ON delivery (outlet, state, position);
CREATE INDEX delivery_over ON delivery (last_at) WHERE state <> 'waiting';
