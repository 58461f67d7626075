"""The embedded service's own engine: real analysis, on the user's machine, with models that need no GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from aijupyter.errors import LocalExtraMissingError, ServiceError
from aijupyter.models import AnalysisTask, Operation, VoicePrint

if TYPE_CHECKING:
    from aijupyter.service.engines.pipeline import Pipeline

Response = dict[str, Any] | list[Any]
Progress = Callable[[float], None]

NO_REPORTS = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

_ON_SOUND = {
    Operation.TRANSCRIBE: "transcribe",
    Operation.DIARIZE: "diarize",
    Operation.IDENTIFY: "identify",
    Operation.EMOTIONS: "emotions",
    Operation.ANALYZE: "analyze",
}
_ON_TEXT = (Operation.PUNCTUATE, Operation.SUMMARIZE)


class LocalEngine:
    """Transcribes with Whisper, tells and recognises voices by GE2E embeddings, and analyses the conversation.

    Implements aijupyter.protocols.Engine. `model` is a faster-whisper model's name (`tiny.en`, `base.en`, `small.en`,
    `large-v3-turbo`, ...) or a folder with CTranslate2's files; `cache` is where fetched models are kept, by default
    the user's cache folder. Nothing is loaded before `load`. Abstractive summaries come from the chat endpoint that the
    process's environment names (see chat.from_environment).
    """

    operations = frozenset((*_ON_SOUND, *_ON_TEXT))
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

    def analyze(self, task: AnalysisTask, report: Progress) -> Response:
        """The contract's `response` object; see aijupyter.protocols.Engine.

        Loads the models where that has not been done, and the operation needs them. Raises ServiceError for an
        operation that is not among `operations`.
        """
        if task.operation not in self.operations:
            able = ", ".join(sorted(self.operations))
            raise ServiceError(f"The local engine does not do {task.operation}.", f"It does: {able}.")
        if task.operation in _ON_TEXT:
            response = _of_text(task)
        else:
            response = getattr(self._loaded(_unheard), _ON_SOUND[task.operation])(task, report)
        report(1.0)
        return response

    def voice_print(self, audio: str, known: VoicePrint | None = None) -> VoicePrint:
        """The voice that speaks in an audio file; see aijupyter.protocols.Engine."""
        return self._loaded(_unheard).voice_print(audio, known)

    def _loaded(self, report: Callable[[str], None]) -> Pipeline:
        if self._pipeline is None:
            # ONNX Runtime's official builds and the hub's client report their use to their makers unless told not to.
            os.environ.update(NO_REPORTS)
            try:
                from aijupyter.service.engines.pipeline import Pipeline  # noqa: PLC0415 - needs the local extra
            except ImportError as error:
                raise _missing(error) from error
            self._pipeline = Pipeline(self.model, self.cache, report)
        return self._pipeline


def _of_text(task: AnalysisTask) -> Response:
    try:
        from aijupyter.service.engines import chat, punctuation, summaries  # noqa: PLC0415 - needs the local extra
    except ImportError as error:
        raise _missing(error) from error
    if task.operation is Operation.PUNCTUATE:
        return {"texts": [punctuation.punctuated(str(text)) for text in task.options.get("texts") or []]}
    return summaries.summarized(task.options, chat.from_environment)


def _missing(error: ImportError) -> LocalExtraMissingError:
    return LocalExtraMissingError(
        f"The embedded service needs a package that is not there: {error.name or error}.",
        "Install it: pip install 'aijupyter[local]'",
    )


def _unheard(_: str) -> None:
    return
