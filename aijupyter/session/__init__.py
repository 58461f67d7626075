"""A session: what a person holds, and the parts that it puts together."""

from __future__ import annotations

from aijupyter.session.session import Session, SessionStatus

__all__ = ["Session", "SessionStatus"]
