-- What witnesses said of signed checkpoints: of the newest that enough of them cosigned, and of those after it.
CREATE TABLE cosigned (
    size    INTEGER PRIMARY KEY,                             -- of the checkpoint
    lines   BLOB    NOT NULL,                                -- of the witnesses' signatures
    lasting BLOB    NOT NULL,                                -- the log's own further ones
    quorum  INTEGER NOT NULL,                                -- 1: enough have cosigned
    open    INTEGER NOT NULL                                 -- 1: from here on none is waited for
) STRICT;
