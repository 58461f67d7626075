"""The ledger's schema as named steps. A step that has been released is never changed; new ones are added at the end."""

from __future__ import annotations

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
)
