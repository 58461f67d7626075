"""Everything that aijupyter raises, as one tree.

    AIJupyterError
    ├── ConfigurationError           (ValueError)       a setting is missing, wrong or contradicts another
    │   ├── CredentialsError                            some of the account's credentials are missing
    │   ├── KeyringError                                the system's keyring cannot be used
    │   └── LoginError                                  nobody can be asked for credentials, or gave up
    ├── OptionError                  (ValueError)       an option or value the API does not know
    ├── MediaError                   (ValueError)       a recording cannot be used
    │   ├── MediaNotFoundError       (FileNotFoundError)
    │   ├── MediaUnreadableError     (PermissionError)
    │   └── MediaUnreachableError    (ConnectionError)  a URL does not answer
    ├── LedgerError                  (OSError)          the ledger cannot be opened, read or written
    ├── PortalError                  (RuntimeError)     the background loop is stopped, or called from itself
    ├── ReceiverError                (OSError)          the receiver cannot listen
    ├── TunnelError                  (ConnectionError)  the public URL cannot be opened
    │   ├── TunnelMissingError       (FileNotFoundError)  the program or package that does it is not installed
    │   ├── TunnelRefusedError       (PermissionError)  the account or the host refuses, and will again
    │   └── TunnelTimeoutError       (TimeoutError)     a step of opening it took too long
    ├── ServiceError                 (RuntimeError)     the embedded AI service cannot run
    │   ├── LocalExtraMissingError   (ImportError)      the packages of the `local` extra are not installed
    │   ├── ModelsMissingError                          a model is neither cached nor to be fetched
    │   └── WorkerLostError                             the process that did the analysis ended, or was ended
    ├── NestingError                 (RuntimeError)     the running loop cannot be nested
    │   └── NestingMissingError      (ModuleNotFoundError)  the package that does it is not installed
    ├── ExtraMissingError            (ImportError)      the packages of the `explore` extra are not installed
    ├── SessionClosedError           (RuntimeError)
    ├── ProviderError                                   the API said no
    │   ├── BadRequestError          (ValueError)       400 and other refusals of the request
    │   ├── AuthenticationError      (PermissionError)  401, or the token call was refused
    │   ├── ForbiddenError           (PermissionError)  403
    │   ├── NotFoundError            (LookupError)      404
    │   ├── ConflictError            (ValueError)       409
    │   ├── GoneError                (LookupError)      410
    │   ├── TooLargeError            (ValueError)       413
    │   ├── RateLimitedError                            429, with `retry_after`
    │   ├── ServerError                                 5xx
    │   └── UnexpectedAnswerError    (ValueError)       an answer that is not of the contract
    ├── ProviderUnreachableError     (ConnectionError)  no connection: the request surely was not received
    ├── NoAnswerError                (ConnectionError)  the request left and no answer came
    └── JobError                                        carries `job_id`
        ├── JobFailedError                              the provider's errors, in `faults`
        ├── JobExpiredError          (LookupError)      the provider no longer knows the job
        ├── JobCancelledError                           a person gave the job up
        ├── JobTimeoutError          (TimeoutError)     the wait ended; the job goes on
        ├── JobNotFoundError         (LookupError)      the ledger holds no such job
        └── SubmissionUnconfirmedError                  sent, but nobody can say whether it was received

`problem` says what is wrong and `mend` what to do next; `str(error)` is both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aijupyter.telling import block, printable

CONNECT_AGAIN = "Connect again: ai = aijupyter.connect()."


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the provider's error list: `{errorCode, message, parameterName?}`."""

    code: str
    message: str
    parameter: str | None = None

    def __str__(self) -> str:
        where = f" (parameter {self.parameter})" if self.parameter else ""
        text = f"{self.code}: {self.message}{where}" if self.code else f"{self.message}{where}"
        return printable(text)


