-- Why a node is left out of updates; what was answered to a request that may be sent again.
ALTER TABLE node ADD COLUMN exclusion_reason TEXT NOT NULL DEFAULT '';

-- A node's own history, which the page of each node shows.
CREATE INDEX attempt_node ON attempt (node, number);

CREATE TABLE idempotency (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    caller      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    body        TEXT    NOT NULL,
    at_s        REAL    NOT NULL,
    UNIQUE (caller, key)
) STRICT;
CREATE INDEX idempotency_at ON idempotency (at_s);
