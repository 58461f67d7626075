"""Names that nobody can guess, and how they are looked up."""

from __future__ import annotations

import hashlib


def digest(name: str) -> bytes:
    """What a name is looked up by: how long that takes says nothing of how much of a guess was right."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
