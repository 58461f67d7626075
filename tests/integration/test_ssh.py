"""A tunnel over SSH, through a real OpenSSH server on the loopback."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from postgres import free_port
from sshd import SshdMissingError, SshServer, ssh_server
from until import until
from upstream import carries_everything, leads_nowhere, upstream

from aijupyter import errors
from aijupyter.tunnels import ssh, ssh_link
from aijupyter.tunnels.ssh import SshTunnel, read_host, read_listen

LOCAL = "http://127.0.0.1:8123"


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A real sshd for all tests here."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(ssh_server(tmp_path_factory.mktemp("sshd")))
        except SshdMissingError as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture
def server(running_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """The same, as every test wants it: listening, with its usual configuration, and no SSH agent of a person's."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield running_server
    if running_server.process is None or running_server.options:
        running_server.stop()
        running_server.options = []
        running_server.start()
    until(lambda: running_server.connections() == [])


def tunnel(server: SshServer, **changes: Any) -> SshTunnel:
    """A tunnel that the server lets in."""
    host = changes.pop("host", server.host)
    files = {"key": server.key, "known_hosts": server.known_hosts, "config": server.config}
    return SshTunnel(host, **{**files, **changes})


async def refusal(tunnel: SshTunnel, kind: type[errors.AIJupyterError]) -> str:
    """What is said when it does not open: of the very class, with a mend, and nothing of asyncssh's on it."""
    with pytest.raises(kind) as caught:
        await tunnel.open(LOCAL)
    assert type(caught.value) is kind
    assert caught.value.mend
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert await tunnel.dropped() == "it is closed"
    return str(caught.value)


async def test_everything_comes_through(server: SshServer, tmp_path: Path) -> None:
    """Large deliveries, ranges and many at once; closing ends the listener, the connection, and what was waited for."""
    way = tunnel(server)
    async with upstream(tmp_path) as to:
        url = await way.open(to.url)
        assert url.startswith("http://127.0.0.1:")
        await carries_everything(url, to)
        dropped = asyncio.create_task(way.dropped())
        await asyncio.sleep(0)
        await way.close()
        await way.close()
        assert await asyncio.wait_for(dropped, 5) == "the SSH connection was closed"
        assert await leads_nowhere(url)


async def test_a_cut_is_noticed_and_mended(server: SshServer, tmp_path: Path) -> None:
    """The end of the connection is told at once; opened again, the tunnel leads to us, at another port perhaps."""
    way = tunnel(server)
    async with upstream(tmp_path) as to:
        await way.open(to.url)
        waiting = asyncio.create_task(way.dropped())
        await asyncio.to_thread(server.cut)
        assert (await asyncio.wait_for(waiting, 2)).startswith("the SSH connection ended")
        await carries_everything(await way.open(to.url), to)
        await way.close()


async def test_a_dead_link_is_noticed(server: SshServer) -> None:
    """A host that says nothing any more, without closing anything, is found out by questions that stay unanswered."""
    way = tunnel(server, keepalive_seconds=0.2)
    await way.open(LOCAL)
    server.signal_connections(signal.SIGSTOP)
    began = time.monotonic()
    assert "keepalive" in await asyncio.wait_for(way.dropped(), 10)
    assert time.monotonic() - began < 3
    server.signal_connections(signal.SIGKILL)
    await way.close()
    assert ssh.KEEPALIVE_SECONDS * (ssh_link.UNANSWERED + 1) <= 45


async def test_a_host_that_was_away(server: SshServer) -> None:
    """While sshd is down opening fails at once and may be tried again; when it is back, so is the tunnel."""
    way = tunnel(server)
    await way.open(LOCAL)
    server.stop()
    await asyncio.wait_for(way.dropped(), 5)
    assert "firewall" in await refusal(way, errors.TunnelError)
    server.start()
    await way.open(LOCAL)
    await way.close()


async def test_the_public_url_takes_the_port(server: SshServer) -> None:
    """With a URL of one's own the port is put in where it says so, and the port that was asked for is the one."""
    port = free_port()
    way = tunnel(server, listen=f"localhost:{port}", public_url="https://hooks.example.com/{port}/")
    assert await way.open(LOCAL) == f"https://hooks.example.com/{port}"
    await way.close()


