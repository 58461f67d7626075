"""The ledger's schema as named steps. A step that has been released is never changed; new ones are added at the end."""

from __future__ import annotations

import re

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "0001-jobs-and-deliveries",
        """
        CREATE TABLE jobs (
            key TEXT PRIMARY KEY,
            path TEXT NOT NULL UNIQUE,
            server TEXT NOT NULL,
            operation TEXT NOT NULL,
            recording TEXT NOT NULL,
            options TEXT NOT NULL,
            state TEXT NOT NULL,
            created TEXT NOT NULL,
            job_id TEXT,
            request_id TEXT,
            submitted TEXT,
            ended TEXT,
            expires TEXT,
            error TEXT
        );
        CREATE INDEX jobs_by_job_id ON jobs (job_id);
        CREATE INDEX jobs_by_creation ON jobs (created);
        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY,
            job TEXT NOT NULL REFERENCES jobs (key),
            received TEXT NOT NULL,
            source TEXT NOT NULL,
            request_id TEXT,
            is_answer INTEGER NOT NULL,
            body BLOB NOT NULL
        );
        CREATE UNIQUE INDEX one_answer_per_job ON deliveries (job) WHERE is_answer;
        CREATE INDEX deliveries_by_job ON deliveries (job);
        """,
    ),
    (
        "0002-ways-owners-and-strays",
        """
        ALTER TABLE jobs ADD COLUMN account TEXT NOT NULL DEFAULT '';
        ALTER TABLE jobs ADD COLUMN media TEXT;
        ALTER TABLE jobs ADD COLUMN host TEXT NOT NULL DEFAULT '';
        ALTER TABLE jobs ADD COLUMN fingerprint TEXT;
        ALTER TABLE jobs ADD COLUMN owner TEXT;
        ALTER TABLE jobs ADD COLUMN answered BOOLEAN NOT NULL DEFAULT FALSE;
        ALTER TABLE jobs ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
        DROP INDEX jobs_by_creation;
        CREATE INDEX jobs_by_creation_and_key ON jobs (created, key);
        CREATE INDEX jobs_by_request_id ON jobs (request_id) WHERE request_id IS NOT NULL;
        CREATE INDEX jobs_by_fingerprint ON jobs (fingerprint) WHERE fingerprint IS NOT NULL;
        CREATE INDEX jobs_under_way ON jobs (server, account)
            WHERE state IN ('written', 'sending', 'submitted', 'running');
        ALTER TABLE deliveries ADD COLUMN packing INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE deliveries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
        UPDATE deliveries SET size = length(body), packing = CASE WHEN length(body) > 1024 THEN 2 ELSE 0 END;
        DROP INDEX one_answer_per_job;
        DROP INDEX deliveries_by_job;
        CREATE INDEX deliveries_by_job_with_size ON deliveries (job, size);
        CREATE INDEX deliveries_to_pack ON deliveries (id) WHERE packing = 2;
        UPDATE jobs SET answered = TRUE WHERE key IN (SELECT job FROM deliveries WHERE is_answer);
        UPDATE jobs SET repeats = (SELECT COUNT(*) FROM deliveries WHERE job = jobs.key AND NOT is_answer);
        CREATE TABLE history (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job TEXT NOT NULL,
            at TEXT NOT NULL,
            state TEXT NOT NULL,
            cause TEXT NOT NULL,
            writer INTEGER NOT NULL
        );
        CREATE INDEX history_by_job ON history (job);
        INSERT INTO history (job, at, state, cause, writer)
            SELECT key, created, 'written', 'asked', 0 FROM jobs ORDER BY created, key;
        INSERT INTO history (job, at, state, cause, writer)
            SELECT key, submitted, 'submitted', 'accepted by the provider', 0 FROM jobs
            WHERE submitted IS NOT NULL ORDER BY submitted, key;
        INSERT INTO history (job, at, state, cause, writer)
            SELECT key, COALESCE(ended, submitted, created), state, 'written down by an earlier version', 0 FROM jobs
            WHERE state NOT IN ('written', 'submitted') ORDER BY ended, key;
        CREATE TABLE strays (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            received TEXT NOT NULL,
            reason TEXT NOT NULL,
            job_id TEXT,
            request_id TEXT,
            job TEXT,
            packing INTEGER NOT NULL,
            size INTEGER NOT NULL,
            body BLOB NOT NULL
        );
        CREATE TABLE sessions (id TEXT PRIMARY KEY, seen REAL NOT NULL);
        CREATE TABLE forgotten (digest BLOB PRIMARY KEY);
        """,
    ),
    (
        "0003-news-of-what-was-forgotten",
        """
        CREATE INDEX history_of_forgotten ON history (at) WHERE state = 'forgotten';
        """,
    ),
    (
        "0004-names-of-speakers",
        """
        ALTER TABLE jobs ADD COLUMN source TEXT;
        ALTER TABLE jobs ADD COLUMN names TEXT;
        """,
    ),
)


def statements(script: str) -> list[str]:
    """The statements of a step, for SQLite."""
    return [statement.strip() for statement in script.split(";") if statement.strip()]


def postgres_statements(script: str) -> list[str]:
    """The same with PostgreSQL's types. Text is ordered by its bytes, as in SQLite."""
    for ours, theirs in _POSTGRES:
        script = re.sub(ours, theirs, script)
    return statements(script)


_POSTGRES = (
    (r"\bis_answer INTEGER\b", "is_answer BOOLEAN"),  # it stands alone in conditions, where only a BOOLEAN may
    (r"\bINTEGER PRIMARY KEY( AUTOINCREMENT)?", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bREAL\b", "DOUBLE PRECISION"),
    (r"\bBLOB\b", "BYTEA"),
    (r"\bTEXT\b", 'TEXT COLLATE "C"'),
)
