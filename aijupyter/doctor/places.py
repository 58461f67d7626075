"""What is set up: settings, credentials, the session, the embedded service's models, ledger and receiver."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import threading
from contextlib import closing
from glob import escape
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from aijupyter.config import Secret
from aijupyter.doctor.patient import Patient
from aijupyter.doctor.report import Finding, fine, moot, unknown, wrong
from aijupyter.doctor.software import lacking
from aijupyter.errors import LedgerError
from aijupyter.models import Selection
from aijupyter.session.parts import make_ledger, shown_place

LEDGER_SECONDS = 1.5
LEAST_FREE = 200 * 1000**2
"""Less free room on the ledger's disk is told, in bytes."""


def settings(patient: Patient) -> Finding:
    """Whether the settings can be read and agree with one another."""
    found = patient.settings
    if found is None:
        assert patient.problem is not None  # noqa: S101  # one of the two is there
        return wrong(patient.problem.problem, patient.problem.mend)
    places = dict.fromkeys(source.rpartition(" ")[0] or source for source in found.sources.values())
    given = f"{len(found.sources)} set, by {' and '.join(places)}" if places else "all as they are by default"
    return fine(f"{given}. %aijupyter config shows them.")


def credentials(patient: Patient) -> Finding:
    """Which credentials were found, and where. Never what they are."""
    found = patient.settings
    if found is None:
        return unknown()
    if not found.has_credentials:
        said = "No account's credentials were found: the embedded service answers."
        if not found.troubles:
            return moot(said)
        mend = "If yours are there, unlock it and connect again; else AIJUPYTER_KEYRING_SECONDS=0 does not ask it."
        return moot(f"{said} Not answered: {'; '.join(found.troubles)}.", mend)
    where = dict.fromkeys(found.sources.get(name, "default") for name in ("client_id", "client_secret", "jwt"))
    unused = " They are not used: embedded is set." if found.uses_embedded else ""
    return fine(f"Complete, from {', '.join(where)}.{unused}")


def session(patient: Patient) -> Finding:
    """Whether the open session answers."""
    if patient.session is None:
        return moot("None is open.", "Open one: %aijupyter start.")
    status = patient.session.status
    if not status.answering:
        return wrong("Its embedded service has ended.", mend="Start it again: %aijupyter start.")
    return fine(f"Open, with {status.under_way} jobs under way.")


def embedded(patient: Patient) -> Finding:
    """Whether the embedded service has what it needs: its engine, packages and models."""
    found = patient.settings
    if found is None:
        return unknown()
    if not found.uses_embedded:
        return moot("Not used: an account answers.")
    if found.engine != "local":
        return _other_engine(found.engine)
    missing = list(lacking("local")) or (
        [] if importlib.util.find_spec("faster_whisper") else ["faster-whisper is missing"]
    )
    if missing:
        mend = "pip install 'aijupyter[local]', or set an account's credentials."
        return wrong(f"{'; '.join(missing)}.", mend)
    return _models(found.model)


def ledger(patient: Patient) -> Finding:
    """Whether the ledger opens, and has room."""
    found = patient.settings
    if found is None:
        return unknown()
    place = found.ledger
    if isinstance(place, Path):
        folder = next(folder for folder in (place.parent, *place.parents) if folder.exists())
        if not place.exists():
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise LedgerError(f"{place} cannot be made in {folder}.", "Name another place: AIJUPYTER_LEDGER.")
            said = f"{place}, to be made at the first start"
        else:
            said = f"{place}, {_opened(place)}"
        free = shutil.disk_usage(folder).free
        room = f"{free / 1000**3:,.1f} GB free"
        if free < LEAST_FREE:
            mend = "Make room, or name a ledger on another disk: AIJUPYTER_LEDGER. ai.trim() forgets old answers."
            return wrong(f"{said}, but only {free / 1000**2:,.0f} MB free.", mend)
        return fine(f"{said}, {room}.")
    return fine(f"{shown_place(place)}, {_opened(place)}.")


