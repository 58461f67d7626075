"""A service that is killed and started again on the same store: nothing is lost, and nothing secret is left."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import signal
import stat
import threading
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, web
from service_support import CREDENTIALS, CannedEngine, Client, eventually, recordings, web_server, webhook
from serving import Caller, caller, serve
from until import until

import aijupyter
from aijupyter.errors import ServiceError
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.server import opened, running
from aijupyter.service.store import Store
from aijupyter.service.workers import ThreadWorkers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")

SPOKEN = (Path(__file__).parents[1] / "recordings" / "one-sentence.wav").read_bytes()
CONTENT = {"content": base64.b64encode(SPOKEN).decode(), "encoding": "Wav", "languageCode": "en-US"}
TRANSCRIBE, PUNCTUATE = "/ai/audio/v1/async/speech-to-text", "/ai/text/v1/async/punctuate"
ENROLLMENTS = "/ai/audio/v1/enrollments"


def bytes_of(folder: Path) -> bytes:
    """All that lies in a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_jobs_go_on_after_a_kill(tmp_path: Path) -> None:
    """By address, by content and on texts: the client's credentials and address are good again, and answers come."""
    gate, store = tmp_path / "gate", tmp_path / "kept" / "service.db"
    options = {"CONTRACT_GATE": str(gate)}
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(webhook())
        fetched: list[str] = []

        async def give(request: web.Request) -> web.Response:
            fetched.append(request.query["access_token"])
            return web.Response(body=SPOKEN)

        base = await stack.enter_async_context(web_server(web.get("/call.wav", give)))
        by_address = {**CONTENT, "content": None, "contentUri": f"{base}/call.wav?access_token=hush-hush"}
        with serve(tmp_path, "--store", str(store), **options) as served:
            async with caller(served.env) as api:
                sent = [(TRANSCRIBE, by_address), (TRANSCRIBE, CONTENT), (PUNCTUATE, {"texts": ["a text"]})]
                accepted = [(await api.submit(path, body, webhook=hook.url)).json["jobId"] for path, body in sent]
                old_token = api.token

                async def is_fetched() -> bool:
                    return fetched == ["hush-hush"]

                await eventually(is_fetched)
            served.kill()
        assert b"secret-path" in bytes_of(store.parent)
        assert all(
            stat.S_IMODE(file.stat().st_mode) == 0o600 for file in store.parent.glob("service.db*") if file.is_file()
        )
        assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in store.parent.glob("service.db.*/"))
        with serve(tmp_path, "--store", str(store), **options) as again:
            assert again.env == served.env
            async with ClientSession() as http:
                api = Caller(served.env, http)
                api.token = old_token
                assert (await api.status(accepted[0])).status == 401
                await api.log_in()
                assert [(await api.status(job)).json["status"] for job in accepted] == ["InProgress"] * 3
                gate.touch()
                delivered = {envelope["jobId"]: envelope for _, envelope in [await hook.next() for _ in accepted]}
                assert set(delivered) == set(accepted)
                assert {envelope["status"] for envelope in delivered.values()} == {"Success"}
                assert fetched == ["hush-hush"] * 2
                for job in accepted:
                    assert (await api.status(job)).json == delivered[job]
            again.stop()
        left = bytes_of(store.parent)
        assert not [secret for secret in (b"secret-path", b"hush-hush", b"a text", SPOKEN[:1000]) if secret in left]
        assert accepted[0].encode() in left
    assert [file.name for file in store.parent.iterdir()] == ["service.db"]


def test_a_sessions_jobs_outlive_the_service(tmp_path: Path) -> None:
    """A kernel that goes on while the service is killed and started again gets its answers, and can ask on."""
    gate, store = tmp_path / "gate", tmp_path / "service.db"
    options = {"CONTRACT_GATE": str(gate)}
    recording = tmp_path / "call.wav"
    recording.write_bytes(SPOKEN)
    with ExitStack() as stack:
        served = stack.enter_context(serve(tmp_path, "--store", str(store), **options))
        ai = stack.enter_context(aijupyter.connect(env_file=tmp_path / "service.env", poll_seconds=0.5))
        job = ai.transcribe(recording)
        until(lambda: job.state == "submitted")
        served.kill()
        gate.touch()
        stack.enter_context(serve(tmp_path, "--store", str(store), **options))
        assert job.result(timeout=30).text == f"{len(SPOKEN)} bytes"
        assert ai.transcribe(recording, fresh=True).result(timeout=30).text


