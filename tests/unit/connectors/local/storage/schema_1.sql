-- What the first schema of siem.sqlite made, with one rule and one alert of it.

CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE segments (
    segment_id INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, stream TEXT NOT NULL,
    rows INTEGER NOT NULL, min_event INTEGER NOT NULL, max_event INTEGER NOT NULL, min_arrival
    INTEGER NOT NULL, max_arrival INTEGER NOT NULL, columns JSON NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, evaluated BOOLEAN NOT NULL, PRIMARY KEY (segment_id), UNIQUE (path));
CREATE INDEX segments_by_stream ON segments (kind, stream);
CREATE TABLE score_ids (score_id TEXT NOT NULL, PRIMARY KEY (score_id)) WITHOUT ROWID;
CREATE TABLE rules (
    name TEXT NOT NULL, rule JSON NOT NULL, enabled BOOLEAN NOT NULL, PRIMARY KEY (name));
CREATE TABLE alerts (
    alert_id TEXT NOT NULL, rule TEXT NOT NULL, detector TEXT NOT NULL, version TEXT NOT NULL,
    entity TEXT, event_id TEXT NOT NULL, event_time INTEGER NOT NULL, raised_at INTEGER NOT NULL,
    score FLOAT NOT NULL, risk FLOAT NOT NULL, severity TEXT NOT NULL, reasons TEXT NOT NULL,
    verdict TEXT, closed_at INTEGER, labeller TEXT, PRIMARY KEY (alert_id));
CREATE INDEX alerts_by_rule ON alerts (rule, event_time);
CREATE INDEX alerts_by_time ON alerts (event_time, alert_id);
CREATE TABLE alert_events (
    alert_id TEXT NOT NULL, score_id TEXT NOT NULL, event_id TEXT NOT NULL, event_time INTEGER NOT
    NULL, score FLOAT NOT NULL, PRIMARY KEY (alert_id, score_id)) WITHOUT ROWID;
CREATE TABLE verdicts (
    verdict_id INTEGER NOT NULL, verdict_key TEXT NOT NULL, alert_id TEXT, event_id TEXT, entity
    TEXT, since INTEGER, until INTEGER, verdict TEXT NOT NULL, label_time INTEGER NOT NULL,
    labeller TEXT NOT NULL, source TEXT NOT NULL, propensity FLOAT, withdrawn_at INTEGER, PRIMARY
    KEY (verdict_id), UNIQUE (verdict_key));
CREATE INDEX verdicts_by_alert ON verdicts (alert_id);
CREATE INDEX verdicts_by_time ON verdicts (label_time, verdict_id);
CREATE TABLE histograms (
    histogram_id TEXT NOT NULL, detector TEXT NOT NULL, version TEXT NOT NULL, stage TEXT NOT
    NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, counts JSON NOT NULL, PRIMARY KEY
    (histogram_id));
CREATE INDEX histograms_by_detector ON histograms (detector, since);
INSERT INTO meta VALUES ('schema', '1');
INSERT INTO "alert_events" VALUES('0ff11908be12be4d5ea293ca','s0','e0',1709251200000000,0.9);
INSERT INTO "alerts" VALUES('0ff11908be12be4d5ea293ca','r','d','v1-aa','a','e0',1709251200000000,1709251200000000,0.9,90.0,'low','["why"]',NULL,NULL,NULL);
INSERT INTO "rules" VALUES('r','{"name": "r", "detector": "d", "version": "v1-aa", "threshold": 0.5, "per_entity": 99, "throttle": 0, "budget": 20.0, "severity": "low", "owner": "", "description": "", "attack": []}',1);
