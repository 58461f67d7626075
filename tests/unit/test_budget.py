"""The budget: in virtual time against a true sliding window, and through the transport against a real server."""

from __future__ import annotations

import asyncio
import random
import selectors
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from aijupyter import errors
from aijupyter.api import operations
from aijupyter.api.auth import Credentials
from aijupyter.api.budget import MAX_IN_FLIGHT, Budget, Priority, Slot, kind_of
from aijupyter.api.transport import Attempt, Transport
from aijupyter.api.wire import Reply
from aijupyter.config import Secret

SUBMIT, ANALYZE = "/ai/audio/v1/async/speech-to-text", "/ai/insights/v1/async/analyze-interaction"
STATUS, VOICES = "/ai/status/v1/jobs/96d7a8ae", "/ai/audio/v1/enrollments/anna"


class NoWait(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    """Skips the time that a loop would sleep."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready at once; where nothing is, the time is over."""
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which hours take no time."""

    def __init__(self) -> None:
        self.skipping = NoWait()
        super().__init__(self.skipping)

    def time(self) -> float:
        """The virtual time."""
        return self.skipping.now


def virtually(scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(scene)


def now() -> float:
    """The running loop's time, virtual or not."""
    return asyncio.get_running_loop().time()


class Counter:
    """Counts as the contract says: in a sliding window, with penalties that any request starts again."""

    def __init__(self, limit: int, window: float, penalty: float = 0, group: str = "Heavy") -> None:
        self.limit, self.window, self.penalty, self.group = limit, window, penalty, group
        self.taken: list[float] = []
        self.accepted = self.refused = 0
        self.arrived: list[float] = []
        self.closed_until = 0.0

    def count(self) -> Reply:
        """One request comes in."""
        at = now()
        self.arrived.append(at)
        self.taken = [then for then in self.taken if then > at - self.window]
        if at < self.closed_until or len(self.taken) >= self.limit:
            self.refused += 1
            self.closed_until = at + self.penalty
            return self._reply(429, 0, {"Retry-After": f"{self.penalty:g}"})
        self.taken.append(at)
        self.accepted += 1
        return self._reply(202, self.limit - len(self.taken), {})

    def _reply(self, status: int, remaining: int, more: dict[str, str]) -> Reply:
        rates = {"Group": self.group, "Limit": self.limit, "Remaining": remaining, "Window": f"{self.window:g}"}
        return Reply(status, {f"X-Rate-Limit-{name}": str(value) for name, value in rates.items()} | more, b"{}")


async def send(
    budget: Budget,
    count: Callable[[], Reply],
    path: str = SUBMIT,
    *,
    priority: Priority = Priority.SUBMISSION,
    latency: Callable[[], float] = lambda: 0.05,
) -> float:
    """One request on its way, until it is accepted; when it left."""
    place = budget.place()
    while True:
        with await budget.admit(path, priority, place) as slot:
            if not slot.leave():
                continue
            left = now()
            await asyncio.sleep(latency())
            reply = count()
            await asyncio.sleep(latency())
            slot.answered(reply)
        if reply.status != 429:
            return left


async def learned(limit: int, window: float = 60) -> Budget:
    """A budget whose first answer was read just now: one place is taken."""
    budget = Budget(clock=now)
    await send(budget, Counter(limit, window).count, latency=lambda: 0)
    return budget


async def settled() -> None:
    """Let everything run that can run now."""
    for _ in range(5):
        await asyncio.sleep(0)


async def admitted(budget: Budget, path: str = SUBMIT, priority: Priority = Priority.SUBMISSION) -> Slot | None:
    """A place in the window, if there is one at once."""
    waiting = asyncio.ensure_future(budget.admit(path, priority))
    await settled()
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    return None


def answer(status: int = 202, **rates: object) -> Reply:
    """An answer with these rate headers."""
    return Reply(status, {f"X-Rate-Limit-{name}": str(value) for name, value in rates.items()}, b"")


@pytest.mark.parametrize("seed", range(8))
def test_the_quota_is_used_and_never_exceeded(seed: int) -> None:
    """600 jobs at 60 in 6 s, while polls wait: at least 95% of the quota, whatever the delays, and no 429."""

    async def scene() -> None:
        dice, budget, counter = random.Random(seed), Budget(clock=now), Counter(60, 6, penalty=6)
        slow = dice.choice([0.001, 0.02, 0.05])
        started = now()
        jobs = [send(budget, counter.count, latency=lambda: dice.expovariate(1 / slow)) for _ in range(600)]
        sending = asyncio.gather(*jobs)
        polling = asyncio.gather(*(send(budget, counter.count, STATUS, priority=Priority.POLL) for _ in range(20)))
        await sending
        assert 600 / (60 * ((now() - started) / 6 + 1)) >= 0.95
        await polling
        assert counter.refused == 0
        assert budget.waiting == 0

    virtually(scene())


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_sent_during_a_penalty(seed: int) -> None:
    """Another kernel exhausts the window again and again: from the moment a 429 is read there is silence."""

    async def scene() -> None:
        dice, budget, counter = random.Random(seed), Budget(clock=now), Counter(10, 10, penalty=30)
        silences: list[tuple[float, float]] = []

        def count() -> Reply:
            reply = counter.count()
            if reply.status == 429:
                silences.append((now() + 0.4, now() + 30))  # 0.2 s to be read, and 0.2 s for those on their way
            return reply

        async def others() -> None:
            while True:
                await asyncio.sleep(dice.uniform(20, 60))
                if now() > counter.closed_until:
                    counter.taken += [now()] * 10

        stranger = asyncio.ensure_future(others())
        jobs = [send(budget, count, latency=lambda: dice.uniform(0, 0.2)) for _ in range(100)]
        await asyncio.gather(*jobs)
        stranger.cancel()
        assert counter.accepted == 100
        assert silences
        assert not [at for at in counter.arrived for start, end in silences if start < at < end]

    virtually(scene())


def test_a_stranger_takes_half() -> None:
    """A second client on the same budget: what `Remaining` tells keeps ours within what is left."""

    async def scene() -> None:
        budget, counter = Budget(clock=now), Counter(60, 6, penalty=6)

        async def stranger() -> None:
            while True:
                await asyncio.sleep(0.2)
                if len([at for at in counter.taken if at > now() - 6]) < 60:  # it knows when to stop
                    counter.taken.append(now())

        eating = asyncio.ensure_future(stranger())
        started = now()
        await asyncio.gather(*(send(budget, counter.count) for _ in range(300)))
        eating.cancel()
        assert counter.accepted == 300
        assert counter.refused <= 6
        assert now() - started < 100  # 60 s, were half of it ours to the last place

    virtually(scene())


def test_one_goes_ahead() -> None:
    """Until the first answer has told the limit, one request is under way; what it tells counts others' requests."""

    async def scene() -> None:
        budget = Budget(clock=now)
        first = await budget.admit(SUBMIT)
        assert await admitted(budget) is None
        assert (budget.eta(0), budget.eta(1)) == (0.0, None)
        first.answered(answer(Limit=10, Remaining=6, Window=60))
        slots = [await admitted(budget) for _ in range(7)]
        assert [slot is not None for slot in slots] == [True] * 6 + [False]
        (status,) = budget.snapshot()
        assert (status.group, status.limit, status.free, status.in_flight) == ("heavy", 10, 0, 6)

    virtually(scene())


@pytest.mark.parametrize(
    "rates",
    [{}, {"Limit": "-5", "Window": "60"}, {"Limit": "9" * 5000}, {"Limit": "ten", "Remaining": "0"}, {"Limit": "٣"}],
)
def test_no_limit(rates: dict[str, object]) -> None:
    """An answer without headers, or with useless ones: only a sane number of requests is under way at once."""

    async def scene() -> None:
        budget = Budget(clock=now)
        (await budget.admit(SUBMIT)).answered(answer(**rates))
        assert len([slot for _ in range(50) if (slot := await admitted(budget))]) == MAX_IN_FLIGHT
        assert budget.eta(1000) == 0.0
        assert budget.snapshot()[0].limit is None

    virtually(scene())


@pytest.mark.parametrize("rates", [{"Window": "-1"}, {"Window": "soon"}, {"Window": "9e99"}, {"Remaining": "-7"}])
def test_half_useless_headers(rates: dict[str, object]) -> None:
    """A limit counts even where the rest of what is said is of no use: in a minute's window."""

    async def scene() -> None:
        budget = Budget(clock=now)
        (await budget.admit(SUBMIT)).answered(answer(**{"Limit": 2, **rates}))
        assert await admitted(budget)
        assert await admitted(budget) is None
        assert budget.eta(0) == 60

    virtually(scene())


@pytest.mark.parametrize("status", [401, 500, 503])
def test_trouble_does_not_tell_that_there_is_no_limit(status: int) -> None:
    """After an answer of a gateway, say, another single request has to find out."""

    async def scene() -> None:
        budget = Budget(clock=now)
        (await budget.admit(SUBMIT)).answered(answer(status))
        assert await admitted(budget)
        assert await admitted(budget) is None

    virtually(scene())


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_of_next_to_nothing(limit: int) -> None:
    """One request a window goes, also a poll, and so a change is noticed."""

    async def scene() -> None:
        budget, started = Budget(clock=now), now()
        (await budget.admit(SUBMIT)).answered(answer(Limit=limit, Remaining=0, Window=60))
        left = await send(budget, Counter(10, 60).count, STATUS, priority=Priority.POLL)
        assert left == pytest.approx(started + 60, abs=0.01)
        assert budget.snapshot()[0].limit == 10

    virtually(scene())


def test_changes_are_learned_and_overtaken_answers_are_not() -> None:
    """A smaller limit and a shorter window hold at once; an answer from before the change does not bring it back."""

    async def scene() -> None:
        budget = await learned(10)
        early, late = await budget.admit(SUBMIT), await budget.admit(SUBMIT)
        late.answered(answer(Limit=3, Remaining=0, Window=6))
        early.answered(answer(Limit=10, Remaining=8, Window=60))
        (status,) = budget.snapshot()
        assert (status.limit, status.window_seconds, status.free) == (3, 6, 0)
        assert await send(budget, Counter(3, 6).count) == pytest.approx(1006, abs=0.01)

    virtually(scene())


def test_who_goes_first() -> None:
    """Submissions before polls, each in their order; the last places are not for polls."""

    async def scene() -> None:
        budget = await learned(20)
        polls = [slot for _ in range(20) if (slot := await admitted(budget, STATUS, Priority.POLL))]
        assert len(polls) == 1  # the first of its kind has to tell its group
        polls[0].answered(answer(Limit=20, Window=60))
        assert len([slot for _ in range(20) if await admitted(budget, STATUS, Priority.POLL)]) == 16
        assert await admitted(budget)
        assert await admitted(budget)
        assert await admitted(budget) is None
        order: list[str] = []

        async def go(name: str, priority: Priority) -> None:
            with await budget.admit(SUBMIT, priority):
                order.append(name)

        names = [("poll 1", Priority.POLL), ("job 1", Priority.SUBMISSION), ("poll 2", Priority.POLL)]
        await asyncio.gather(*(go(*name) for name in [*names, ("job 2", Priority.SUBMISSION)]), release(budget))
        assert order == ["job 1", "job 2", "poll 1", "poll 2"]

    async def release(budget: Budget) -> None:
        await settled()
        for slot in list(budget._default._in_flight):
            slot.__exit__(None, None, None)

    virtually(scene())


def test_what_never_left_gives_its_place_back() -> None:
    """And what left without an answer keeps it for a window."""

    async def scene() -> None:
        budget = await learned(2)
        with await budget.admit(SUBMIT):
            assert await admitted(budget) is None
        with await budget.admit(SUBMIT) as slot:
            assert slot.leave()
        assert await admitted(budget) is None
        assert budget.eta(1) == 60

    virtually(scene())


def test_cancelling_leaves_no_trace() -> None:
    """Thousands wait and give up at little cost; one cancelled in the moment of its admission passes it on."""

    async def scene() -> None:
        budget = await learned(1)
        crowd = [asyncio.ensure_future(budget.admit(SUBMIT)) for _ in range(20_000)]
        await settled()
        started = time.process_time()
        for waiter in crowd[1:-1]:
            waiter.cancel()
        await settled()
        assert time.process_time() - started < 5
        assert budget.waiting == 2
        assert len(budget._default._line) < 100
        chosen, last = crowd[0], crowd[-1]
        budget._default._now = lambda: now() + 60
        budget._default._go_on()  # `chosen` is let go, and has not noticed yet
        chosen.cancel()
        assert isinstance(await last, Slot)
        assert chosen.cancelled()
        assert (budget.waiting, budget.snapshot()[0].in_flight) == (0, 1)

    virtually(scene())


def test_a_penalty_is_extended_by_what_was_on_its_way() -> None:
    """Another 429, or no answer at all, starts the silence again; then a single request goes."""

    async def scene() -> None:
        budget = await learned(10)
        first, second, third = [await budget.admit(SUBMIT) for _ in range(3)]
        for slot in (first, second, third):
            assert slot.leave()
        unsent = await budget.admit(SUBMIT)
        refusal = Reply(429, {"Retry-After": "100"}, b"")
        first.answered(refusal)
        assert not unsent.leave()
        unsent.__exit__(None, None, None)
        await asyncio.sleep(10)
        second.answered(refusal)
        await asyncio.sleep(10)
        assert (budget.eta(0), budget.snapshot()[0].penalty_seconds) == (90, 90)
        third.__exit__(None, None, None)
        assert budget.snapshot()[0].penalty_seconds == 100
        probe = await budget.admit(SUBMIT)
        assert now() == pytest.approx(1120, abs=0.01)
        assert await admitted(budget) is None
        probe.answered(answer())
        assert await admitted(budget)
        assert await admitted(budget)

    virtually(scene())


def test_groups_are_learned() -> None:
    """A new name for the group goes for all kinds that nothing else is known of; one of another group leaves."""

    async def scene() -> None:
        budget = Budget(clock=now)
        (await budget.admit(SUBMIT)).answered(answer(Group="AI", Limit=3, Remaining=2, Window=60))
        assert [status.group for status in budget.snapshot()] == ["ai"]
        other, voices = await budget.admit(ANALYZE), await budget.admit(VOICES)
        waiting = asyncio.ensure_future(budget.admit(VOICES))
        await settled()
        voices.answered(answer(Group="Light", Limit=50, Remaining=49, Window=60))
        await waiting
        other.answered(answer(Group="AI", Limit=3, Remaining=1, Window=60))
        assert {status.group: (status.limit, status.free) for status in budget.snapshot()} == {
            "ai": (3, 1),
            "light": (50, 48),
        }
        last = await admitted(budget, SUBMIT)
        assert await admitted(budget, ANALYZE) is None
        assert last
        last.answered(answer(Group="Audio", Limit=5, Remaining=4, Window=60))
        assert await admitted(budget, SUBMIT)
        assert await admitted(budget, SUBMIT)

    virtually(scene())


def test_kinds_of_requests() -> None:
    """Neither ids nor versions make a kind."""
    assert kind_of(SUBMIT) == "ai/audio/async"
    assert kind_of(STATUS) == kind_of("/ai/status/v1/jobs/0-1") == "ai/status/jobs"
    assert kind_of(VOICES) == "ai/audio/enrollments"
    assert kind_of("/restapi/v1.0/account/~/extension/~/call-log") == "restapi/account/extension"


def test_eta_foretells_when_each_is_sent() -> None:
    """For everyone in line, over several windows, also when asked from another thread."""

    async def scene() -> None:
        budget = await learned(7, 60)
        await asyncio.sleep(20)
        await asyncio.gather(*(send(budget, Counter(7, 60).count, latency=lambda: 0) for _ in range(3)))
        foretold: list[float | None] = []
        asking = threading.Thread(
            target=lambda: foretold.extend(at for n in range(40) if (at := budget.eta(n)) is not None)
        )
        moment = now()
        budget._default._now = lambda: moment  # the other thread has no running loop
        asking.start()
        asking.join()
        budget._default._now, started = now, now()
        left = await asyncio.gather(*(send(budget, answer, latency=lambda: 0) for _ in range(40)))
        assert [at - started for at in left] == pytest.approx(foretold, abs=0.1)

    virtually(scene())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 30),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "1e9"}, 3600),
        ({"Retry-After": "inf"}, 3600),
        ({"Retry-After": "nan"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 60),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 9015 07:29:00 GMT"}, 3600),
        ({"Retry-After": "Wed, 99 Oct 2015 99:99:99 GMT"}, 30),
    ],
)
def test_how_long_a_penalty_lasts(headers: dict[str, str], seconds: float) -> None:
    """As many seconds as it says, or until its date by the server's own clock; bounded, and never nothing."""
    assert Reply(429, headers, b"").retry_after() == pytest.approx(seconds, abs=5)


