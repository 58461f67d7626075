"""The request budget: how many requests may leave and who goes first, learned from the provider's own headers.

The provider counts requests per rate-limit group in a sliding window. A request takes a place in it from the moment it
is let go until one window after its answer was read, for it may have been counted at any moment in between: so a 429
is never of our own doing. Places that somebody else takes are noticed by `Remaining`. During a penalty nothing leaves,
for any request would start it again; after it one request goes ahead, as in the beginning, and its answer decides.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import re
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from http import HTTPStatus
from types import TracebackType
from typing import Self

from aijupyter.api.wire import DEFAULT_PENALTY_SECONDS, DEFAULT_WINDOW_SECONDS, Rates, Reply

DEFAULT_GROUP = "heavy"
"""Where a kind of request is presumed to be counted until its answers name a group."""
MAX_IN_FLIGHT = 32
"""So many requests of a group are under way at once, where nothing else sets a bound."""
POLL_RESERVE = 10
"""One in so many places of a window, and at least one, is kept from polls, for submissions that may come."""
TICK_SECONDS = 0.001
NOT_TAKEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""What is answered so was surely not taken, and may be sent again."""


class Priority(IntEnum):
    """Who goes first. A poll goes only when no submission waits, and never takes a window's last places."""

    SUBMISSION = 0
    POLL = 1


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """The budget of one group at a moment.

    In `window_seconds` go `limit` requests, `free` of them now (all None where no limit is known). `penalty_seconds`
    are left of a penalty (0.0: there is none). `in_flight` requests have no answer yet, `waiting` have not left.
    """

    group: str
    limit: int | None
    free: int | None
    window_seconds: float | None
    penalty_seconds: float
    in_flight: int
    waiting: int


class Slot:
    """One request's place in the window. Use it in a `with`: what was not answered by its end is lost or given back."""

    def __init__(self, budget: Budget, group: _Group, kind: str, admitted: float) -> None:
        self._budget = budget
        self.group = group
        self.kind = kind
        self.admitted = admitted
        self.number = budget.place()
        self.probe = group.probing
        self.left = False
        self.ended = False

    def leave(self) -> bool:
        """Say that the request leaves now. False when a penalty has begun: then it must not, but be admitted again."""
        self.left = self.group.penalty_seconds() <= 0
        return self.left

    def answered(self, reply: Reply) -> None:
        """Learn from the answer, which has been read to its end."""
        self.left = self.ended = True
        self._budget.learn(self, reply)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.ended:
            self.ended = True
            self.group.lose(self)


@dataclass(order=True, slots=True)
class _Waiter:
    priority: Priority
    place: int
    kind: str = field(compare=False)
    group: _Group = field(compare=False)
    future: asyncio.Future[Slot] = field(compare=False)


class Budget:
    """The gate that every request of an account passes.

    A request names its path, of which the words tell its kind. A kind counts in DEFAULT_GROUP until an answer names its
    group; kinds that turn out to be in one group share its window. All methods are for one event loop, but `eta`,
    `waiting` and `snapshot`, which any thread may call. `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places = itertools.count()
        self._default = _Group(DEFAULT_GROUP, self)
        self._groups = {DEFAULT_GROUP: self._default}
        self._homes: dict[str, _Group] = {}

    def now(self) -> float:
        """The clock's time, in seconds."""
        return self._clock()

    def place(self) -> int:
        """A new place in line, behind all others. A request that has to wait again keeps its place."""
        return next(self._places)

    async def admit(self, path: str, priority: Priority = Priority.SUBMISSION, place: int | None = None, /) -> Slot:
        """Wait until a request may be sent. Cancelling the wait leaves no trace."""
        kind = kind_of(path)
        group = self._home(kind)
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(priority, self.place() if place is None else place, kind, group, future)
        group.join(waiter)
        try:
            return await future
        except BaseException:
            if future.done() and not future.cancelled():  # it was let go in the very moment of the cancellation
                with future.result():
                    pass
            else:
                future.cancel()
                waiter.group.forget()
            raise

    def eta(self, place: int, path: str = "") -> float | None:
        """Seconds until the request that is `place`-th from now in line (0: the next) is sent, as far as can be told.

        `path` says of which group; without it, the default one. None where the limit is not known yet.
        """
        return self._home(kind_of(path)).eta(place)

    @property
    def waiting(self) -> int:
        """How many requests wait to be admitted."""
        return sum(group.waiting for group in list(self._groups.values()))

    def snapshot(self) -> tuple[BudgetStatus, ...]:
        """Each group's budget now, the default one first."""
        others = [group for group in list(self._groups.values()) if group is not self._default]
        return tuple(group.status() for group in (self._default, *others))

    def learn(self, slot: Slot, reply: Reply) -> None:
        """Take in what an answer tells: first of all in which group it was counted."""
        rates = reply.rates()
        if rates.group is not None or _tells(reply.status):
            self._find_home(slot.kind, rates.group or slot.group.name)
        slot.group.settle(slot, reply, rates)

    def _home(self, kind: str) -> _Group:
        return self._homes.get(kind, self._default)

    def _find_home(self, kind: str, name: str) -> None:
        home = self._home(kind)
        target = self._groups.get(name)
        if target is None and home.kinds <= {kind}:  # a new name for what it shares with no other known kind
            del self._groups[home.name]
            home.name, target = name, home
        elif target is None:
            target = _Group(name, self)
        self._groups[name] = target
        self._homes[kind] = target
        target.kinds.add(kind)
        if target is not home:
            home.kinds.discard(kind)
            home.hand_over(kind, target)
            if not home.kinds and home is not self._default:
                del self._groups[home.name]