async def test_a_port_that_is_taken(server: SshServer) -> None:
    """A port that another holds may be free later; the mend names the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = await refusal(tunnel(server, listen=f"127.0.0.1:{taken.getsockname()[1]}"), errors.TunnelError)
    assert "ssh_listen" in said


async def test_forwarding_forbidden(server: SshServer) -> None:
    """A host that forwards for nobody says so, and the mend names the line of its configuration."""
    server.stop()
    server.start("AllowTcpForwarding no")
    assert "AllowTcpForwarding yes" in await refusal(tunnel(server), errors.TunnelRefusedError)


async def test_a_listener_on_the_loopback_alone(server: SshServer) -> None:
    """A listener that nobody out there reaches is refused before it is opened, unless a URL leads there."""
    far = far_away(server)
    said = await refusal(tunnel(server, **far), errors.TunnelRefusedError)
    assert "public_url" in said
    assert "docs/tunnels.md" in said
    way = tunnel(server, **far, public_url="https://hooks.example.com")
    assert await way.open(LOCAL) == "https://hooks.example.com"
    await way.close()


async def test_gateway_ports_no(server: SshServer) -> None:
    """A host that listens on its loopback, whatever it was asked for, is found out, with the mend."""
    far = far_away(server, "GatewayPorts no")
    way = tunnel(server, **far, listen="0.0.0.0:0")
    assert "GatewayPorts clientspecified" in await refusal(way, errors.TunnelRefusedError)
    far_away(server, "GatewayPorts clientspecified")
    assert (await way.open(LOCAL)).startswith(f"http://{machine_address()}:")
    await way.close()


def far_away(server: SshServer, *options: str) -> dict[str, Any]:
    """The server at an address that is not the loopback's, and what leads a tunnel there."""
    address = machine_address()
    server.stop()
    server.start(*options, f"ListenAddress {address}:{server.port}")
    known = server.folder / "known_far"
    known.write_text(f"[{address}]:{server.port} {(server.folder / 'host.pub').read_text()}")
    return {"host": server.host.replace("127.0.0.1", address), "known_hosts": known}


def machine_address() -> str:
    """An address of this machine that is not the loopback's, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but the loopback's")
        return str(probe.getsockname()[0])


async def test_a_key_that_is_not_let_in(server: SshServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody is asked for a password, nothing is printed, and the mend says what to try."""
    said = await refusal(tunnel(server, key=server.folder / "stranger"), errors.TunnelRefusedError)
    assert f"ssh -p {server.port} " in said
    assert "ssh_key" in said
    assert "".join(capfd.readouterr()) == ""


async def test_a_key_with_a_passphrase(server: SshServer) -> None:
    """It belongs into the SSH agent."""
    locked = server.folder / "locked"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "s3cret-passphrase", "-f", str(locked)]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=30)
    assert "ssh-add" in await refusal(tunnel(server, key=locked), errors.ConfigurationError)


async def test_an_unknown_host_key(server: SshServer) -> None:
    """A host that known_hosts does not hold is not trusted; logging in by hand once mends it."""
    empty = server.folder / "nobody"
    empty.write_text("")
    said = await refusal(tunnel(server, known_hosts=empty), errors.TunnelRefusedError)
    assert "is not known" in said
    assert "by hand" in said


async def test_a_changed_host_key(server: SshServer) -> None:
    """Another key than the known one is told apart from an unknown one."""
    other = server.folder / "changed"
    other.write_text(f"[127.0.0.1]:{server.port} {(server.folder / 'stranger.pub').read_text()}")
    said = await refusal(tunnel(server, known_hosts=other), errors.TunnelRefusedError)
    assert "somebody may be in between" in said
    assert f"ssh-keygen -R '[127.0.0.1]:{server.port}'" in said


