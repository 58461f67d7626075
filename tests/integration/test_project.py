"""The project's own files agree with one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """pyproject.toml's own table."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_yml_has_the_same_dependencies(project: dict[str, Any]) -> None:
    """Who installs with conda gets what who installs with pip gets, on the Pythons that the file allows."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {entry for entry in listed if isinstance(entry, str)} - {"pip"}
    python = next(entry for entry in conda if entry.startswith("python>"))
    assert python == f"python{project['requires-python']},<3.14"
    old_enough = [entry for entry in project["dependencies"] if ">= '3.14'" not in entry]
    assert conda - {python} == {entry.partition(";")[0].strip() for entry in old_enough}
    (from_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    assert from_pip == ["-e .[local,notebook,explore]"]
    assert {"local", "notebook", "explore"} <= set(project["optional-dependencies"])


def test_the_version_is_one(project: dict[str, Any]) -> None:
    """The package, its metadata and the changelog name the same version."""
    import aijupyter  # noqa: PLC0415

    assert aijupyter.__version__ == project["version"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readmes_links_lead_somewhere() -> None:
    """Every file that a document names exists."""
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name} names {target}"


def test_notebooks_hold_no_outputs() -> None:
    """Notebooks are kept without what a run of them showed."""
    import json  # noqa: PLC0415

    notebooks = list((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        for cell in json.loads(notebook.read_text())["cells"]:
            assert not cell.get("outputs"), notebook.name
            assert cell.get("execution_count") is None, notebook.name