def receiver(patient: Patient) -> Finding:
    """Whether answers can be listened for."""
    found = patient.settings
    if found is None:
        return unknown()
    if patient.session is not None:
        return fine("The open session listens.")
    port = str(found.port) if found.port else "any free port"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind, protocol)) as listening:
            if os.name == "posix":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1)
    except OSError as error:
        said = f"The receiver cannot listen on {found.host}, {port}: {error.strerror or error}."
        mend = "Leave host and port out, or set others: AIJUPYTER_HOST, AIJUPYTER_PORT. An open session may hold it."
        return wrong(said, mend)
    return fine(f"It can listen on {found.host}, {port}.")


def _other_engine(engine: str) -> Finding:
    if not (_is_module(engine.partition(":")[0]) if ":" in engine else engine in _engines()):
        mend = f"Installed are: {', '.join(sorted(_engines()))}. Set AIJUPYTER_ENGINE to one, or to module:attribute."
        return wrong(f"There is no engine {engine!r}.", mend)
    return fine(f"The engine {engine} is installed.")


def _is_module(name: str) -> bool:
    """Whether there is such a module. Those that it lies in are imported for that, and may not be there."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def _engines() -> set[str]:
    return {"local", *(entry.name for entry in entry_points(group="aijupyter.engines"))}


def _models(model: str) -> Finding:
    """Whether the models are on the disk already."""
    folder = _home(model)
    is_path = folder.is_absolute() or model.startswith(("~", ".")) or folder.is_dir()
    if is_path and not (folder / "model.bin").is_file():
        mend = "Set AIJUPYTER_MODEL to a model's name, such as tiny.en, or to a folder with CTranslate2's files."
        return wrong(f"The folder {model} holds no model.bin.", mend)
    cache = user_cache_path("aijupyter")
    there = {
        f"the speech model {model}": is_path or _speech_model(model, cache),
        "the voice model": any(cache.glob("ge2e-*.npz")),
    }
    absent = [name for name, found in there.items() if not found]
    if absent:
        said = f"Ready, but for {' and '.join(absent)}, to be fetched at the first use."
        return fine(said, "That needs the network once.")
    return fine(f"Ready, with {' and '.join(there)} on this machine.")


def _speech_model(model: str, cache: Path) -> bool:
    """Whether a model lies in our cache or in that of the hub. Looks at names only: asking the hub's client is slow."""
    if (cache / f"whisper-{model.replace('/', '--')}" / "model.bin").is_file():
        return True
    home = _home(os.environ.get("HF_HOME") or "~/.cache/huggingface")
    hub = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    literal = escape(model)
    name = literal.replace("/", "--") if "/" in model else f"*whisper-{literal.removeprefix('distil-')}"
    return any(hub.glob(f"models--{name}/snapshots/*/model.bin"))


def _home(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111  # unlike Path's it leaves an unknown user's name as it is


def _opened(place: Path | Secret) -> str:
    """Open the ledger as connect() would, and say what is in it. Raises LedgerError."""
    ended: list[Any] = []

    def look() -> None:
        try:
            ended.append(asyncio.run(_count(place)))
        except Exception as error:  # noqa: BLE001  # told in the thread that waits
            ended.append(error)

    looking = threading.Thread(target=look, name="aijupyter-doctor", daemon=True)
    looking.start()
    looking.join(LEDGER_SECONDS)
    if not ended:
        raise LedgerError(
            f"{shown_place(place)} does not open within {LEDGER_SECONDS} s.",
            "Another program may hold it, or its server does not answer. Try again.",
        )
    if isinstance(ended[0], Exception):
        raise ended[0]
    return f"{ended[0]:,} jobs"


async def _count(place: Path | Secret) -> int:
    book = make_ledger(place)
    await book.open()
    try:
        return await book.count(Selection())
    finally:
        await book.close()
