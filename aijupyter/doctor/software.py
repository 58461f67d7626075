"""What is installed: Python, packages, the kernel, and what the views need."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from aijupyter.doctor.patient import Patient
from aijupyter.doctor.report import Finding, fine, moot, wrong
from aijupyter.nesting import missing_package, nest_package

LEAST_PYTHON = (3, 11)
EXTRAS = {
    "local": "the embedded AI service",
    "notebook": "JupyterLab and the player's sound",
    "explore": "figures, SQL and Parquet",
    "postgres": "a ledger in PostgreSQL",
    "keyring": "credentials in the system's keyring",
    "ssh": "a tunnel through a host of yours",
}
COMPLETES = (8, 6)
"""From this IPython on the Tab key completes what follows %aijupyter."""


def python(_patient: Patient) -> Finding:
    """Whether this Python is new enough."""
    said = f"{platform.python_version()} on {platform.system()}"
    if sys.version_info < LEAST_PYTHON:
        return wrong(said, "aijupyter needs Python 3.11 or newer.")
    return fine(said)


def packages(_patient: Patient) -> Finding:
    """Whether everything that is required is there, and nothing that is there is of a wrong version."""
    version = version_of("aijupyter")
    if version is None:
        return moot("aijupyter runs from a folder: what it requires is not known here.")
    problems = list(lacking()) + [text for extra in EXTRAS for text in lacking(extra) if "is installed" in text]
    if problems:
        mend = "Install what is required: pip install --upgrade aijupyter."
        return wrong(f"{'; '.join(dict.fromkeys(problems))}.", mend)
    have = [extra for extra in EXTRAS if not list(lacking(extra))]
    lack = [f"{extra} ({about})" for extra, about in EXTRAS.items() if extra not in have]
    said = f"aijupyter {version}, all that it requires" + (f", and {', '.join(have)}" if have else "")
    mend = f"If you want {' or '.join(lack)}: pip install 'aijupyter[{lack[0].split()[0]}]'." if lack else ""
    return fine(f"{said}.", mend)


def kernel(patient: Patient) -> Finding:
    """Whether this kernel carries widgets, and has a loop to await in."""
    if not patient.in_kernel:
        return moot("This is no notebook.")
    version = version_of("ipykernel") or "?"
    if version.startswith("7.0.") or _numbers(version) < (6, 31):
        said = f"ipykernel {version} loses what the background tells widgets."
        return wrong(said, "pip install --upgrade 'ipykernel!=7.0.*', and restart it.")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        mend = "Use job.result() in place of await job, or undo what turned it off (%autoawait asyncio)."
        return wrong("No event loop runs in this kernel, so await does not work.", mend)
    ipython = version_of("ipython") or "?"
    advice = "" if _numbers(ipython) >= COMPLETES else "With IPython 8.6 or newer the Tab key completes %aijupyter."
    return fine(f"ipykernel {version}, IPython {ipython}, its loop runs.", advice)


def widgets(patient: Patient) -> Finding:
    """Whether live views can be made here, and shown by the front end."""
    missing = [name for name in ("ipywidgets", "anywidget") if importlib.util.find_spec(name) is None]
    if missing:
        said = f"{' and '.join(missing)} cannot be imported, so nothing is live."
        return wrong(said, f"pip install {' '.join(missing)}, and restart the kernel.")
    said = f"ipywidgets {version_of('ipywidgets')}, anywidget {version_of('anywidget')}"
    lab, manager = version_of("jupyterlab"), version_of("jupyterlab_widgets")
    if lab is not None and (manager is None or _numbers(manager) < (3,)):
        said = f"{said}, but JupyterLab {lab} has {'no' if manager is None else 'an old'} jupyterlab_widgets"
        mend = "pip install --upgrade jupyterlab_widgets, restart JupyterLab, and reload its page."
        return wrong(f"{said}.", mend)
    if "google.colab" in sys.modules:
        mend = "Colab does not show what changes in the background: run the cell again, or await the job."
        return fine(f"{said}.", mend)
    place = f"JupyterLab {lab}" if lab else "VS Code" if "VSCODE_PID" in os.environ else ""
    elsewhere = "If nothing live appears, install jupyterlab_widgets 3 where JupyterLab runs." if not place else ""
    return fine(f"{said}{f', {place}' if place else ''}.", elsewhere * patient.in_kernel)


def player(_patient: Patient) -> Finding:
    """Whether the player can read recordings of any format."""
    version = version_of("av") if importlib.util.find_spec("av") else None
    if version is None:
        said = "PyAV is not installed: the player draws no waveform of compressed recordings."
        return moot(said, "pip install 'aijupyter[notebook]'.")
    return fine(f"PyAV {version} reads recordings of any format.")


def nesting(_patient: Patient) -> Finding:
    """Whether %aijupyter nest would work."""
    name = nest_package()
    if name is None:
        missing = missing_package()
        return wrong(missing.problem, missing.mend)
    project = name.replace("_", "-")
    return fine(f"{project} {version_of(project) or ''}".rstrip() + ", where needed.")


def version_of(name: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def lacking(extra: str = "") -> Iterator[str]:
    """What aijupyter or an extra of it requires and does not find, each as a clause; nothing where nobody can tell."""
    try:
        from packaging.requirements import Requirement  # noqa: PLC0415  # not one of ours, but of ipykernel's
    except ImportError:
        return
    try:
        texts = metadata.requires("aijupyter") or []
    except metadata.PackageNotFoundError:
        return
    for wanted in map(Requirement, texts):
        marker = wanted.marker
        if marker is None or marker.evaluate({"extra": ""}):
            mine = not extra
        else:
            mine = bool(extra) and marker.evaluate({"extra": extra})
        found = version_of(wanted.name) if mine else None
        if mine and found is None:
            yield f"{wanted.name} is missing"
        elif found is not None and not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} {found} is installed, and {wanted.specifier} is needed"


def _numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; (0,) where it has none."""
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit()) or (0,)