def test_a_penalty_until_a_date_by_our_clock() -> None:
    """Where the server does not tell its time."""
    date = formatdate(time.time() + 100, usegmt=True)
    assert Reply(429, {"Retry-After": date}, b"").retry_after() == pytest.approx(100, abs=5)


class Server:
    """A real server that counts. `plan` gives what becomes of each request first: a status, or "hang up"."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.plan: list[int | str] = []
        self.token_plan: list[int] = []
        self.tokens: list[float] = []
        self.delay = 0.0

    async def token(self, _: web.Request) -> web.Response:
        """The token call."""
        self.tokens.append(now())
        if self.token_plan:
            return web.json_response({}, status=self.token_plan.pop(0), headers={"Retry-After": "1"})
        return web.json_response({"access_token": "token", "expires_in": 3600})

    async def ask(self, request: web.Request) -> web.Response:
        """All other calls."""
        await request.read()
        reply = self.counter.count()
        await asyncio.sleep(self.delay)
        planned = self.plan.pop(0) if self.plan else reply.status
        if planned == "hang up":
            assert request.transport
            request.transport.close()
        status = planned if isinstance(planned, int) else reply.status
        return web.json_response({"jobId": "1"}, status=status, headers={"Retry-After": "1"} | reply.headers)  # type: ignore[operator]


@asynccontextmanager
async def served(counter: Counter) -> AsyncIterator[tuple[Transport, Server]]:
    """A transport and its server."""
    server = Server(counter)
    app = web.Application()
    app.router.add_post("/restapi/oauth/token", server.token)
    app.router.add_route("*", "/{path:.*}", server.ask)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    way = Transport(f"http://127.0.0.1:{runner.addresses[0][1]}", Credentials("id", Secret("s"), Secret("jwt")))
    try:
        yield way, server
    finally:
        await way.close()
        await runner.cleanup()


class Diary(Attempt):
    """Writes down what it is told."""

    def __init__(self, veto: Exception | None = None) -> None:
        self.told: list[str] = []
        self.veto = veto
        self.hold: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def leaving(self) -> None:
        """Perhaps it may not."""
        assert not self.sent
        self.told.append("leaving")
        if self.hold:
            await self.hold()
        if self.veto:
            raise self.veto

    async def refused(self) -> None:
        """It waits again."""
        assert not self.sent
        self.told.append("refused")


def submit(way: Transport, attempt: Attempt | None = None) -> Coroutine[Any, Any, operations.Accepted]:
    """One submission."""
    return operations.submit(way, SUBMIT, {}, webhook="http://127.0.0.1:9/d", attempt=attempt)


async def reached(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what it looks at is no event
            await asyncio.sleep(0.005)


async def test_the_quota_against_a_real_server() -> None:
    """300 submissions at 60 in 2 s: most of the quota, and no 429. How much, benchmarks/budget.py measures."""
    async with served(Counter(60, 2, penalty=5)) as (way, server):
        started = now()
        await asyncio.gather(*(submit(way) for _ in range(300)))
        assert (server.counter.accepted, server.counter.refused) == (300, 0)
        assert 300 / (60 * ((now() - started) / 2 + 1)) >= 0.8


async def test_silence_against_a_real_server() -> None:
    """Of 30 that want to leave when the window turns out to be full, none touches the penalty, nor does a poll."""
    async with served(Counter(10, 1, penalty=1.5)) as (way, server):
        await submit(way)
        server.counter.taken += [now()] * 9
        diaries = [Diary() for _ in range(30)]
        polling = asyncio.ensure_future(operations.job_status(way, "1"))
        await asyncio.gather(*(submit(way, diary) for diary in diaries))
        with suppress(errors.RateLimitedError):
            await polling
        counter = server.counter
        refused_at = counter.arrived[1]
        assert not [at for at in counter.arrived if refused_at + 0.3 < at < refused_at + 1.5]
        assert counter.accepted >= 31
        assert all(diary.sent and diary.told[-1] == "leaving" for diary in diaries)
        assert any(diary.told[:3] == ["leaving", "refused", "leaving"] for diary in diaries)


async def test_an_admitted_request_is_held_back_by_a_penalty() -> None:
    """While its caller still writes down that it leaves, another one's 429 comes: it does not leave."""
    async with served(Counter(100, 60, penalty=1)) as (way, server):
        await submit(way)
        written, diary = asyncio.Event(), Diary()

        async def hold() -> None:
            if diary.told == ["leaving"]:
                await written.wait()

        diary.hold = hold
        held = asyncio.ensure_future(submit(way, diary))
        await reached(lambda: diary.told)
        server.plan = [429]
        with pytest.raises(errors.RateLimitedError):
            await operations.job_status(way, "1")
        silent_from = now()
        written.set()
        await held
        assert diary.told == ["leaving", "refused", "leaving"]
        assert len(server.counter.arrived) == 3
        assert server.counter.arrived[-1] >= silent_from + 0.9