class AIJupyterError(Exception):
    """The root. `problem` says what is wrong, `mend` what to do next ("" where nothing can be advised)."""

    def __init__(self, problem: str, mend: str = "") -> None:
        super().__init__(problem, mend)
        self.problem = problem
        self.mend = mend
        _clear_number(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return load_error, (dump_error(self),)

    def __str__(self) -> str:
        return f"{self.problem}\n{self.mend}" if self.mend else self.problem

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback: one block that a person can read, in lines."""
        return block(self)


def _clear_number(error: Exception) -> None:
    """An OSError takes its first argument for an error number where there are two."""
    if isinstance(error, OSError):
        error.errno = None


class ConfigurationError(AIJupyterError, ValueError):
    """A setting is missing, wrong, or contradicts another."""


class CredentialsError(ConfigurationError):
    """Some of the account's credentials are there and some are missing."""


class KeyringError(ConfigurationError):
    """The system's keyring is not there, locked, or broken."""


class LoginError(ConfigurationError):
    """Nobody can be asked for credentials here, or nothing was typed."""


class OptionError(AIJupyterError, ValueError):
    """An option or a value that the API does not know. `option` names it."""

    def __init__(self, problem: str, mend: str = "", *, option: str = "") -> None:
        super().__init__(problem, mend)
        self.option = option


class MediaError(AIJupyterError, ValueError):
    """A recording cannot be used. `source` is what was given, as text."""

    def __init__(self, problem: str, mend: str = "", *, source: str = "") -> None:
        super().__init__(problem, mend)
        self.source = source


class MediaNotFoundError(MediaError, FileNotFoundError):
    """There is no such file."""


class MediaUnreadableError(MediaError, PermissionError):
    """The file is there and may not be read."""


class MediaUnreachableError(MediaError, ConnectionError):
    """The recording's URL does not answer, or not with the recording."""


class LedgerError(AIJupyterError, OSError):
    """The ledger cannot be opened, read or written. `path` is where it is."""

    def __init__(self, problem: str, mend: str = "", *, path: str = "") -> None:
        super().__init__(problem, mend)
        self.path = path


class PortalError(AIJupyterError, RuntimeError):
    """The background loop is not running, or was asked to wait for itself."""


class ReceiverError(AIJupyterError, OSError):
    """The receiver cannot listen, for example because its port is taken."""


class TunnelError(AIJupyterError, ConnectionError):
    """The public URL cannot be opened. Where it is none of the kinds below, a later attempt may succeed."""


class TunnelMissingError(TunnelError, FileNotFoundError):
    """What opens it, ngrok's agent or the package asyncssh, is not installed."""


class TunnelRefusedError(TunnelError, PermissionError):
    """The account or the host refuses: a token, a key, a domain or a port. Trying again changes nothing."""


class TunnelTimeoutError(TunnelError, TimeoutError):
    """A step of opening it took too long."""


class ServiceError(AIJupyterError, RuntimeError):
    """The embedded AI service cannot run."""


class LocalExtraMissingError(ServiceError, ImportError):
    """The packages of the `local` extra are not installed."""


class ModelsMissingError(ServiceError):
    """A model is not on this machine and cannot be fetched."""


class WorkerLostError(ServiceError):
    """The process that did the analysis ended before it was done: it crashed, was killed, or took too much memory."""


class NestingError(AIJupyterError, RuntimeError):
    """The running loop cannot be nested: `aijupyter.nest` and, within a loop, `aijupyter.run` do not work there."""


class NestingMissingError(NestingError, ModuleNotFoundError):
    """No package that nests loops is installed."""


class ExtraMissingError(AIJupyterError, ImportError):
    """The packages of the `explore` extra are not installed: figures, SQL, Parquet."""


class SessionClosedError(AIJupyterError, RuntimeError):
    """The session was closed."""


class ProviderError(AIJupyterError):
    """The API answered with an error.

    `status` is the HTTP status, `faults` the provider's error list, `request_id` its RCRequestId (for its support);
    `error_code`, `message` and `parameter_name` are those of the first fault.
    """

    def __init__(
        self,
        problem: str,
        mend: str = "",
        *,
        status: int = 0,
        faults: Sequence[Fault] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(problem, mend)
        self.status = status
        self.faults = tuple(faults)
        self.request_id = request_id

    @property
    def error_code(self) -> str | None:
        """The first fault's code, such as `CAI-101`."""
        return self.faults[0].code if self.faults else None

    @property
    def message(self) -> str | None:
        """The first fault's message, in the provider's words."""
        return self.faults[0].message if self.faults else None

    @property
    def parameter_name(self) -> str | None:
        """The parameter that the first fault complains of, where the provider names one."""
        return self.faults[0].parameter if self.faults else None


class BadRequestError(ProviderError, ValueError):
    """400, or another refusal that sending again cannot mend."""


class AuthenticationError(ProviderError, PermissionError):
    """401, or the token call was refused."""


class ForbiddenError(ProviderError, PermissionError):
    """403: the app or the user may not do this."""


class NotFoundError(ProviderError, LookupError):
    """404."""


class ConflictError(ProviderError, ValueError):
    """409: it exists already."""


class GoneError(ProviderError, LookupError):
    """410: it was deleted before."""


class TooLargeError(ProviderError, ValueError):
    """413."""


class RateLimitedError(ProviderError):
    """429. `retry_after` is how long to stay silent, in seconds."""

    def __init__(self, problem: str, mend: str = "", *, retry_after: float, **details: object) -> None:
        super().__init__(problem, mend, **details)  # type: ignore[arg-type]  # passed on as they came
        self.retry_after = retry_after


class ServerError(ProviderError):
    """5xx: whether a submission was received cannot be told."""


class UnexpectedAnswerError(ProviderError, ValueError):
    """An answer that is not of the contract, for example a submission accepted without a jobId."""


class ProviderUnreachableError(AIJupyterError, ConnectionError):
    """No connection could be made: the request surely was not received, and may be sent again."""


class NoAnswerError(AIJupyterError, ConnectionError):
    """The request left and no answer came: it may or may not have been received."""


class JobError(AIJupyterError):
    """About one job. `job_id` is the provider's id where it is known, else our own key."""

    def __init__(self, problem: str, mend: str = "", *, job_id: str = "") -> None:
        super().__init__(problem, mend)
        self.job_id = job_id


class JobFailedError(JobError):
    """The provider ended the job with errors: `faults`. The whole answer stays readable as `job.raw`."""

    def __init__(self, problem: str, mend: str = "", *, job_id: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(problem, mend, job_id=job_id)
        self.faults = tuple(faults)


class JobExpiredError(JobError, LookupError):
    """The provider no longer knows the job, so its answer will not come."""


class JobCancelledError(JobError):
    """The job was given up before it was sent, or while nobody could say whether it was received."""


class JobTimeoutError(JobError, TimeoutError):
    """The wait ended before the job did. The job goes on: wait again, or pick it up later by its id."""


class JobNotFoundError(JobError, LookupError):
    """The ledger holds no such job."""


class SubmissionUnconfirmedError(JobError):
    """The request left and no answer came. It is not repeated, for it could be paid twice."""


def dump_error(error: AIJupyterError) -> dict[str, object]:
    """An error as JSON-ready data, for the ledger."""
    details = {name: value for name, value in vars(error).items() if name != "__notes__"}
    details["kind"] = type(error).__name__
    if isinstance(error, ProviderError | JobFailedError):
        details["faults"] = [(fault.code, fault.message, fault.parameter) for fault in error.faults]
    return details


def load_error(data: Mapping[str, Any]) -> AIJupyterError:
    """The error that `dump_error` wrote down; the root class where its kind is no longer known."""
    details = dict(data)
    kind = globals().get(str(details.pop("kind", "")))
    problem, mend = str(details.pop("problem", "")), str(details.pop("mend", ""))
    if not (isinstance(kind, type) and issubclass(kind, AIJupyterError)):
        return AIJupyterError(problem, mend)
    if "faults" in details:
        details["faults"] = [Fault(*fault) for fault in details["faults"]]
    try:
        return kind(problem, mend, **details)
    except TypeError:  # written by a version whose errors carry something else
        return AIJupyterError(problem, mend)
