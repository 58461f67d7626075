"""The embedded service's own engine: real analysis, on the user's machine, with models that need no GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from aijupyter.errors import LocalExtraMissingError, ServiceError
from aijupyter.models import AnalysisTask, Operation

if TYPE_CHECKING:
    from aijupyter.service.engines.pipeline import Pipeline

NO_REPORTS = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

_ABLE = (Operation.TRANSCRIBE, Operation.ANALYZE)


class LocalEngine:
    """Transcribes with Whisper, tells speakers apart by GE2E voice embeddings, and analyses the conversation.

    Implements aijupyter.protocols.Engine for Operation.TRANSCRIBE and Operation.ANALYZE. `model` is a faster-whisper
    model's name (`tiny.en`, `base.en`, `small.en`, `large-v3-turbo`, ...) or a folder with CTranslate2's files; `cache`
    is where fetched models are kept, by default the user's cache folder. Nothing is loaded before `load`.
    """

    operations = frozenset(_ABLE)
    """What this engine can be asked."""

    def __init__(self, model: str = "tiny.en", cache: Path | None = None) -> None:
        self.model = model
        self.cache = cache or user_cache_path("aijupyter")
        self._pipeline: Pipeline | None = None

    def __repr__(self) -> str:
        return f"LocalEngine(model={self.model!r}, cache={str(self.cache)!r})"

    def load(self, report: Callable[[str], None]) -> None:
        """Find or fetch the models and load them; see aijupyter.protocols.Engine."""
        self._loaded(report)

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """The contract's `response` object; see aijupyter.protocols.Engine.

        Loads the models where that has not been done. Raises ServiceError for an operation that is not among
        `operations`.
        """
        if task.operation not in self.operations:
            raise ServiceError(f"The local engine does not do {task.operation}.", f"It does: {', '.join(_ABLE)}.")
        pipeline = self._loaded(lambda _: None)
        answer = pipeline.transcribe if task.operation is Operation.TRANSCRIBE else pipeline.analyze
        response = answer(task.audio, task.options, report)
        report(1.0)
        return response

    def _loaded(self, report: Callable[[str], None]) -> Pipeline:
        if self._pipeline is None:
            # ONNX Runtime's official builds and the hub's client report their use to their makers unless told not to.
            os.environ.update(NO_REPORTS)
            try:
                from aijupyter.service.engines.pipeline import Pipeline  # noqa: PLC0415 - needs the local extra
            except ImportError as error:
                raise LocalExtraMissingError(
                    f"The embedded service needs a package that is not there: {error.name or error}.",
                    "Install it: pip install 'aijupyter[local]'",
                ) from error
            self._pipeline = Pipeline(self.model, self.cache, report)
        return self._pipeline
