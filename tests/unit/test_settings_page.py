"""docs/settings.md: every setting is on it, in a table, as a variable and as an argument, and each example works."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import aijupyter
from aijupyter.config import Settings
from aijupyter.config.places import VARIABLES

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
NAMES = [field.name for field in fields(Settings) if field.name not in {"sources", "skipped"}]
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if re.match("[A-Z_]+=", line)
]
CALLS = [
    node
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for node in ast.walk(ast.parse(block))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "aijupyter.connect"
]


def test_every_setting_has_its_line_and_its_call() -> None:
    """None is forgotten, and connect() takes each of them."""
    for name in NAMES:
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
        assert all(f"`{variable}`" in row for variable in VARIABLES[name])
    assert {line.partition("=")[0] for line in LINES} == {variables[0] for variables in VARIABLES.values()}
    assert {keyword.arg for call in CALLS for keyword in call.keywords} == {*NAMES, "env_file"}
    assert set(inspect.signature(aijupyter.connect).parameters) == {*NAMES, "env_file"}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_a_file_works(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting takes the value that the line gives."""
    monkeypatch.delenv("AIJUPYTER_LEDGER")
    monkeypatch.delenv("AIJUPYTER_STORE")
    rest = "RC_APP_CLIENT_ID=i\nRC_APP_CLIENT_SECRET=s\nRC_USER_JWT=j\n"
    (tmp_path / ".env").write_text(f"{rest}{line}\n")
    settings = Settings.load()
    variable = line.partition("=")[0]
    (name,) = [name for name, variables in VARIABLES.items() if variable in variables]
    assert settings.sources[name] == f".env {variable}"
    assert getattr(settings, name) not in {None, ""}


@pytest.mark.parametrize("call", CALLS, ids=ast.unparse)
def test_a_call_works(call: ast.Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its arguments are settings with sensible values, and agree with one another."""
    (tmp_path / "service.env").touch()
    for variable in ("RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT"):
        monkeypatch.setenv(variable, "given")
    given = {str(word.arg): eval(ast.unparse(word.value)) for word in call.keywords}  # our own page
    settings = Settings.load(**given)
    assert {name for name, source in settings.sources.items() if source == "argument"} == set(given) - {"env_file"}
