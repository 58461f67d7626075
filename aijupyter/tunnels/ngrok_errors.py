"""What ngrok's errors mean here, by its codes (https://ngrok.com/docs/errors/reference), each with the mend."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aijupyter.errors import TunnelError, TunnelRefusedError
from aijupyter.telling import printable

AGENTS_USED_UP = frozenset({"ERR_NGROK_108", "ERR_NGROK_348"})
"""The account runs as many agents as it may."""

_CODE = re.compile(r"ERR_NGROK_\d+")
_NETWORK = re.compile(
    r"(?i)\bdial\b|no such host|lookup |timeout|timed out|connection (?:refused|reset)"
    r"|unreachable|x509|tls:|proxy|\bEOF\b"
)
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says, what to do, and whether trying again changes nothing."""

    problem: str
    mend: str
    final: bool = True


_TOKEN = Meaning(
    "ngrok does not know the token",
    "Copy it anew from dashboard.ngrok.com/get-started/your-authtoken, and set NGROK_AUTHTOKEN or "
    "connect(ngrok_token=...).",
)
_ACCOUNT = Meaning("ngrok has closed the account to agents for now", "See dashboard.ngrok.com/billing.")
_AGENTS = Meaning(
    "the account runs as many ngrok agents as it may",
    "End one of them (dashboard.ngrok.com/agents lists them). An agent of yours on this machine is used where it "
    "answers at 127.0.0.1:4040.",
    final=False,
)
_ENDPOINTS = Meaning(
    "the account has as many ngrok endpoints as it may",
    "End one of them: dashboard.ngrok.com/endpoints lists them.",
    final=False,
)
_ONLINE = Meaning(
    "another ngrok agent has an endpoint at that address already",
    "End that one (dashboard.ngrok.com/endpoints lists them), or name another domain of the account: "
    "connect(ngrok_domain=...). One that died is let go within a minute.",
    final=False,
)
_DOMAIN = Meaning(
    "that domain is not the account's",
    "Take one that dashboard.ngrok.com/domains lists: connect(ngrok_domain=...) or AIJUPYTER_NGROK_DOMAIN; or leave it "
    "out.",
)
_OLD = Meaning(
    "the ngrok agent on this machine is too old", "Update it: 'ngrok update', or remove it and let it be fetched anew."
)
_ADDRESS = Meaning(
    "the account does not let agents in from this machine's address", "See dashboard.ngrok.com/ip-restrictions."
)
_SPENT = Meaning(
    "the account's requests or traffic of this month are used up",
    "See dashboard.ngrok.com/usage. Until then: connect(delivery='status'), or a way of your own (docs/tunnels.md).",
)
_NO_NETWORK = Meaning(
    "the ngrok agent cannot reach ngrok",
    "Check the network, and whether a firewall or proxy lets connect.ngrok-agent.com:443 through.",
    final=False,
)
_UNKNOWN = Meaning("ngrok did not open an endpoint", "Look its code up at ngrok.com/docs/errors.", final=False)

_SILENT = Meaning(
    "its agent did not open an endpoint", "Try again; 'ngrok diagnose' tells what is in the way.", final=False
)

_MEANINGS = {
    **dict.fromkeys((105, 106, 107, 109, 4018), _TOKEN),
    **dict.fromkeys((102, 103), _ACCOUNT),
    **dict.fromkeys((108, 348), _AGENTS),
    **dict.fromkeys((324, 351), _ENDPOINTS),
    334: _ONLINE,
    **dict.fromkeys((314, 319, 320, 354, 412, 414, 7117, 7118), _DOMAIN),
    **dict.fromkeys((119, 120, 121), _OLD),
    **dict.fromkeys((115, 116), _ADDRESS),
    **dict.fromkeys((727, 4027), _SPENT),
}

TOO_OLD = _OLD


def code_in(text: str) -> str:
    """The first of ngrok's codes in what it said; "" where there is none."""
    found = _CODE.search(text)
    return found[0] if found else ""


def is_network(text: str) -> bool:
    """Whether the agent's complaint is of the network, not of ngrok."""
    return not code_in(text) and bool(_NETWORK.search(text))


def explain(text: str) -> TunnelError:
    """What ngrok or its agent said, as an error of ours. The text must hold no secret any more."""
    code = code_in(text)
    meaning = _MEANINGS.get(int(code.rpartition("_")[2]), _UNKNOWN) if code else _SILENT
    if is_network(text):
        meaning = _NO_NETWORK
    return as_error(meaning, code or in_short(text))


def as_error(meaning: Meaning, said: str = "") -> TunnelError:
    """A meaning as an error, with ngrok's code or words."""
    kind = TunnelRefusedError if meaning.final else TunnelError
    told = f" ({said})" if said else ""
    return kind(f"No tunnel by ngrok: {meaning.problem}{told}.", meaning.mend)


def in_short(text: str) -> str:
    """In one line that can be shown."""
    line = printable(" ".join(text.split())).rstrip(".")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
