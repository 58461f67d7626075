"""Finding an engine by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from aijupyter.errors import AIJupyterError, ServiceError
from aijupyter.protocols import Engine

GROUP = "aijupyter.engines"
# What a checkout that was never installed still has.
BUILT_IN = (
    EntryPoint("local", "aijupyter.service.engines.local:LocalEngine", GROUP),
    EntryPoint("scripted", "aijupyter.service.engines.scripted:ScriptedEngine", GROUP),
)


def find_engine(name: str, model: str) -> Engine:
    """An engine by the name of its entry point in `aijupyter.engines`, or as `module:attribute`.

    It is called with `model` and `cache=None` and does not load anything yet.
    Raises ServiceError where there is no such engine, or where it cannot be made.
    """
    entry = EntryPoint(name, name, GROUP) if ":" in name else _installed(name)
    try:
        return cast("Engine", entry.load()(model=model, cache=None))
    except AIJupyterError:
        raise
    except (ImportError, AttributeError) as error:
        raise ServiceError(
            f"The engine {name!r} cannot be imported: {error}.",
            "Install what it needs, or name another engine: an installed one, or module:attribute.",
        ) from error
    except Exception as error:
        raise ServiceError(
            f"The engine {name!r} could not be made with model {model!r}: {type(error).__name__}: {error}.",
            "Choose another model or engine.",
        ) from error


def _installed(name: str) -> EntryPoint:
    known: dict[str, EntryPoint] = {entry.name: entry for entry in (*BUILT_IN, *entry_points(group=GROUP))}
    if name not in known:
        raise ServiceError(
            f"There is no engine {name!r}.",
            f"Installed are: {', '.join(sorted(known))}. An engine can also be named as module:attribute.",
        )
    return known[name]
