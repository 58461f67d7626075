"""Colab's secrets: what a person keeps in the notebook's side panel, behind a key."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable
from typing import Any

from aijupyter.config.skipping import Skipped


def is_here() -> bool:
    """Whether this is a Colab kernel, which has loaded its own package."""
    return "google.colab" in sys.modules


def read(variables: Iterable[str]) -> dict[str, str]:
    """The secrets that there are and that this notebook may read. Raises Skipped where Colab cannot be asked."""
    if threading.current_thread() is not threading.main_thread():
        raise Skipped("they can be asked for in the main thread only")
    userdata: Any = importlib.import_module("google.colab.userdata")  # there is none elsewhere

    found: dict[str, str] = {}
    refused: list[str] = []
    for variable in variables:
        try:
            found[variable] = str(userdata.get(variable) or "")
        except userdata.SecretNotFoundError:
            continue
        except userdata.NotebookAccessError:
            refused.append(variable)
        except Exception as error:  # noqa: BLE001  # the browser may be gone, and Colab's errors change
            raise Skipped(f"they were not answered ({type(error).__name__})") from None
    if refused:
        raise Skipped(f"this notebook may not read {', '.join(refused)}", found)
    return found
