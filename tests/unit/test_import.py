"""Importing: what it loads, what it gives, and in which direction it goes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aijupyter

PACKAGE = Path(aijupyter.__file__).parent
HEAVY = (
    "pandas",
    "ipywidgets",
    "pyngrok",
    "asyncssh",
    "aiohttp",
    "faster_whisper",
    "numpy",
    "IPython",
    "av",
    "nest_asyncio",
)

LAYERS = [  # each may import those below it, and its own
    {"magics", "cli"},
    {"demo"},
    {"connecting"},
    {"views"},
    {"receiving", "doctor", "login"},
    {"session"},
    {"jobs", "results", "explore", "embedded"},
    {"api", "receiver", "tunnels", "ledger", "service"},
    {"protocols", "portal", "media", "options", "config", "logs", "nesting", "palette", "watching"},
    {"models"},
    {"envelope"},
    {"secret"},
    {"errors"},
    {"telling"},
]
SIBLINGS = {"api", "receiver", "tunnels", "ledger", "service"}
SERVICE_MAY = {"errors", "models", "protocols"}


def loaded_by(statement: str) -> list[str]:
    """Which heavy packages a statement loads into a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=True
    )
    return child.stdout.split()


def test_the_package_loads_nothing_heavy() -> None:
    """`import aijupyter` costs next to nothing."""
    assert loaded_by("import aijupyter") == []


def test_settings_and_errors_load_nothing_heavy() -> None:
    """Nor do the names that only describe."""
    assert loaded_by("import aijupyter; aijupyter.Settings, aijupyter.errors, aijupyter.JobState, aijupyter.run") == []


def test_a_session_loads_what_it_needs() -> None:
    """A session needs the web client; frames, widgets, tunnels and models wait until they are asked for."""
    assert loaded_by("import aijupyter; aijupyter.connect, aijupyter.Session") == ["aiohttp"]


def test_public_names() -> None:
    """Every public name resolves, is listed for completion, and they are sorted."""
    assert list(aijupyter.__all__) == sorted(set(aijupyter.__all__))
    for name in aijupyter.__all__:
        assert getattr(aijupyter, name) is getattr(aijupyter, name)
        assert name in dir(aijupyter)
    with pytest.raises(AttributeError, match="no_such_name"):
        aijupyter.no_such_name  # noqa: B018  # looking is the point


def test_star_import() -> None:
    """`from aijupyter import *` gives the public names and no others."""
    names: dict[str, object] = {}
    exec("from aijupyter import *", names)
    names.pop("__builtins__")
    assert sorted(names) == list(aijupyter.__all__)


def imports() -> set[tuple[str, str, str]]:
    """Every import of ours in the package: the file, its part of the package, and the part that it imports."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        where = file.relative_to(PACKAGE)
        part = where.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{where} imports relatively"
                whole = node.module == "aijupyter"
                given = [aijupyter._HOMES.get(alias.name, alias.name) for alias in node.names]
                names = [f"aijupyter.{name}" for name in given] if whole else [node.module or ""]
            ours = {name.split(".")[1] for name in names if name.startswith("aijupyter.")} - {"__version__"}
            found |= {(str(where), part, name) for name in ours}
    return found


def height(part: str) -> int:
    """On which layer a part of the package is, from below."""
    return next(len(LAYERS) - place for place, layer in enumerate(LAYERS) if part in layer)


def test_every_part_has_its_layer() -> None:
    """A new module must say where it belongs."""
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__"} <= set().union(*LAYERS)


def test_imports_go_one_way() -> None:
    """Nothing imports from a layer above its own."""
    wrong = {
        f"{file} imports {other}"
        for file, part, other in imports()
        if part != "__init__" and height(other) > height(part)
    }
    assert len(imports()) > 50
    assert wrong == set()


def test_siblings_never_meet() -> None:
    """The client, the receiver, the tunnels, the ledger and the service know nothing of one another."""
    wrong = {f"{f} imports {o}" for f, part, o in imports() if {part, o} <= SIBLINGS and part != o}
    assert wrong == set()


def test_the_service_shares_next_to_nothing() -> None:
    """That client and service agree is a real test, for they share neither code nor the envelope's reader."""
    used = {other for _, part, other in imports() if part == "service"} - {"service"}
    assert used <= SERVICE_MAY


def test_only_the_session_names_concrete_parts() -> None:
    """Ledger, receiver and tunnels are put together in one place."""
    users = {part for _, part, other in imports() if other in {"ledger", "receiver", "tunnels"} and part != other}
    assert users == {"session"}
    files = {file for file, _, other in imports() if other in {"ledger", "tunnels"}}
    assert {Path(file).name for file in files if not file.startswith(("ledger", "tunnels"))} == {"parts.py", "ways.py"}
