-- A database of schema version 3, as it was used for a while.
PRAGMA application_id = 1296388936;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
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
INSERT INTO "alert" VALUES(1,'a1','heap_low/3213549812','heap_low',3213549812,'firing',1700003000.0,NULL,'{"id":"a1","fingerprint":"heap_low/3213549812","rule":"heap_low","labels":{},"node":3213549812,"name":"","severity":"warning","state":"firing","text":"porch: little free heap","advice":"","value":null,"threshold":null,"behind":[],"since_s":1700003000.0,"fired_s":1700003060.0,"clear_since_s":null,"resolved_s":null,"acked_by":"","acked_s":null,"ack_note":"","flapping":false,"inhibited_by":"","silenced_by":"","ended":"","held_s":0.0,"told_s":null,"told_severity":null,"told_flapping":false,"changes":0}');
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
INSERT INTO "attempt" VALUES(1,'u-00000001',3213549812,'r-00000001','install','40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264','completed',NULL,1,2,1700000010.0,1700000300.0);
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_s    REAL    NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL,
    hash    TEXT    NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1699910000.0,'admin','firmware.add','318179f8fbb61ca3aba260b74c70a7a941822b02b0b27f225f6c86566d202c0c','{"name":"sensor-1.0.bin"}','3f7c8a000257b6bced95b259a885de1d60c394940f331e42843da2af117f40f7');
