"""The fixed tunnel: a public URL of the user's own, or none."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from aijupyter import errors
from aijupyter.tunnels.fixed import FixedTunnel

LOCAL = "http://127.0.0.1:8123"


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ("https://hub.example/user/me/proxy/8123/", "https://hub.example/user/me/proxy/8123"),
        ("https://hub.example/user/me/proxy/{port}", "https://hub.example/user/me/proxy/8123"),
        ("http://me.example:{port}", "http://me.example:8123"),
        ("https://{port}.me.example/hooks", "https://8123.me.example/hooks"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        (None, LOCAL),
    ],
)
async def test_a_fixed_url_is_used_as_it_is(given: str | None, opened: str) -> None:
    """Also with a path; with the receiver's port put in; without one the receiver's own address."""
    assert await FixedTunnel(given).open(LOCAL) == opened


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.com",
        "ftp://hooks.example.com",
        "https://",
        "https://hooks.example.com/?a=b",
        "https://hooks.example.com/#top",
        "https://hooks.example.com:{part}",
        "https://hooks.example.com:no-port/",
        "https://hooks.example.com/with a space",
        "https://me:s3cret@hooks.example.com/",
        "https://[::1",
    ],
)
def test_what_is_no_base_url(url: str) -> None:
    """A URL that paths cannot be appended to is refused, and a password in it is not repeated."""
    with pytest.raises(errors.ConfigurationError, match="no base URL") as caught:
        FixedTunnel(url)
    assert "s3cret" not in str(caught.value)
    assert "https://hooks.example.com" in caught.value.mend


async def test_a_fixed_url_never_drops() -> None:
    """There is nothing that we could see drop; waiting for it can be given up, and closing is no matter."""
    tunnel = FixedTunnel("https://hooks.example.com")
    await tunnel.open(LOCAL)
    waiting = asyncio.create_task(tunnel.dropped())
    assert await asyncio.wait([waiting], timeout=0.05) == (set(), {waiting})
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    await tunnel.close()
    await tunnel.close()