async def test_an_answer_that_was_not_posted_is_posted(tmp_path: Path) -> None:
    """The job had ended when the service was killed; the webhook hears of it from the next one."""
    store, heard = tmp_path / "service.db", asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        heard.set()
        await asyncio.sleep(30)
        return web.Response()

    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(web_server(web.post("/hook/secret-path", hang)))
        with serve(tmp_path, "--store", str(store)) as served:
            async with caller(served.env) as api:
                accepted = await api.submit(PUNCTUATE, {"texts": ["x"]}, webhook=f"{port}/hook/secret-path")
                await asyncio.wait_for(heard.wait(), 20)
                ended = (await api.status(accepted.json["jobId"])).json
                assert ended["status"] == "Success"
            served.kill()
        heard.clear()
        with serve(tmp_path, "--store", str(store)) as again:
            await asyncio.wait_for(heard.wait(), 20)
            async with caller(again.env) as api:
                assert (await api.status(accepted.json["jobId"])).json == ended


async def test_voices_outlast_the_service(tmp_path: Path) -> None:
    """An enrolled speaker is found after a restart, and so is that another was deleted."""
    store = tmp_path / "service.db"
    sample = {"content": CONTENT["content"], "encoding": "Wav"}
    with serve(tmp_path, "--store", str(store)) as served:
        async with caller(served.env) as api:
            for name in ("jane", "joe"):
                await api.call("POST", ENROLLMENTS, json={**sample, "speakerId": name})
            jane = (await api.call("GET", f"{ENROLLMENTS}/jane")).json
            await api.call("DELETE", f"{ENROLLMENTS}/joe")
        served.kill()
    with serve(tmp_path, "--store", str(store)) as again:
        async with caller(again.env) as api:
            assert (await api.call("GET", f"{ENROLLMENTS}/jane")).json == jane
            assert (await api.call("DELETE", f"{ENROLLMENTS}/joe")).status == 410
            body = {**CONTENT, "speakerIds": ["jane"]}
            accepted = await api.submit("/ai/audio/v1/async/speaker-identify", body)
            assert (await api.ended(accepted.json["jobId"]))["response"]["utterances"][0]["speakerId"] == "jane"


async def test_killed_again_and_again(tmp_path: Path) -> None:
    """Whenever the service is killed, each job that it accepted is delivered or answers the status call."""
    store, dice, accepted = tmp_path / "service.db", random.Random(7), []
    async with webhook() as hook:
        for _ in range(4):
            with serve(tmp_path, "--store", str(store)) as served:
                async with caller(served.env) as api:
                    bodies = [{"texts": [f"text {number}"]} for number in range(20)]
                    sending = [asyncio.create_task(api.submit(PUNCTUATE, body, webhook=hook.url)) for body in bodies]
                    kill_at = dice.randrange(20)
                    for answered, task in enumerate(asyncio.as_completed(sending)):
                        with contextlib.suppress(ClientError):  # the killed one's
                            accepted.append((await task).json["jobId"])
                        if answered == kill_at:
                            served.process.send_signal(signal.SIGKILL)
                served.kill()
        assert accepted
        with serve(tmp_path, "--store", str(store)) as served:
            async with caller(served.env) as api:
                for job in accepted:
                    assert (await api.ended(job))["status"] == "Success"

                async def all_came() -> bool:
                    while not hook.delivered.empty():
                        came.add(hook.delivered.get_nowait()[1]["jobId"])
                    return came >= set(accepted)

                came: set[str] = set()
                await eventually(all_came)


async def served_by(
    stack: AsyncExitStack, store: Store, engine: CannedEngine, who: Credentials, folder: Path
) -> Client:
    """A service in this process, for this client, on that store."""
    options = ServiceOptions(scratch=folder, housekeeping_seconds=0.05)
    workers = ThreadWorkers(engine, [].append)
    url = await stack.enter_async_context(running(workers, who, options, [].append, store=store))
    client = Client(url, await stack.enter_async_context(ClientSession()), folder, [])
    _, granted = await client.grant(client=f"{who.client_id}:{who.client_secret}", assertion=who.jwt)
    client.token = granted["access_token"]
    return client