INSERT INTO "audit" VALUES(2,1700000000.0,'admin','rollout.create','r-00000001','{"name":"sensor 1.1"}','939e3ca5964ea8b74e71e18284a7c82ee405c1e1ad13b3b658221839a8537081');
INSERT INTO "audit" VALUES(3,1700002000.25,'ops','node.exclude','2147483649','{"excluded":true}','0f5bdfc886a876fc4321d2183921fc3fb7d2066dad292b930c5f48f38a47e8c2');
CREATE TABLE event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s     REAL    NOT NULL,
    kind     TEXT    NOT NULL,
    severity TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    node     INTEGER,
    rollout  TEXT
) STRICT;
INSERT INTO "event" VALUES(1,1700000000.0,'rollout.state','info','rollout sensor 1.1 started',NULL,'r-00000001');
INSERT INTO "event" VALUES(2,1700000300.0,'node.updated','info','node 3213549812 runs sensor 1.1',3213549812,'r-00000001');
INSERT INTO "event" VALUES(3,1700000320.0,'node.left','warning','node 2147483649 left',2147483649,NULL);
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
INSERT INTO "firmware" VALUES('318179f8fbb61ca3aba260b74c70a7a941822b02b0b27f225f6c86566d202c0c','06c53436a82f8ae120a0f606b9996389','sensor-1.0.bin',204800,'ESP32 application','ESP32','ESP32','sensor','1.0',1,'','','{"kind":"application"}',1699910000.0,'admin');
INSERT INTO "firmware" VALUES('40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264','fb3b413999e32d87e854bf29bf886c98','sensor-1.1.bin',204800,'ESP32 application','ESP32','ESP32','sensor','1.1',1,'','','{"kind":"application"}',1699996400.0,'admin');
CREATE TABLE health (
    node   INTEGER PRIMARY KEY,
    at_s   REAL    NOT NULL,
    record TEXT    NOT NULL
) STRICT;
INSERT INTO "health" VALUES(3213549812,1700000900.0,'{"restarts":0,"delay_us":[12000,11000]}');
CREATE TABLE health_record (
    node INTEGER PRIMARY KEY,
    doc  TEXT    NOT NULL
) STRICT;
INSERT INTO "health_record" VALUES(3213549812,'{}');
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
INSERT INTO "idempotency" VALUES(1,'t-00000001','3f1c','9b74c9897bac770ffc029102a200c5de',201,'{"id":"r-00000002"}',1700002100.5);
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
, exclusion_reason TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO "node" VALUES(1001,'Küche','["indoor","lamp"]',0,'','','','','',NULL,'[]',1699913600.0,1700000900.0,1700000000.0,'');
INSERT INTO "node" VALUES(2147483649,'','[]',1,'ESP32','sensor','1.0','318179f8fbb61ca3aba260b74c70a7a941822b02b0b27f225f6c86566d202c0c','proved after its restart',1700000300.0,'[]',1699913600.0,1700000900.0,NULL,'water meter: never touch');
INSERT INTO "node" VALUES(3213549812,'porch','["outdoor"]',0,'ESP32','sensor','1.1','40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264','proved after its restart',1700000300.0,'[]',1699913600.0,1700000900.0,1700000000.0,'');
CREATE TABLE notification (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,
    doc    TEXT    NOT NULL
) STRICT;
CREATE TABLE parent_change (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    node   INTEGER NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    at_s   REAL    NOT NULL,
    parent INTEGER
) STRICT;
INSERT INTO "parent_change" VALUES(1,3213549812,1699913600.0,1);
INSERT INTO "parent_change" VALUES(2,3213549812,1700000000.0,1001);
INSERT INTO "parent_change" VALUES(3,1001,1699913600.0,1);
INSERT INTO "parent_change" VALUES(4,2147483649,1699913600.0,1001);
INSERT INTO "parent_change" VALUES(5,2147483649,1699999940.0,NULL);
CREATE TABLE rollout (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT    NOT NULL UNIQUE,
    name      TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    created_s REAL    NOT NULL,
    active    INTEGER NOT NULL,
    doc       TEXT    NOT NULL
) STRICT;
INSERT INTO "rollout" VALUES(1,'r-00000001','sensor 1.1','completed',1700000000.0,0,'{"id":"r-00000001","spec":{"name":"sensor 1.1","images":["40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264"],"target":{"roles":["sensor"],"nodes":[],"exclude":[],"tags":[],"versions":[]},"waves":[{"name":"canary","size":"5%","nodes":[],"soak_s":600.0,"success_min":"100%","errors_max":"0","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0},{"name":"early adopters","size":"25%","nodes":[],"soak_s":300.0,"success_min":"90%","errors_max":"10%","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0},{"name":"everyone","size":"100%","nodes":[],"soak_s":300.0,"success_min":"90%","errors_max":"10%","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0}],"failure_budget":"10%","health":{"restarts_max":1,"absence_max_s":60.0,"delay_factor_max":3.0,"heap_ratio_min":0.7},"on_failure":"rollback","rollback_to":[],"approval":false,"start_at":null,"windows":[],"late_joiners":true,"absent_wait_s":0.0,"transfer":{"strategy":"auto","compress":"auto","part_bytes":null,"window":null,"concurrency":null,"backlog_bytes":null,"force":false,"chip":null},"notes":""},"state":"completed","reason":"","resume_to":null,"images":{},"back":{},"wave":0,"waves":[{"started_s":1700000000.0,"ended_s":1700000900.0,"soak_since_us":null,"batch":0,"outcome":"passed","reason":""}],"nodes":[{"node":3213549812,"hardware":"ESP32","role":"sensor","wave":0,"state":"completed","reason":null,"error":null,"image":"40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264","previous":"318179f8fbb61ca3aba260b74c70a7a941822b02b0b27f225f6c86566d202c0c","touched":true,"attempts":1,"asked":0,"forgiven":false,"back_attempts":0,"completed_us":300000000,"updated_at_s":1700000300.0}],"created_by":"admin","created_s":1700000000.0,"started_s":1700000000.0,"ended_s":1700000900.0,"surveyed":true,"going_back":false,"failure":"","since_us":0,"runs_made":0,"clock_us":0}');
INSERT INTO "rollout" VALUES(2,'r-00000002','roll out 1.2','awaiting_approval',1700002000.0,1,'{"id":"r-00000002","spec":{"name":"roll out 1.2","images":["abababababababababababababababababababababababababababababababab"],"target":{"roles":["sensor"],"nodes":[],"exclude":[],"tags":[],"versions":[]},"waves":[{"name":"canary","size":"5%","nodes":[],"soak_s":600.0,"success_min":"100%","errors_max":"0","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0},{"name":"early adopters","size":"25%","nodes":[],"soak_s":300.0,"success_min":"90%","errors_max":"10%","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0},{"name":"everyone","size":"100%","nodes":[],"soak_s":300.0,"success_min":"90%","errors_max":"10%","errors_sample_min":1,"error_classes":["failed","lost","rolled_back","refused"],"go_ahead":"auto","batch":0,"batch_growth":2.0}],"failure_budget":"10%","health":{"restarts_max":1,"absence_max_s":60.0,"delay_factor_max":3.0,"heap_ratio_min":0.7},"on_failure":"rollback","rollback_to":[],"approval":true,"start_at":null,"windows":[],"late_joiners":true,"absent_wait_s":0.0,"transfer":{"strategy":"auto","compress":"auto","part_bytes":null,"window":null,"concurrency":null,"backlog_bytes":null,"force":false,"chip":null},"notes":""},"state":"awaiting_approval","reason":"","resume_to":null,"images":{},"back":{},"wave":0,"waves":[],"nodes":[],"created_by":"ops","created_s":1700002000.0,"started_s":null,"ended_s":null,"surveyed":false,"going_back":false,"failure":"","since_us":0,"runs_made":0,"clock_us":0}');
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
INSERT INTO "run" VALUES(1,'u-00000001','r-00000001','install',0,1700000010.0,1700000300.0,'{"id":"u-00000001","rollout":"r-00000001","kind":"install","image":"40c41f394d7a9a5697acbc281679ede770ecbf3cb48e3f600804988fa0a00264","hardware":"ESP32","role":"sensor","nodes":[3213549812],"open":false,"strategy":"broadcast","started_s":1700000010.0,"ended_s":1700000300.0,"part_bytes":1024,"parts":200,"sent_bytes":0,"all_links_bytes":0,"records":[{"node":3213549812,"state":"completed","reason":null,"attempts":1,"position":200,"small_from":null,"trusted":true,"repaired_parts":2,"is_2019":false}]}');
CREATE TABLE sample (
    node   INTEGER NOT NULL,
    at_ms  INTEGER NOT NULL,
    source INTEGER NOT NULL,
    data   BLOB    NOT NULL,
    PRIMARY KEY (node, at_ms, source)
) STRICT, WITHOUT ROWID;
INSERT INTO "sample" VALUES(3213549812,1700003000000,604,X'04C002');
CREATE TABLE sample_hour (
    node    INTEGER NOT NULL,
    metric  INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    PRIMARY KEY (node, metric, start_s)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample_minute (
    node    INTEGER NOT NULL,
    metric  INTEGER NOT NULL,
    start_s INTEGER NOT NULL,
    data    BLOB    NOT NULL,
    PRIMARY KEY (node, metric, start_s)
) STRICT, WITHOUT ROWID;
CREATE TABLE sample_node (
    node           INTEGER PRIMARY KEY,
    first_ms       INTEGER NOT NULL,
    unrolled_ms    INTEGER,
    raw_from_ms    INTEGER NOT NULL DEFAULT 0,
    minutes_from_s INTEGER NOT NULL DEFAULT 0,
    expired_s      INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "sample_node" VALUES(3213549812,1700003000000,1700002800000,0,0,0);
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "setting" VALUES('updates_at_once','2');
CREATE TABLE silence (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,
    starts_s REAL    NOT NULL,
    ends_s   REAL    NOT NULL,
    doc      TEXT    NOT NULL
) STRICT;
INSERT INTO "silence" VALUES(1,'s1',1700003000.0,1700090000.0,'{"id":"s1","kind":"silence","rules":["heap_low"],"nodes":[],"tags":[],"starts_s":1700003000.0,"ends_s":1700090000.0,"reason":"known","created_by":"me","rollout":"","created_s":1700003000.0,"ended_by":""}');
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
INSERT INTO "token" VALUES('0badcafe','laptop','admin','fad35ea8d99b912f81e94b149dc02b1c93a1bfd3bab89966a37a0ab45889f275',1699910000.0,'command line',NULL,1700000000.0,NULL);
CREATE INDEX node_firmware ON node (firmware);
CREATE INDEX parent_change_node ON parent_change (node, id);
CREATE INDEX rollout_active ON rollout (number) WHERE active;
CREATE INDEX run_rollout ON run (rollout, number);
CREATE INDEX run_open ON run (number) WHERE open;
CREATE INDEX attempt_rollout ON attempt (rollout, number);
CREATE INDEX event_node ON event (node, id) WHERE node IS NOT NULL;
CREATE INDEX event_rollout ON event (rollout, id) WHERE rollout IS NOT NULL;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_insert BEFORE INSERT ON audit
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM audit)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE INDEX attempt_node ON attempt (node, number);
CREATE INDEX idempotency_at ON idempotency (at_s);
CREATE INDEX sample_node_unrolled ON sample_node (unrolled_ms) WHERE unrolled_ms IS NOT NULL;
CREATE INDEX alert_open ON alert (number) WHERE state <> 'resolved';
CREATE INDEX alert_node ON alert (node, number) WHERE node IS NOT NULL;
CREATE INDEX alert_resolved ON alert (resolved_s) WHERE resolved_s IS NOT NULL;
CREATE INDEX silence_ends ON silence (ends_s);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('parent_change',5);
INSERT INTO "sqlite_sequence" VALUES('run',2);
INSERT INTO "sqlite_sequence" VALUES('attempt',2);
INSERT INTO "sqlite_sequence" VALUES('rollout',2);
INSERT INTO "sqlite_sequence" VALUES('event',3);
INSERT INTO "sqlite_sequence" VALUES('idempotency',1);
INSERT INTO "sqlite_sequence" VALUES('alert',1);
INSERT INTO "sqlite_sequence" VALUES('silence',1);
COMMIT;
