"""The seeded plan: what the provider does to each recording, and what happens to the kernel meanwhile. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

ANSWERS = {
    "202": 0.865,
    "cut-after": 0.05,
    "cut-before": 0.02,
    "500": 0.015,
    "502": 0.01,
    "503": 0.01,
    "400": 0.03,
}
"""How submissions are answered, once no penalty and no stale token stands in the way, and their shares."""

TAKEN = frozenset({"202", "cut-after"})
"""The answers to submissions that were accepted."""

DELIVERIES = {
    "prompt": 0.22,
    "early": 0.08,
    "late": 0.08,
    "twice": 0.09,
    "never": 0.11,
    "shuffled": 0.12,
    "bare": 0.08,
    "foreign": 0.05,
    "broken": 0.04,
    "slow": 0.04,
    "half": 0.03,
    "running": 0.03,
    "forgotten": 0.02,
    "forgotten-late": 0.01,
}
"""How answers come. Bare: without jobId. Foreign: with another job's. Half: cut in the middle. Running: first as
InProgress. Forgotten: never, and the status call knows no such job; late: and then they come after all."""

ZONES = ("Z", "+00:00", "+05:30", "-11:00", "")


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one recording. Times in seconds."""

    answer: str
    delivery: str
    penalties: tuple[str | None, ...] = ()
    """So many 429 come first, each with this Retry-After."""
    stale_token: bool = False
    """A 401 comes first."""
    fails: bool = False
    """The job ends with the provider's errors."""
    big: bool = False
    """The answer has 8 MiB."""
    late_fetch: bool = False
    """The recording is fetched once more after the 202, and the job fails where that is not possible."""
    delay: float = 0.0
    skew: timedelta = timedelta()
    """How wrong the provider's clock is for this job, anew for each of its times."""
    zone: str = "Z"


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to the kernel or to its disk when so large a share of the recordings has been submitted.

    `kind` is kill, full, locked or clock. A kill waits `seconds` before it strikes, a lock lasts so long, a full disk
    so long after it was felt, a clock is wrong by so much from then on. `port` says how the next kernel listens: fixed,
    where the old delivery URLs live again, or free, where they are dead.
    """

    at: float
    kind: str
    seconds: float
    port: str = ""
    soon_again: float | None = None
    """The next kernel is killed as well, so many seconds after its start."""


@dataclass(frozen=True)
class Plan:
    """All of it. The same seed and number of jobs give the same plan."""

    seed: int
    courses: tuple[Course, ...]
    events: tuple[Event, ...]

    def counts(self) -> dict[str, int]:
        """How many recordings meet each fault."""
        count: Counter[str] = Counter()
        for course in self.courses:
            count[f"answered {course.answer}"] += 1
            if course.answer in TAKEN:
                count[f"delivered {course.delivery}"] += 1
                count["delivered in 8 MiB"] += course.big
                count["failing"] += course.fails
                count["provider's clock wrong"] += bool(course.skew)
                count["fetched again after the 202"] += course.late_fetch
            count["stale token"] += course.stale_token
            for seconds in course.penalties:
                count[f"429 {'with' if seconds else 'without'} Retry-After"] += 1
        return dict(sorted(count.items()))


def make_plan(seed: int, jobs: int, *, long: bool = False) -> Plan:
    """The plan for so many jobs. `long` adds what costs half a minute: a 429 without Retry-After, a long lock."""
    chance = random.Random(seed)
    answers, deliveries = _deal(chance, ANSWERS, jobs), _deal(chance, DELIVERIES, jobs)
    courses = [_course(chance, answer, delivery) for answer, delivery in zip(answers, deliveries, strict=True)]
    _strike(chance, courses, max(3, jobs // 250), lambda course: replace(course, penalties=(chance.choice("12"),)))
    _strike(chance, courses, max(2, jobs // 200), lambda course: replace(course, stale_token=True))
    if long:
        _strike(chance, courses, 1, lambda course: replace(course, penalties=(None,)))
    for number in chance.sample(range(jobs * 2 // 3, jobs), max(2, jobs // 400)):
        courses[number] = Course("202", "prompt", big=True)  # late: after one, the ledger's log has room on a full disk
    return Plan(seed, tuple(courses), tuple(_events(chance, long=long)))


def _deal(chance: random.Random, shares: dict[str, float], count: int) -> list[str]:
    """So many names in their shares, each at least once, shuffled."""
    names = [name for name, share in shares.items() for _ in range(max(1, int(share * count)))]
    names += chance.choices(list(shares), list(shares.values()), k=max(0, count - len(names)))
    chance.shuffle(names)
    return names[:count]


def _course(chance: random.Random, answer: str, delivery: str) -> Course:
    late = delivery in {"late", "forgotten-late"}
    wrong = chance.random() < 0.2
    return Course(
        answer,
        delivery,
        fails=delivery not in {"forgotten", "forgotten-late"} and chance.random() < 0.03,
        late_fetch="forgotten" not in delivery and chance.random() < 0.1,
        delay=chance.uniform(2.0, 6.0) if late else chance.uniform(0.0, 0.4),
        skew=timedelta(hours=chance.uniform(-400, 400)) if wrong else timedelta(),
        zone=chance.choice(ZONES) if wrong else "Z",
    )


def _strike(chance: random.Random, courses: list[Course], count: int, change: Callable[[Course], Course]) -> None:
    """Change so many courses, none of them twice."""
    free = [number for number, course in enumerate(courses) if not course.penalties and not course.stale_token]
    for number in chance.sample(free, count):
        courses[number] = change(courses[number])


def _events(chance: random.Random, *, long: bool) -> list[Event]:
    """Kills, a full disk, a locked ledger and a wrong clock, each at a random moment of its own part of the way."""
    kills = chance.randint(4, 5) if long else 3
    ports = ["free", "fixed", *chance.choices(["free", "fixed"], k=kills)][:kills]
    events = [
        Event((part + chance.uniform(0.1, 0.9)) / (kills + 0.3), "kill", chance.uniform(0.0, 0.4), port)
        for part, port in enumerate(ports)
    ]
    if long:
        events[1] = replace(events[1], soon_again=chance.uniform(0.5, 4.0))
    faults = [("full", 2.0), ("locked", 3.0), ("full", 4.0), ("locked", 12.0)][: 4 if long else 2]
    chance.shuffle(faults)
    events += [
        Event((part + chance.uniform(0.1, 0.8)) / len(faults), kind, seconds)
        for part, (kind, seconds) in enumerate(faults)
    ]
    hours = [chance.uniform(2, 100), chance.uniform(-100, -2), 0.0]
    events += [Event((part + chance.random()) / 3, "clock", 3600 * wrong) for part, wrong in enumerate(hours)]
    return sorted(events, key=lambda event: event.at)
