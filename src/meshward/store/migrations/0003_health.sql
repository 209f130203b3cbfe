-- Health: samples as they came and rolled up, alerts, silences, and what people are still to be told.
-- The blobs are made by store/history_codec.py. Times named _ms are Unix milliseconds.

-- What is known of the samples of each node; see store/history.py.
CREATE TABLE sample_node (
    node           INTEGER PRIMARY KEY,
    first_ms       INTEGER NOT NULL,
    unrolled_ms    INTEGER,
    raw_from_ms    INTEGER NOT NULL DEFAULT 0,
    minutes_from_s INTEGER NOT NULL DEFAULT 0,
    expired_s      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX sample_node_unrolled ON sample_node (unrolled_ms) WHERE unrolled_ms IS NOT NULL;

CREATE TABLE sample (
    node   INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    source INTEGER NOT NULL,
    data   BLOB    NOT NULL,
    PRIMARY KEY (node, at_ms, source)
) STRICT, WITHOUT ROWID;

-- The 60 minutes of an hour.
CREATE TABLE sample_minute (
    node    INTEGER NOT NULL,
    metric  INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    PRIMARY KEY (node, metric, start_s)
) STRICT, WITHOUT ROWID;

-- The 24 hours of a day.
CREATE TABLE sample_hour (
    node    INTEGER NOT NULL,
    metric  INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    PRIMARY KEY (node, metric, start_s)
) STRICT, WITHOUT ROWID;

-- The documents hold everything; the columns are what is searched for.
CREATE TABLE alert (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    fingerprint TEXT    NOT NULL,
    rule        TEXT    NOT NULL,
    node        INTEGER,
    state       TEXT    NOT NULL,
    since_s     REAL    NOT NULL,
    resolved_s  REAL,
    doc         TEXT    NOT NULL
) STRICT;
CREATE INDEX alert_open ON alert (number) WHERE state <> 'resolved';
CREATE INDEX alert_node ON alert (node, number) WHERE node IS NOT NULL;
CREATE INDEX alert_resolved ON alert (resolved_s) WHERE resolved_s IS NOT NULL;

CREATE TABLE silence (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,
    starts_s REAL    NOT NULL,
    ends_s   REAL    NOT NULL,
    doc      TEXT    NOT NULL
) STRICT;
CREATE INDEX silence_ends ON silence (ends_s);

-- Gone once every receiver has taken it.
CREATE TABLE notification (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,
    doc    TEXT    NOT NULL
) STRICT;

-- What was learnt of each node: what is usual for it, its heap since its boot.
CREATE TABLE health_record (
    node INTEGER PRIMARY KEY,
    doc  TEXT    NOT NULL
) STRICT;
