"""What the provider writes down of each submission, for the judge. Times are of the harness's monotonic clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """One submission request: when it came, from the kernel of which life, and how it was answered.

    `answer` is 202, 400, 401, 429, 500, 502, 503, cut-before or cut-after; empty while it is being thought about.
    """

    at: float
    life: int
    answer: str = ""
    answered: float = 0.0


@dataclass(slots=True)
class Post:
    """One delivery: `valid` says that it could end the job rightly; `code` is how the kernel answered, if it did.

    `whole` says that all of it was sent, so that the kernel may have kept it even where no code came back.
    """

    kind: str
    valid: bool
    at: float
    code: int | None = None
    whole: bool = False


@dataclass(slots=True)
class Submission:
    """All requests on one delivery path, that is of one job, and what became of them."""

    path: str
    number: int | None = None
    requests: list[Request] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    job_id: str | None = None
    request_id: str = ""
    accepted: float = 0.0
    acceptances: int = 0
    fails: bool = False
    fault: str = ""
    """Why it fails, where the plan does not say so."""
    done: float | None = None
    """Since when the status call tells the end."""
    end_told: float | None = None
    """When the end was first told and heard: by a delivery that was acknowledged, a status call or a refusal."""
    unfetched: list[tuple[float, int]] = field(default_factory=list)
    """When, and asked by which life, the recording could not be fetched."""

    @property
    def last(self) -> Request | None:
        """The request that decided."""
        return self.requests[-1] if self.requests else None

    @property
    def acknowledged(self) -> bool:
        """Whether the right answer was delivered and acknowledged."""
        return any(post.valid and post.code == 200 for post in self.posts)

    @property
    def perhaps_kept(self) -> bool:
        """Whether the right answer left and nobody knows whether it was kept."""
        return any(post.valid and post.whole and post.code is None for post in self.posts)


@dataclass
class Record:
    """Everything that the provider saw and did."""

    submissions: dict[str, Submission] = field(default_factory=dict)
    by_job_id: dict[str, Submission] = field(default_factory=dict)
    decided: set[int] = field(default_factory=set)
    """The recordings whose submission was answered for good at least once."""
    penalties: int = 0
    broken_penalties: list[str] = field(default_factory=list)
    """Requests of a living kernel that had been told to be silent."""
    unknowing: int = 0
    """Requests during a penalty from a kernel that could not know of it, or had sent them already."""
    tokens: int = 0
    status_calls: int = 0
    status_troubles: int = 0

    def of(self, number: int) -> list[Submission]:
        """The submissions of one recording, the first first."""
        found = [one for one in self.submissions.values() if one.number == number]
        return sorted(found, key=lambda one: one.requests[0].at)

    def posts(self) -> Iterator[tuple[Submission, Post]]:
        """Every delivery."""
        for submission in self.submissions.values():
            for post in submission.posts:
                yield submission, post