@pytest.mark.parametrize("status", [401, 429])
async def test_what_was_not_taken_is_told_and_sent_again(status: int) -> None:
    """Between the two, the caller knows that it waits; and a 401 fetches another token."""
    async with served(Counter(100, 60)) as (way, server):
        server.plan = [status]
        diary = Diary()
        await submit(way, diary)
        assert diary.told == ["leaving", "refused", "leaving"]
        assert diary.sent
        assert len(server.tokens) == (2 if status == 401 else 1)


@pytest.mark.parametrize(
    ("plan", "error", "sent"),
    [
        (["hang up"], errors.NoAnswerError, True),
        ([503], errors.ServerError, True),
        ([400], errors.BadRequestError, True),
        ([401, 401], errors.AuthenticationError, False),
    ],
)
async def test_whether_it_may_have_been_received(plan: list[int | str], error: type[Exception], sent: bool) -> None:
    """After every end the caller can tell, and nothing is sent more often than planned."""
    async with served(Counter(100, 60)) as (way, server):
        server.plan = plan.copy()
        diary = Diary()
        with pytest.raises(error):
            await submit(way, diary)
        assert diary.sent is sent
        assert len(server.counter.arrived) == len(plan)


async def test_a_veto_keeps_it_back() -> None:
    """What the caller raises comes back to it, nothing was sent, and the place is free again."""
    async with served(Counter(1, 60)) as (way, server):
        diary = Diary(veto=errors.LedgerError("The disk is full."))
        with pytest.raises(errors.LedgerError):
            await submit(way, diary)
        assert not diary.sent
        assert server.counter.arrived == []
        await submit(way)
        assert way.budget.eta(0) == pytest.approx(60, abs=5)