class _Group:
    """One sliding window, those whose requests are in it, and those who wait for a place."""

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self.kinds: set[str] = set()
        self.waiting = 0
        self.probing = True
        self._budget = budget
        self._now = budget.now
        self._limit: int | None = None
        self._window = DEFAULT_WINDOW_SECONDS
        self._learned_from = -1
        self._told = False
        self._closed_until = -math.inf
        self._penalty = DEFAULT_PENALTY_SECONDS
        self._in_flight: set[Slot] = set()
        self._counted: list[float] = []  # until when each request that is no longer in flight may have been counted
        self._line: list[_Waiter] = []
        self._timer: asyncio.TimerHandle | None = None

    def penalty_seconds(self) -> float:
        """What is left of a penalty."""
        return max(0.0, self._closed_until - self._now())

    def join(self, waiter: _Waiter) -> None:
        """Stand in line."""
        waiter.group = self
        heapq.heappush(self._line, waiter)
        self.waiting += 1
        if self._line[0] is waiter:  # behind another, it waits at least as long as that one
            self._go_on()

    def forget(self) -> None:
        """Notice that one of the line, whose future was cancelled, no longer waits."""
        self.waiting -= 1
        if len(self._line) > 2 * self.waiting + MAX_IN_FLIGHT:
            self._line = [waiter for waiter in self._line if not waiter.future.done()]
            heapq.heapify(self._line)
        self._go_on()

    def settle(self, slot: Slot, reply: Reply, rates: Rates) -> None:
        """End a request's flight with its answer."""
        if rates.limit is not None:
            self._learn(slot, rates, rates.limit, refused=reply.status == HTTPStatus.TOO_MANY_REQUESTS)
        self._end(slot)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._penalize(reply.retry_after())
        elif slot.probe and (rates.limit is not None or _tells(reply.status)):
            self.probing, self._told = False, True
        self._go_on()

    def lose(self, slot: Slot) -> None:
        """End a request's flight without an answer, or the wait of one that never left."""
        self._end(slot)
        if slot.left and self.penalty_seconds():  # it may have started the penalty again
            self._penalize(self._penalty)
        self._go_on()

    def hand_over(self, kind: str, other: _Group) -> None:
        """Move what is of a kind, in flight and in line, to the group where it belongs."""
        for slot in [slot for slot in self._in_flight if slot.kind == kind]:
            self._in_flight.remove(slot)
            slot.group, slot.probe = other, other.probing
            other._in_flight.add(slot)
        movers = [waiter for waiter in self._line if waiter.kind == kind and not waiter.future.done()]
        self._line = [waiter for waiter in self._line if waiter.kind != kind and not waiter.future.done()]
        heapq.heapify(self._line)
        self.waiting -= len(movers)
        self._go_on()
        for waiter in movers:
            other.join(waiter)

    def eta(self, place: int) -> float | None:
        """See Budget.eta. It reads each value once, for the loop's thread may change them meanwhile."""
        now, limit, window = self._now(), self._limit, self._window
        start = max(now, self._closed_until)
        if limit is None:
            return start - now if self._told or place == 0 else None
        counted, busy = self._counted.copy(), len(self._in_flight)
        places = max(1, limit)
        ends = [at + window for at in counted if at + window > start] + [start + window] * busy
        rounds, place = divmod(place, places)
        freed = place - (places - len(ends))
        first = start if freed < 0 else ends[freed]
        return max(0.0, first + rounds * window - now)

    def status(self) -> BudgetStatus:
        """What there is to show."""
        now, limit, window = self._now(), self._limit, self._window
        counted, busy = self._counted.copy(), len(self._in_flight)
        taken = busy + len(counted) - bisect_right(counted, now - window)
        free = None if limit is None else max(0, limit - taken)
        return BudgetStatus(
            self.name, limit, free, None if limit is None else window, self.penalty_seconds(), busy, self.waiting
        )

    def _learn(self, slot: Slot, rates: Rates, limit: int, *, refused: bool) -> None:
        if slot.number > self._learned_from:  # an answer that was overtaken tells nothing new of the limit
            self._learned_from = slot.number
            self._limit = limit
            self._window = rates.window or self._window
        if rates.remaining is None or refused:  # a refusal says by itself when the window is open again
            return
        since = bisect_right(self._counted, slot.admitted - self._window)
        explained = len(self._in_flight) + len(self._counted) - since
        others = max(0, limit - rates.remaining - explained)
        self._counted += [self._now()] * others

    def _end(self, slot: Slot) -> None:
        self._in_flight.discard(slot)
        now = self._now()
        if slot.left:
            self._counted.append(now)
        oldest = min((other.admitted for other in self._in_flight), default=now)
        del self._counted[: bisect_right(self._counted, oldest - self._window)]

    def _penalize(self, seconds: float) -> None:
        self._penalty = seconds
        self._closed_until = max(self._closed_until, self._now() + seconds)
        self.probing = True

    def _go_on(self) -> None:
        """Let everyone go who may go now, and wake up when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while (waiter := self._first()) is not None:
            wait = self._wait(waiter)
            if wait > 0:
                if wait < math.inf:
                    self._timer = waiter.future.get_loop().call_later(max(wait, TICK_SECONDS), self._go_on)
                return
            heapq.heappop(self._line)
            self.waiting -= 1
            slot = Slot(self._budget, self, waiter.kind, self._now())
            self._in_flight.add(slot)
            waiter.future.set_result(slot)

    def _first(self) -> _Waiter | None:
        while self._line and self._line[0].future.done():
            heapq.heappop(self._line)
        return self._line[0] if self._line else None

    def _wait(self, waiter: _Waiter) -> float:
        """Seconds until the next request may go; infinite until another one has ended."""
        now, busy = self._now(), len(self._in_flight)
        if now < self._closed_until:
            return self._closed_until - now
        if busy >= (1 if self.probing else MAX_IN_FLIGHT) or self._is_explored(waiter.kind):
            return math.inf
        if self._limit is None:
            return 0.0
        places = max(1, self._limit)  # were it zero: one a window, to learn when it changes
        if waiter.priority is Priority.POLL:
            places -= min(places - 1, max(1, places // POLL_RESERVE))
        gone = bisect_right(self._counted, now - self._window)
        excess = busy + len(self._counted) - gone - places
        if excess < 0:
            return 0.0
        index = gone + excess
        return self._counted[index] + self._window - now if index < len(self._counted) else math.inf

    def _is_explored(self, kind: str) -> bool:
        """Whether a first request of a kind is under way, whose answer will tell if the kind is of this group."""
        return bool(self.kinds) and kind not in self.kinds and any(slot.kind == kind for slot in self._in_flight)


def kind_of(path: str) -> str:
    """What kind of request a path is: its first three words, so that neither ids nor versions count."""
    return "/".join(re.findall(r"(?<=/)[a-z-]+(?=/|$)", path)[:3])


def _tells(status: int) -> bool:
    """Whether an answer of this status without rate headers tells that there is no limit."""
    return status not in NOT_TAKEN and status < HTTPStatus.INTERNAL_SERVER_ERROR