@pytest.mark.parametrize("line", ["UserKnownHostsFile none", "UserKnownHostsFile /dev/null"])
async def test_no_configuration_switches_the_check_off(
    server: SshServer, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lets ssh trust everybody does not let us."""
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "careless"
    config.write_text(f"Host *\n  {line}\n  StrictHostKeyChecking no\n")
    said = await refusal(tunnel(server, known_hosts=None, config=config), errors.TunnelRefusedError)
    assert "is not known" in said


async def test_the_users_own_files(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself it reads ~/.ssh: a name of config with its host, port, user and key, and known_hosts."""
    folder = tmp_path / ".ssh"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    user = server.host.partition("@")[0]
    lines = ["Host hooks", "HostName 127.0.0.1", f"Port {server.port}", f"User {user}", f"IdentityFile {server.key}"]
    (folder / "config").write_text("\n".join(lines) + "\n")
    (folder / "known_hosts").write_text(server.known_hosts.read_text())
    way = SshTunnel("hooks")
    assert (await way.open(LOCAL)).startswith("http://127.0.0.1:")
    await way.close()


async def test_the_ssh_agent(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that only the SSH agent has lets us in."""
    place = tmp_path / "agent"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
    keeper = await asyncio.create_subprocess_exec("ssh-agent", "-D", "-a", str(place), stdout=subprocess.DEVNULL)
    try:
        await asyncio.to_thread(until, place.exists)
        await asyncio.to_thread(subprocess.run, ["ssh-add", "-q", str(server.key)], check=True, timeout=30)
        way = tunnel(server, key=None)
        await way.open(LOCAL)
        await way.close()
    finally:
        keeper.kill()
        await keeper.wait()


async def test_nobody_listens() -> None:
    """A port where no sshd is."""
    said = await refusal(SshTunnel(f"me@127.0.0.1:{free_port()}", known_hosts=Path("none")), errors.TunnelError)
    assert "Connection refused" in said
    assert "ssh -p" in said


async def test_no_such_host() -> None:
    """A name without an address."""
    said = await refusal(SshTunnel("me@no-such-host.invalid", listen="0.0.0.0:0"), errors.TunnelError)
    assert "no such host" in said


async def test_a_host_that_says_nothing() -> None:
    """The wait for a login ends, and leaves no connection."""
    ended = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        ended.set()
        writer.close()

    mute = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    assert "within" in await refusal(SshTunnel(f"me@127.0.0.1:{port}", login_seconds=0.3), errors.TunnelTimeoutError)
    await asyncio.wait_for(ended.wait(), 5)
    mute.close()


async def test_without_asyncssh(server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mend is the line that installs it."""
    monkeypatch.delitem(sys.modules, "aijupyter.tunnels.ssh_link", raising=False)
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(errors.TunnelMissingError) as caught:
        await tunnel(server).open(LOCAL)
    assert caught.value.mend.endswith("pip install 'aijupyter[ssh]'")


@pytest.mark.parametrize(
    ("text", "name", "user", "port"),
    [
        ("example.com", "example.com", None, None),
        ("me@example.com", "example.com", "me", None),
        ("me@example.com:2222", "example.com", "me", 2222),
        ("ssh://me@example.com:2222", "example.com", "me", 2222),
        ("me@[2001:db8::1]:22", "2001:db8::1", "me", 22),
    ],
)
def test_hosts_that_can_be_read(text: str, name: str, user: str | None, port: int | None) -> None:
    """What may be left out is None."""
    host = read_host(text)
    assert (host.name, host.user, host.port) == (name, user, port)


@pytest.mark.parametrize(
    "text",
    ["", "me@", "me:s3cret@example.com", "me@example.com:0", "me@example.com:x", "-oProxyCommand=x", "a b", "h/p"],
)
def test_hosts_that_cannot_be_read(text: str) -> None:
    """What is no host is refused, and a password in it is not repeated."""
    with pytest.raises(errors.ConfigurationError) as caught:
        SshTunnel(text)
    assert "user@host" in caught.value.mend
    assert "s3cret" not in str(caught.value)


def test_where_to_listen() -> None:
    """An address and a port, and nothing else."""
    assert read_listen("localhost:0") == ("localhost", 0)
    assert read_listen("[::]:8765") == ("::", 8765)
    assert read_listen("*:8765") == ("*", 8765)
    for text in ("8765", ":8765", "localhost:", "localhost:x", "localhost:65536", "me@host:1"):
        with pytest.raises(errors.ConfigurationError, match="ssh_listen"):
            SshTunnel("me@example.com", listen=text)


def test_a_key_that_is_not_there() -> None:
    """Told when the tunnel is made, not when it is opened."""
    with pytest.raises(errors.ConfigurationError, match="no private key"):
        SshTunnel("me@example.com", key=Path("/no/such/key"))