async def test_no_connection_means_not_sent() -> None:
    """A refused connection, after the token was had: surely not received, and no place in the window is taken."""
    async with served(Counter(5, 60)) as (way, _):
        await submit(way)
        url, way._base_url = way._base_url, "http://127.0.0.1:1"
        diary = Diary()
        with pytest.raises(errors.ProviderUnreachableError):
            await submit(way, diary)
        assert (diary.told, diary.sent) == (["leaving"], False)
        way._base_url = url
        assert way.budget.snapshot()[0].free == 4


@pytest.mark.parametrize("sent", [False, True])
async def test_cancelled_before_or_after_it_left(sent: bool) -> None:
    """`sent` tells which."""
    async with served(Counter(5, 60)) as (way, server):
        await submit(way)
        server.delay, diary = 60, Diary()
        if not sent:
            diary.hold = asyncio.Event().wait  # type: ignore[assignment]
        going = asyncio.ensure_future(submit(way, diary))
        await reached(lambda: len(server.counter.arrived) == 2 if sent else diary.told)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert diary.sent is sent
        assert way.budget.snapshot()[0].free == (3 if sent else 4)


async def test_nothing_is_repeated_behind_the_budgets_back() -> None:
    """A status call on a connection that breaks is one request, though aiohttp likes to send such a one again."""
    async with served(Counter(5, 60)) as (way, server):
        server.plan = [202, "hang up"]
        await submit(way)
        with pytest.raises(errors.NoAnswerError):
            await operations.job_status(way, "1")
        assert len(server.counter.arrived) == 2


async def test_the_token_call_is_silent_during_its_own_penalty() -> None:
    """However many want a token, nobody asks for one until the penalty is over, and the other group is not touched."""
    async with served(Counter(100, 60)) as (way, server):
        server.token_plan = [429]
        await asyncio.gather(*(submit(way) for _ in range(20)))
        assert len(server.tokens) == 2
        assert server.tokens[1] - server.tokens[0] >= 1
        assert server.counter.accepted == 20
        assert way.budget.snapshot()[0].penalty_seconds == 0
