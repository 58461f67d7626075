"""What can be written after `%aijupyter`: the actions, the options of each, and how a line becomes them."""

from __future__ import annotations

import argparse
import difflib
import inspect
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NoReturn

from IPython.core.magic_arguments import MagicArgumentParser

from aijupyter.api.call_log import DIRECTIONS
from aijupyter.api.operations import ENCODINGS, LANGUAGES
from aijupyter.config import DELIVERIES, VERIFICATIONS
from aijupyter.errors import OptionError
from aijupyter.models import JobState, Operation
from aijupyter.session.fields import Field, Kind, fields_of
from aijupyter.session.verbs import AUDIO_VERBS, VERBS, Verbs

ACTIONS = {
    "start": "open a session, in the variable ai",
    "stop": "close it; the ledger keeps its jobs",
    "status": "what the session is doing",
    "jobs": "the jobs that the ledger holds",
    "recordings": "the calls that the account recorded",
    "stats": "the session's numbers: deliveries, status calls, budget",
    "speakers": "the voices that the account knows",
    "enroll": "make a voice known: an id for it, and a recording of it alone",
    "add-audio": "add a recording to a voice that is known",
    "forget-speaker": "have a voice deleted",
    "doctor": "check what may be wrong, and say what to do",
    "config": "every setting, and where it came from",
    "login": "ask for an account's credentials, and keep them in the system's keyring",
    "logout": "remove them from the keyring",
    "nest": "let asyncio.run work in cells",
    "traceback": "the whole traceback of the last error",
}
"""What can be done besides asking, and what it is for."""
BINDING = ("jobs", "recordings", "stats", "speakers", "enroll", "add-audio", *VERBS)
"""What gives something that `as` can put into a variable."""
TAKING = {"enroll": ("ID", "RECORDING"), "add-audio": ("ID", "RECORDING"), "forget-speaker": ("ID",)}
"""What has to be named after an action, in its order."""

_NAME = Field("name", Kind.TEXT, "ai", "the variable that holds the session (ai)")
_WAIT = Field("wait", Kind.FLAG, False, "block until it has ended, and give the result")
_ENV_FILE = Field("env_file", Kind.TEXT, None, "the file with settings (.env)")
_START = (
    _NAME,
    Field("embedded", Kind.FLAG, None, "the AI service on this machine; never, with --no-embedded"),
    Field("model", Kind.TEXT, None, "the embedded service's speech model: a name or a folder (tiny.en)"),
    Field("engine", Kind.TEXT, None, "the embedded service's engine (local)"),
    Field("server_url", Kind.TEXT, None, "the API"),
    Field("ledger", Kind.TEXT, None, "where jobs and answers are kept: a file"),
    Field("public_url", Kind.TEXT, None, "your own URL that leads to the receiver"),
    Field("delivery", Kind.CHOICE, None, "how answers come", DELIVERIES),
    Field("ssh", Kind.TEXT, None, "a host of your own to be reached through: user@host"),
    Field("ssh_key", Kind.TEXT, None, "the private key for it"),
    Field("ssh_listen", Kind.TEXT, None, "where that host listens for us (localhost:0)"),
    Field("ngrok_domain", Kind.TEXT, None, "a domain of the ngrok account's"),
    Field("verify", Kind.CHOICE, None, "what makes an answer count", VERIFICATIONS),
    Field("media_seconds", Kind.TEXT, None, "how long a lent file may be fetched, in seconds (86400)"),
    Field("host", Kind.TEXT, None, "where the receiver listens (127.0.0.1)"),
    Field("port", Kind.WHOLE, None, "where the receiver listens (any free port)"),
    Field("max_body", Kind.WHOLE, None, "the largest delivery that is taken, in bytes"),
    Field("poll_seconds", Kind.TEXT, None, "how long an answer may keep silent before it is asked for (60)"),
    _ENV_FILE,
)
_JOBS = (
    Field("state", Kind.CHOICES, None, "in one of these states", tuple(state.value for state in JobState)),
    Field("operation", Kind.CHOICE, None, "of this operation", tuple(operation.value for operation in Operation)),
    Field("recording", Kind.TEXT, None, "a part of the recording's name"),
    Field("since", Kind.TEXT, None, 'asked since a time, or so long ago: "2 days"'),
    Field("limit", Kind.WHOLE, None, "at most so many, the newest"),
    _NAME,
)
_LOGIN = (
    Field("server", Kind.FLAG, False, "ask for the API's address too"),
    Field("ngrok", Kind.FLAG, False, "ask for ngrok's token too"),
    Field("check", Kind.FLAG, True, "try them before they are stored; not, with --no-check"),
)
_RECORDINGS = (
    Field("since", Kind.TEXT, None, 'begun since a time, or so long ago: "7 days" (24 hours)'),
    Field("until", Kind.TEXT, None, "begun before a time, or longer ago"),
    Field("direction", Kind.CHOICE, None, "only one way", DIRECTIONS),
    Field("limit", Kind.WHOLE, None, "at most so many, the newest"),
    Field("everyone", Kind.FLAG, False, "those of all users, for an administrator"),
    _NAME,
)
_SAMPLE = (
    Field("encoding", Kind.CHOICE, None, "the API's word for the file's format", ENCODINGS),
    Field("language_code", Kind.CHOICE, None, "the language spoken", LANGUAGES),
    _NAME,
)
_FIELDS = {
    "start": _START,
    "stop": (_NAME,),
    "status": (_NAME,),
    "jobs": _JOBS,
    "recordings": _RECORDINGS,
    "stats": (_NAME,),
    "speakers": (Field("partial", Kind.FLAG, True, "those too that want more audio; not, with --no-partial"), _NAME),
    "enroll": _SAMPLE,
    "add-audio": _SAMPLE,
    "forget-speaker": (_NAME,),
    "doctor": (_NAME, _ENV_FILE, Field("offline", Kind.FLAG, False, "try nothing over the network")),
    "config": (_NAME, _ENV_FILE),
    "login": _LOGIN,
    "logout": (),
    "nest": (),
    "traceback": (),
}
_SECRET = ("client_id", "client_secret", "jwt", "ngrok_token")


