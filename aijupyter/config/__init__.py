"""Settings and secrets: what can be set, where it is looked for, and how secrets stay unseen."""

from __future__ import annotations

from aijupyter.config.settings import DEFAULT_SERVER_URL, Settings, data_folder
from aijupyter.config.values import DELIVERIES, VERIFICATIONS, is_local
from aijupyter.secret import Secret, known_secrets, redact

__all__ = [
    "DEFAULT_SERVER_URL",
    "DELIVERIES",
    "VERIFICATIONS",
    "Secret",
    "Settings",
    "data_folder",
    "is_local",
    "known_secrets",
    "redact",
]
