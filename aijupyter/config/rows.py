"""The settings as rows for a person: what is set, to what, and where that came from. Secrets are masked."""

from __future__ import annotations

from dataclasses import fields

from aijupyter.config.settings import Settings
from aijupyter.media import shown_url
from aijupyter.secret import MASK, Secret

DEFAULT = "default"


def settings_rows(settings: Settings) -> list[tuple[str, str, str]]:
    """Each setting's name, value (masked where it is secret, "" where there is none) and source."""
    names = [one.name for one in fields(settings) if one.name not in {"sources", "skipped"}]
    return [(name, _shown(name, getattr(settings, name)), settings.sources.get(name, DEFAULT)) for name in names]


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Secret):
        return shown_url(value.reveal()) if name == "ledger" else MASK
    if name in {"public_url", "ngrok_domain"}:
        return "set"  # it leads to this very kernel, and outputs are passed on
    return shown_url(value) if name == "server_url" and isinstance(value, str) else str(value)