async def test_two_services_on_one_store(tmp_path: Path) -> None:
    """Jobs are of the service that accepted them for as long as it lives; then the client's other one has them."""
    gate, path = threading.Event(), tmp_path / "service.db"
    first_engine, second_engine = CannedEngine(gate=gate), CannedEngine()
    async with AsyncExitStack() as stack, webhook() as hook, opened(path) as second_store:
        first_store = await stack.enter_async_context(opened(path))
        first = await served_by(stack, first_store, first_engine, CREDENTIALS, tmp_path)
        async with AsyncExitStack() as longer:
            second = await served_by(longer, second_store, second_engine, CREDENTIALS, tmp_path)
            _, _, accepted = await first.submit(CONTENT, hook=hook.url)
            await asyncio.sleep(0.3)  # six times the second one looks for jobs of the dead
            assert not second_engine.tasks
            assert (await second.status(accepted["jobId"]))[1]["status"] == "InProgress"
            await stack.aclose()
            gate.set()
            assert (await second.ended(accepted["jobId"]))["status"] == "Success"
            assert (await hook.next())[1]["jobId"] == accepted["jobId"]
            assert second_engine.heard == [SPOKEN]


async def test_a_dead_kernels_jobs_go_with_it(tmp_path: Path) -> None:
    """Credentials of a kernel's own service end with it: its jobs are removed, for nobody can ask for them."""
    path, gate = tmp_path / "kept" / "service.db", threading.Event()
    async with AsyncExitStack() as stack, recordings() as base:
        store = await stack.enter_async_context(opened(path))
        client = await served_by(stack, store, CannedEngine(gate=gate), CREDENTIALS, tmp_path)
        _, _, accepted = await client.submit(CONTENT, hook=f"{base}/hook/secret-path")
        await stack.aclose()
    gate.set()
    assert b"secret-path" in bytes_of(path.parent)
    async with AsyncExitStack() as stack, opened(path) as store:
        other = await served_by(stack, store, CannedEngine(), Credentials("a", "b", "c"), tmp_path)
        assert (await other.status(accepted["jobId"]))[0] == 404
    assert b"secret-path" not in bytes_of(path.parent)
    assert [file.name for file in path.parent.iterdir()] == ["service.db"]


@pytest.mark.parametrize("content", [b"no database at all, though long enough" * 100, b""])
async def test_a_store_that_is_none(tmp_path: Path, content: bytes) -> None:
    """A file of something else is left as it is, with an error that names it; an empty one is a new store."""
    path = tmp_path / "service.db"
    path.write_bytes(content)
    if content:
        with pytest.raises(ServiceError, match=r"service\.db"):
            await Store(path).open()
        assert path.read_bytes() == content
    else:
        async with opened(path):
            pass


async def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """So is one of a later version."""
    import sqlite3  # noqa: PLC0415
    from contextlib import closing  # noqa: PLC0415

    for statement in ("CREATE TABLE precious (x)", "PRAGMA user_version = 99"):
        path = tmp_path / f"{len(statement)}.db"
        with closing(sqlite3.connect(path)) as db:
            db.execute(statement)
        with pytest.raises(ServiceError, match="cannot be used"):
            await Store(path).open()


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """What cannot be written down is not accepted: 503, and the client sends it again."""
    async with AsyncExitStack() as stack, opened(tmp_path / "service.db") as store:
        client = await served_by(stack, store, CannedEngine(), CREDENTIALS, tmp_path)
        await store._database.run(
            lambda db: db.execute("CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(FAIL, 'full'); END")
        )
        status, _, answer = await client.submit(CONTENT)
        assert status == 503
        assert "store" in answer["errors"][0]["message"]
        assert not list(store.folder.iterdir())
        await store._database.run(lambda db: db.execute("DROP TRIGGER full"))
        assert (await client.submit(CONTENT))[0] == 202