@dataclass(frozen=True, slots=True)
class Asked:
    """A line, understood: what to do, the options that were given, the variable to bind, and in `recordings` what the
    line names besides: recordings, texts, or what an action takes.
    """

    action: str
    options: dict[str, Any]
    recordings: list[str] = field(default_factory=list)
    target: str | None = None


def fields_for(action: str) -> tuple[Field, ...]:
    """The options of an action or operation."""
    return _FIELDS[action] if action in _FIELDS else (*fields_of(action), _WAIT, _NAME)


def flags_of(one: Field) -> tuple[str, ...]:
    """How an option is written: `--fresh`, or `--enable-punctuation` and `--no-enable-punctuation`."""
    name = one.name.replace("_", "-")
    both = one.kind is Kind.FLAG and one.default is not False
    return (f"--{name}", f"--no-{name}") if both else (f"--{name}",)


def understand(action: str, words: Sequence[str]) -> Asked:
    """Read the words after an action or operation. Raises OptionError, in a line, with the mend."""
    if action not in (*ACTIONS, *VERBS):
        raise _no_such("action", action, (*ACTIONS, *VERBS), "%aijupyter --help says what each does.")
    words, target = _target(action, words)
    given, rest = parser_of(action).parse_known_args([_flag(action, word) for word in words])
    options = dict(vars(given))
    for one in fields_for(action):
        if one.kind is Kind.CHOICE and one.name in options:
            options[one.name] = _choice(one, options[one.name])
        if one.kind is Kind.CHOICES and one.name in options:
            options[one.name], left = _chosen(one, options[one.name], may_end=action in VERBS and not rest)
            rest = [*rest, *left]
    takes = TAKING.get(action, ())
    if takes and len(rest) != len(takes):
        raise OptionError(
            f"{action} takes {' and '.join(takes)}.", f"Write it so: %aijupyter {action} {' '.join(takes)}"
        )
    if rest and not takes and action not in VERBS:
        raise OptionError(f"{action} does not take {rest[0]!r}.", f"%aijupyter {action} --help says what it takes.")
    if not options.get("name", "ai").isidentifier() or keyword.iskeyword(options.get("name", "ai")):
        raise OptionError(f"{options['name']!r} is no name for a variable.", "Give one such as --name ai.")
    return Asked(action, options, rest, target)


