"""The `aijupyter` command: thin, it parses, calls, and turns errors into one readable block and an exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aijupyter import __version__
from aijupyter.errors import AIJupyterError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status: 0 done, 1 an error that was told, 2 a wrong call, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        status: int | None = options.run(options)
    except AIJupyterError as error:
        sys.stderr.write(f"aijupyter: {error}\n")
        return 1
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"\naijupyter: {': '.join(('interrupted', *map(str, interrupt.args)))}\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    return status or 0


def _demo(options: argparse.Namespace) -> None:
    from aijupyter.demo import run_demo  # noqa: PLC0415  # --help must be quick

    run_demo(options.recording)


def _serve(options: argparse.Namespace) -> None:
    from aijupyter.service.limits import Limit  # noqa: PLC0415  # --help must be quick
    from aijupyter.service.rehearsal import Rehearsal  # noqa: PLC0415  # --help must be quick
    from aijupyter.service.standalone import serve  # noqa: PLC0415  # --help must be quick

    serve(
        options.port,
        options.credentials_file,
        options.model,
        options.fetch_from,
        engine=options.engine,
        store=options.store,
        limit=Limit.parse(options.limit) if options.limit else None,
        rehearsal=Rehearsal.parse(options.rehearse) if options.rehearse else None,
        executor=options.executor,
    )


def _receive(options: argparse.Namespace) -> None:
    from aijupyter.receiving import receive  # noqa: PLC0415  # --help must be quick

    receive(options.ledger, host=options.host, port=options.port, verify=options.verify)


def _doctor(options: argparse.Namespace) -> int:
    from aijupyter.doctor import Report, examining  # noqa: PLC0415  # --help must be quick

    checks = []
    for check in examining(env_file=options.env_file, offline=options.offline):
        checks.append(check)
        if not options.json:  # as it goes, for some of it takes a while
            sys.stdout.write(f"{check}\n")
            sys.stdout.flush()
    report = Report(tuple(checks))
    sys.stdout.write(f"{report.to_json()}\n" if options.json else f"\n{report.summary}\n")
    return 0 if report.ok else 1


def _login(options: argparse.Namespace) -> None:
    from aijupyter.login import login  # noqa: PLC0415  # --help must be quick

    sys.stdout.write(f"{login(server=options.server, ngrok=options.ngrok, check=options.check)}\n")


def _logout(_options: argparse.Namespace) -> None:
    from aijupyter.login import logout  # noqa: PLC0415  # --help must be quick

    sys.stdout.write(f"{logout()}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aijupyter", description="Await asynchronous AI APIs from a notebook, or try it with the embedded service."
    )
    parser.add_argument("--version", action="version", version=f"aijupyter {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="analyse a recording on the embedded service, from end to end")
    demo.add_argument("recording", nargs="?", type=Path, help="an audio file (default: the sample that ships with us)")
    demo.set_defaults(run=_demo)
    serve = commands.add_parser("serve", help="run the embedded AI service on its own")
    serve.add_argument("--port", type=int, default=0, help="0 takes any that is free (default)")
    serve.add_argument(
        "--credentials-file",
        type=Path,
        default=Path("aijupyter-service.env"),
        metavar="FILE",
        help="where to write the credentials, for connect(env_file=...) (default: %(default)s)",
    )
    serve.add_argument("--model", default="tiny.en", help="the speech model's name or folder (default: %(default)s)")
    serve.add_argument(
        "--engine", default="local", help="an installed engine, or module:attribute (default: %(default)s)"
    )
    serve.add_argument(
        "--executor",
        default="processes",
        help="who works: processes, processes:N, processes:N:4GiB (the most memory of each), thread, or"
        " dask://HOST:PORT (default: %(default)s)",
    )
    serve.add_argument(
        "--fetch-from",
        choices=("loopback", "public", "any"),
        default="loopback",
        help="whose recordings it fetches and whose webhooks it posts to: this machine's only, the public internet's "
        "too, or also those of private networks (default: %(default)s)",
    )
    serve.add_argument(
        "--store", type=Path, metavar="FILE", help="keep jobs, voices and credentials there, for the next start"
    )
    serve.add_argument(
        "--limit",
        metavar="N[/SECONDS]",
        help="take so many requests in so many seconds (60), as the provider does (default: any number)",
    )
    serve.add_argument(
        "--rehearse",
        metavar="SEED[/SECONDS]",
        help="misbehave as the provider does, with a limit of 10/60; SECONDS is the longest delay (20)",
    )
    serve.set_defaults(run=_serve)
    receive = commands.add_parser("receive", help="run the webhook receiver on its own, for several kernels")
    receive.add_argument("--ledger", help="the ledger that they share (default: AIJUPYTER_LEDGER, or the usual file)")
    receive.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    receive.add_argument("--port", type=int, help="0 takes any that is free (default)")
    receive.add_argument(
        "--verify",
        choices=("path", "status"),
        help="status: hold each delivery until a kernel has asked the status call (default: AIJUPYTER_VERIFY, or path)",
    )
    receive.set_defaults(run=_receive)
    doctor = commands.add_parser("doctor", help="check what may be wrong here, and say what to do")
    doctor.add_argument(
        "--json", action="store_true", help="for programs; exit status 1 where there is something to do"
    )
    doctor.add_argument("--offline", action="store_true", help="try nothing over the network")
    doctor.add_argument("--env-file", type=Path, default=Path(".env"), metavar="FILE", help="(default: %(default)s)")
    doctor.set_defaults(run=_doctor)
    login = commands.add_parser("login", help="ask for an account's credentials, and keep them in the system's keyring")
    login.add_argument("--server", action="store_true", help="ask for the API's address too")
    login.add_argument("--ngrok", action="store_true", help="ask for ngrok's token too")
    login.add_argument("--no-check", dest="check", action="store_false", help="store them without trying them")
    login.set_defaults(run=_login)
    logout = commands.add_parser("logout", help="remove them from the keyring")
    logout.set_defaults(run=_logout)
    return parser


if __name__ == "__main__":
    sys.exit(main())
