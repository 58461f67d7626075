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
    except KeyboardInterrupt:
        sys.stderr.write("\naijupyter: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return 0
    return status or 0


def _demo(options: argparse.Namespace) -> None:
    from aijupyter.demo import run_demo  # noqa: PLC0415  # --help must be quick

    run_demo(options.recording)


def _serve(options: argparse.Namespace) -> None:
    from aijupyter.service.standalone import serve  # noqa: PLC0415  # --help must be quick

    serve(
        options.port,
        options.credentials_file,
        options.model,
        options.fetch_from,
        engine=options.engine,
        executor=options.executor,
    )


def _receive(options: argparse.Namespace) -> None:
    from aijupyter.receiving import receive  # noqa: PLC0415  # --help must be quick

    receive(options.ledger, host=options.host, port=options.port)


def _doctor(options: argparse.Namespace) -> int:
    from aijupyter.doctor import examine  # noqa: PLC0415  # --help must be quick

    report = examine(env_file=options.env_file)
    sys.stdout.write(f"{report.to_json() if options.json else report}\n")
    return 0 if report.ok else 1


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
        choices=("loopback", "any"),
        default="loopback",
        help="where recordings may be fetched from: this machine only, or anywhere (default: %(default)s)",
    )
    serve.set_defaults(run=_serve)
    receive = commands.add_parser("receive", help="run the webhook receiver on its own, for several kernels")
    receive.add_argument("--ledger", help="the ledger that they share (default: AIJUPYTER_LEDGER, or the usual file)")
    receive.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    receive.add_argument("--port", type=int, help="0 takes any that is free (default)")
    receive.set_defaults(run=_receive)
    doctor = commands.add_parser("doctor", help="check what may be wrong here, and say what to do")
    doctor.add_argument(
        "--json", action="store_true", help="for programs; exit status 1 where there is something to do"
    )
    doctor.add_argument("--env-file", type=Path, default=Path(".env"), metavar="FILE", help="(default: %(default)s)")
    doctor.set_defaults(run=_doctor)
    return parser


if __name__ == "__main__":
    sys.exit(main())
