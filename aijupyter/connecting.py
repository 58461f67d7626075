"""The front door: from settings to an open session, shown the way its surroundings can show it."""

from __future__ import annotations

import sys
from pathlib import Path

from aijupyter.config import Secret, Settings
from aijupyter.session import Session

COST = (
    "Each call counts like a submission, so a job takes two requests or more of the account's budget, and files go "
    "within the request, up to 32 MiB. %aijupyter doctor says how to be reached."
)
SAMPLE = Path(__file__).parent / "samples" / "two-voices.mp3"


def connect(
    *,
    server_url: str | None = None,
    client_id: str | None = None,
    client_secret: str | Secret | None = None,
    jwt: str | Secret | None = None,
    embedded: bool | None = None,
    model: str | None = None,
    engine: str | None = None,
    executor: str | None = None,
    fetch_from: str | None = None,
    store: str | Path | None = None,
    ledger: str | Path | Secret | None = None,
    public_url: str | None = None,
    delivery: str | None = None,
    verify: str | None = None,
    ngrok_token: str | Secret | None = None,
    ngrok_domain: str | None = None,
    ssh: str | None = None,
    ssh_key: str | Path | None = None,
    ssh_listen: str | None = None,
    media_seconds: float | None = None,
    host: str | None = None,
    port: int | None = None,
    max_body: int | None = None,
    poll_seconds: float | None = None,
    keyring_seconds: float | None = None,
    env_file: str | Path | None = ".env",
) -> Session:
    """Open a session: with the account whose credentials are found, else with the embedded AI service.

    What is not given is looked for in the environment, then in `env_file`, and credentials also in the keyring
    (`aijupyter login`) and in Colab's secrets; `aijupyter.Settings` says what each setting means. Close the session
    with `close()` or use it in a `with`; at the latest it closes when the process ends.
    Raises ConfigurationError, ReceiverError, LedgerError, TunnelError or ServiceError, each with the mend.
    """
    client_secret, jwt, ngrok_token = map(_concealed, (client_secret, jwt, ngrok_token))
    ledger = (
        _concealed(ledger)
        if isinstance(ledger, str) and ledger.startswith(("postgresql://", "postgres://"))
        else ledger
    )
    settings = Settings.load(
        env_file=env_file,
        server_url=server_url,
        client_id=client_id,
        client_secret=client_secret,
        jwt=jwt,
        embedded=embedded,
        model=model,
        engine=engine,
        executor=executor,
        fetch_from=fetch_from,
        store=store,
        ledger=ledger,
        public_url=public_url,
        delivery=delivery,
        verify=verify,
        ngrok_token=ngrok_token,
        ngrok_domain=ngrok_domain,
        ssh=ssh,
        ssh_key=ssh_key,
        ssh_listen=ssh_listen,
        media_seconds=media_seconds,
        host=host,
        port=port,
        max_body=max_body,
        poll_seconds=poll_seconds,
        keyring_seconds=keyring_seconds,
    )
    session = Session(settings).start()
    shell = _shell()
    if shell is not None:
        from aijupyter.views import register  # noqa: PLC0415  # nothing to show outside IPython

        register(shell)
        print(announcement(session))  # noqa: T201  # the caller's own cell
    return session


def _concealed(value: str | Secret | None) -> Secret | None:
    """A secret argument as one that no traceback shows, however verbose."""
    return Secret(value) if isinstance(value, str) else value


def announcement(session: Session) -> str:
    """One line about what answers, how the answers come in, and why."""
    status = session.status
    if status.embedded:
        troubles = "".join(f"; {trouble}" for trouble in session.settings.troubles)
        why = "as asked" if session.settings.embedded else f"no RingCentral credentials were found{troubles}"
        return f"Connected to the embedded AI service on this machine ({why}): recordings do not leave it."
    way = status.way_in
    assert way is not None  # noqa: S101  # for the type checker: the session is open
    if way.name != "status":
        return f"Connected to {status.server}. Answers come in {way.words} ({way.why})."
    why = f"{way.why}: {way.problem}" if way.problem else f"{way.why}."
    return f"Connected to {status.server}. Answers are asked for by status calls alone ({why.rstrip('.')}). {COST}"


def sample() -> Path:
    """A recording that ships with the package: about a minute of two synthetic voices on the telephone."""
    return SAMPLE


def samples() -> list[Path]:
    """All recordings that ship with the package: five short calls to a bicycle shop, by synthetic voices."""
    return sorted(SAMPLE.parent.glob("*.mp3"))


def _shell() -> object | None:
    """The running IPython shell; None outside IPython, without importing it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
