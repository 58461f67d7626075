"""The ngrok agent's own configuration, where `ngrok config add-authtoken` keeps the token."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import platformdirs

from aijupyter.config.skipping import Skipped

_OLD = "~/.ngrok2/ngrok.yml"
NAME = "authtoken"


def files() -> list[Path]:
    """Where the agent's configuration may be: named by NGROK_CONFIG, else the usual file, now and with version 2."""
    named = os.environ.get("NGROK_CONFIG")
    usual = (named,) if named else (platformdirs.user_config_dir("ngrok", appauthor=False) + "/ngrok.yml", _OLD)
    return [Path(os.path.expanduser(file)) for file in usual]  # noqa: PTH111  # unlike Path's it needs no home


def read(_names: Iterable[str] = ()) -> dict[str, str]:
    """The token, by its name there, if a file holds one. Raises Skipped where a file cannot be read."""
    for file in files():
        token = _token(_content(file))
        if token:
            return {NAME: token}
    return {}


def _content(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Skipped(f"{file} cannot be read ({type(error).__name__})") from None
    import yaml  # noqa: PLC0415  # only those who use ngrok pay for it

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):  # whose messages quote the file
        raise Skipped(f"{file} is no YAML") from None


def _token(content: Any) -> str | None:
    """`authtoken` under `agent`, as in version 3, or at the top, as in version 2."""
    if not isinstance(content, dict):
        return None
    agent = content.get("agent")
    inner = agent.get(NAME) if isinstance(agent, dict) else None
    token = inner or content.get(NAME)
    return token if isinstance(token, str) else None
