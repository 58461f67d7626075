"""What docs/security.md promises is shown by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"


def test_every_test_that_the_threat_model_names_exists() -> None:
    """A defence whose test was renamed or dropped is noticed here."""
    page = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    sources = "\n".join(file.read_text(encoding="utf-8") for file in TESTS.rglob("test_*.py"))
    assert len(named) > 20
    assert named - set(re.findall(r"def (test_\w+)\(", sources)) == set()


def test_every_defence_has_its_test() -> None:
    """A row either says that there is none ("nothing:"), or names what shows it."""
    rows = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count("|") == 5]
    for _, what, defence, shown in rows[2:]:
        assert "`test_" in shown or defence.strip().startswith("nothing"), what