@cache
def parser_of(action: str) -> MagicArgumentParser:
    """The parser of an action's options. What it does not know is a recording."""
    about = ACTIONS.get(action) or (inspect.getdoc(getattr(Verbs, action)) or action).splitlines()[0]
    parser = _Parser(
        prog=f"%aijupyter {action}",
        usage=f"%%aijupyter {action} {_form(action)}".rstrip(),  # two signs, for argparse fills in with %
        description=about[0].upper() + about[1:],
        epilog=_epilog(action),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for one in fields_for(action):
        _add(parser, one)
    return parser


def _form(action: str) -> str:
    """What may follow an action."""
    named = ("RECORDING",) if action in AUDIO_VERBS else ("TEXT",) if action in VERBS else TAKING.get(action, ())
    return " ".join([*named, "[options]", *(["[as NAME]"] if action in BINDING else [])])


class _Parser(MagicArgumentParser):
    """One whose complaints are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse complains of."""
        problem = message.removeprefix("argument ")
        raise OptionError(f"{problem.rstrip('.')}.", f"{self.prog} --help says what it takes.")


def _epilog(action: str) -> str:
    if action not in VERBS:
        return ""
    if action not in AUDIO_VERBS:
        return (
            "examples:\n"
            f'  %aijupyter {action} "a text" as said     said is a job: await said gives its result\n'
            f"  %aijupyter {action} call as said         of what the variable call holds\n"
            f"  %%aijupyter {action} as said             of the lines of the cell, in one job\n"
        )
    return (
        "examples:\n"
        f"  %aijupyter {action} call.wav as call          call is a job: await call gives its result\n"
        f"  %aijupyter {action} call.wav as call --wait   call is the result\n"
        f"  %%aijupyter {action} as calls                 calls is a batch, of what the cell names:\n"
        "  calls/*.wav\n"
        "  https://example.com/call.mp3"
    )


def _add(parser: argparse.ArgumentParser, one: Field) -> None:
    flag, *others = flags_of(one)
    given: dict[str, Any] = {"dest": one.name, "default": argparse.SUPPRESS, "help": one.help}
    if one.choices:
        given["help"] += f": {', '.join(one.choices)}"
    if one.kind is Kind.FLAG:
        given["action"] = argparse.BooleanOptionalAction if others else "store_true"
    elif one.kind in {Kind.CHOICES, Kind.TEXTS}:
        given |= {"nargs": "+", "metavar": "NAME" if one.choices else "TEXT"}
        given["action"] = _Listed if one.kind is Kind.TEXTS else "extend"
    else:
        word = "NUMBER" if one.kind is Kind.WHOLE else "NAME" if one.choices else "TEXT"
        given |= {"type": _whole if one.kind is Kind.WHOLE else str, "metavar": word}
    parser.add_argument(flag, **given)


class _Listed(argparse.Action):
    """Texts, each a word of its own or several with commas between them."""

    def __call__(self, _parser: object, namespace: argparse.Namespace, values: Any, _flag: str | None = None) -> None:
        before = getattr(namespace, self.dest, [])
        setattr(namespace, self.dest, [*before, *_apart(values)])


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _chosen(one: Field, words: list[str], *, may_end: bool) -> tuple[list[str], list[str]]:
    """The names that were chosen; and with `may_end`, the recording that was written after the last of them."""
    last = (
        [words[-1]]
        if may_end and len(words) > 1 and not any(_is_choice(one, text) for text in _apart(words[-1:]))
        else []
    )
    near = last and not re.search(r"[./\\*?:]", last[0])  # a slip of the pen, and no file's name
    names = words if near or not last else words[:-1]
    return [_choice(one, text) for text in _apart(names)], [] if near else last


def _is_choice(one: Field, text: str) -> bool:
    return text.casefold() in {choice.casefold() for choice in one.choices}


def _choice(one: Field, text: str) -> str:
    for choice in one.choices:
        if choice.casefold() == text.casefold():
            return choice
    raise _no_such(flags_of(one)[0], text, one.choices)


def _apart(words: Sequence[str]) -> list[str]:
    return [text.strip() for word in words for text in word.split(",") if text.strip()]


def _target(action: str, words: Sequence[str]) -> tuple[list[str], str | None]:
    """The words without `as NAME`, and the name."""
    if "as" not in words:
        return list(words), None
    place = words.index("as")
    follow = words[place + 1 :]
    ends = next((i for i, word in enumerate(follow) if word.startswith("-")), len(follow))
    names, after = follow[:ends], follow[ends:]
    if action not in BINDING:
        raise OptionError(f"{action} gives nothing that a variable could hold.", "Leave `as` out.")
    if not names:
        raise OptionError("After `as` the name of a variable is missing.", f"Give one: %aijupyter {action} ... as call")
    if len(names) > 1 or "as" in after:
        raise OptionError(
            f"`as` takes one name, and here are more: {' '.join(follow)}.",
            f"End the line with one: as {names[0]}",
        )
    (name,) = names
    if not name.isidentifier() or keyword.iskeyword(name):
        raise OptionError(f"{name!r} is no name for a variable.", "Give one of letters, digits and _, such as: as call")
    return [*words[:place], *after], name


def _flag(action: str, word: str) -> str:
    """An option as the parser knows it, whichever way it is written: --speaker-count, speaker_count, speakerCount."""
    if not re.match(r"--?[A-Za-z]", word):
        return word
    name, equals, value = word.partition("=")
    plain = re.sub(r"(?<=[a-z0-9])([A-Z])", r"-\1", name).lower().replace("_", "-")
    known = [flag for one in fields_for(action) for flag in flags_of(one)]
    if plain in known:
        return plain + equals + value
    if plain.lstrip("-").replace("-", "_") in _SECRET:
        raise OptionError(
            f"{name} does not belong into a notebook, where everybody can read it.",
            "%aijupyter login asks for it unseen; or set it in the environment or in a file .env.",
        )
    raise _no_such("option", name, known, f"%aijupyter {action} --help says what each does.")


def _no_such(what: str, given: str, known: Sequence[str], more: str = "") -> OptionError:
    lower = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(given.casefold(), lower, 1, cutoff=0.5)
    hint = f"Did you mean {lower[near[0]]}?" if near else f"There are: {', '.join(known)}."
    problem = f"There is no {what} {given!r}." if not what.startswith("-") else f"{what} does not know {given!r}."
    return OptionError(problem, f"{hint} {more}".rstrip(), option=given)
