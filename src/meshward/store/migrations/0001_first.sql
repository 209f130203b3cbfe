-- Times named _s are Unix seconds. Node ids are unsigned 32-bit numbers.
PRAGMA application_id = 1296388936; -- "MESH"

CREATE TABLE node (
    id           INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    name         TEXT    NOT NULL DEFAULT '',
    tags         TEXT    NOT NULL DEFAULT '[]',
    excluded     INTEGER NOT NULL DEFAULT 0,
    hardware     TEXT    NOT NULL DEFAULT '',
    role         TEXT    NOT NULL DEFAULT '',
    version      TEXT    NOT NULL DEFAULT '',
    firmware     TEXT    NOT NULL DEFAULT '',
    proven_how   TEXT    NOT NULL DEFAULT '',
    proven_at_s  REAL,
    capabilities TEXT    NOT NULL DEFAULT '[]',
    first_seen_s REAL,
    last_seen_s  REAL,
    up_since_s   REAL
) STRICT;
CREATE INDEX node_firmware ON node (firmware);

-- A parent of NULL: the node left the mesh.
CREATE TABLE parent_change (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    node   INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    at_s   REAL    NOT NULL,
    parent INTEGER
) STRICT;
CREATE INDEX parent_change_node ON parent_change (node, id);

CREATE TABLE firmware (
    sha256     TEXT    PRIMARY KEY CHECK (length(sha256) = 64),
    md5        TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    size_bytes INTEGER NOT NULL,
    what       TEXT    NOT NULL,
    hardware   TEXT,
    chip       TEXT,
    project    TEXT    NOT NULL DEFAULT '',
    version    TEXT    NOT NULL DEFAULT '',
    intact     INTEGER NOT NULL DEFAULT 1,
    signature  TEXT    NOT NULL DEFAULT '',
    notes      TEXT    NOT NULL DEFAULT '',
    inspection TEXT    NOT NULL DEFAULT '{}',
    added_at_s REAL    NOT NULL,
    added_by   TEXT    NOT NULL
) STRICT;

-- The documents hold everything; the columns are what is searched for.
CREATE TABLE rollout (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT    NOT NULL UNIQUE,
    name      TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    created_s REAL    NOT NULL,
    active    INTEGER NOT NULL,
    doc       TEXT    NOT NULL
) STRICT;
CREATE INDEX rollout_active ON rollout (number) WHERE active;

CREATE TABLE run (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT    NOT NULL UNIQUE,
    rollout   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    open      INTEGER NOT NULL,
    started_s REAL    NOT NULL,
    ended_s   REAL,
    doc       TEXT    NOT NULL
) STRICT;
CREATE INDEX run_rollout ON run (rollout, number);
CREATE INDEX run_open ON run (number) WHERE open;

CREATE TABLE attempt (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    run            TEXT    NOT NULL,
    node           INTEGER NOT NULL,
    rollout        TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    firmware       TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    reason         TEXT,
    attempts       INTEGER NOT NULL,
    repaired_parts INTEGER NOT NULL,
    started_s      REAL,
    ended_s        REAL,
    UNIQUE (run, node)
) STRICT;
CREATE INDEX attempt_rollout ON attempt (rollout, number);

CREATE TABLE health (
    node   INTEGER PRIMARY KEY,
    at_s   REAL    NOT NULL,
    record TEXT    NOT NULL
) STRICT;

CREATE TABLE event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s     REAL    NOT NULL,
    kind     TEXT    NOT NULL,
    severity TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    node     INTEGER,
    rollout  TEXT
) STRICT;
CREATE INDEX event_node ON event (node, id) WHERE node IS NOT NULL;
CREATE INDEX event_rollout ON event (rollout, id) WHERE rollout IS NOT NULL;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_s    REAL    NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    hash    TEXT    NOT NULL
) STRICT;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- Also against INSERT OR REPLACE, which deletes without the trigger above.
CREATE TRIGGER audit_insert BEFORE INSERT ON audit
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM audit)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE token (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    hash        TEXT NOT NULL UNIQUE,
    created_s   REAL NOT NULL,
    created_by  TEXT NOT NULL,
    expires_s   REAL,
    last_used_s REAL,
    revoked_s   REAL
) STRICT;

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
