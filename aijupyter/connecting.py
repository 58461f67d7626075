"""The front door: from settings to an open session, shown the way its surroundings can show it."""

from __future__ import annotations

import sys
from pathlib import Path

from aijupyter.config import Secret, Settings
from aijupyter.session import Session

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
    env_file: str | Path | None = ".env",
) -> Session:
    """Open a session: with the account whose credentials are found, else with the embedded AI service.

    What is not given is looked for in the environment, then in `env_file`; `aijupyter.Settings` says what each setting
    means. Close the session with `close()` or use it in a `with`; at the latest it closes when the process ends.
    Raises ConfigurationError, ReceiverError, LedgerError, TunnelError or ServiceError, each with the mend.
    """
    settings = Settings.load(
        env_file=env_file,
        server_url=server_url,
        client_id=client_id,
        client_secret=client_secret,
        jwt=jwt,
        embedded=embedded,
        model=model,
        engine=engine,
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
    )
    session = Session(settings).start()
    shell = _shell()
    if shell is not None:
        from aijupyter.views import register  # noqa: PLC0415  # nothing to show outside IPython

        register(shell)
        print(announcement(session))  # noqa: T201  # the caller's own cell
    return session


def announcement(session: Session) -> str:
    """One line about what answers, and why."""
    status = session.status
    if not status.embedded:
        from aijupyter.views.session import reached  # noqa: PLC0415  # nothing to show outside IPython

        return f"Connected to {status.server}. Receiver: {reached(session)}."
    why = "as asked" if session.settings.embedded else "no RingCentral credentials were found"
    return f"Connected to the embedded AI service on this machine ({why}): recordings do not leave it."


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
