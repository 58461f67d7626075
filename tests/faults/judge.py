"""The judge: what the ledger says of every job, against what the provider saw and did. Pure.

The kernel is only allowed not to know where nobody could: where its process was killed before it can have written down
what it was told. Such a job may be unconfirmed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from plan import TAKEN, Plan
from records import Record, Request, Submission
from wire import transcript

WRITE_SECONDS = 1.0
"""What a kernel was told so long before its end, it must have written down."""

RECOVERY_SECONDS = 15.0
"""The same, counted from the end of a trouble with the ledger."""

NOT_TAKEN = frozenset({"401", "429"})
REFUSED = frozenset({"500", "502", "503", "cut-before"})


@dataclass(frozen=True, slots=True)
class Life:
    """A kernel's: from when until when, and whether it was killed."""

    begun: float
    ended: float
    killed: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A trouble with the ledger's disk or its lock."""

    kind: str
    begun: float
    ended: float


@dataclass
class Court:
    """Everything that the judgement needs. `rows` is what the last session read out of the ledger."""

    plan: Plan
    record: Record
    lives: Sequence[Life]
    troubles: Sequence[Span]
    rows: Sequence[Mapping[str, Any]]
    doubts: int = field(default=0, init=False)
    """How many jobs are rightly unconfirmed because their kernel was killed before it could write more."""
    lost: int = field(default=0, init=False)
    """How many left a kernel that was killed, and never reached the provider."""

    def judge(self) -> list[str]:
        """All that is wrong, a sentence each."""
        self.doubts = self.lost = 0
        wrong = [f"a request came during a penalty: {told}" for told in self.record.broken_penalties]
        wrong += self._missing()
        for row in self.rows:
            wrong += [f"recording {row['number']}, {row['state']} ({row['key']}): {what}" for what in self._row(row)]
        for submission in self.record.submissions.values():
            wrong += [f"recording {submission.number}, {submission.job_id}: {what}" for what in self._once(submission)]
        for number in range(len(self.plan.courses)):
            wrong += [f"recording {number}: {what}" for what in self._content(number)]
        return wrong

    def allowed(self, submission: Submission) -> set[str]:
        """The states in which its job may rightly be."""
        request = submission.last
        assert request is not None
        doubt = {"unconfirmed"} if self._doubtful(request) else set()
        if request.answer in NOT_TAKEN:
            return doubt
        if request.answer in REFUSED:
            return {"unconfirmed"}
        if request.answer == "400":
            return {"failed"} | doubt
        end = {"failed" if submission.fails else "succeeded"}
        if submission.acknowledged:
            return end
        perhaps = end if submission.perhaps_kept else set()
        if request.answer != "202":
            return {"unconfirmed"} | perhaps
        return ({"expired"} | perhaps if self._forgotten(submission) else end) | doubt

    def _forgotten(self, submission: Submission) -> bool:
        planned = submission.number is not None
        return planned and not submission.fails and "forgotten" in self.plan.courses[submission.number or 0].delivery

    def _doubtful(self, request: Request) -> bool:
        """Whether its kernel may have been killed before it could write down how it was answered."""
        life = self.lives[request.life]
        if not life.killed:
            return False
        needed = request.answered + WRITE_SECONDS
        for trouble in self.troubles:
            if trouble.begun - 0.5 <= needed and request.answered <= trouble.ended:
                needed = max(needed, trouble.ended + RECOVERY_SECONDS)
        return life.ended < needed

    def _row(self, row: Mapping[str, Any]) -> Iterator[str]:
        submission = self.record.submissions.get(row["path"])
        if submission is None or submission.last is None:
            self.lost += 1
            if row["state"] != "unconfirmed" or not any(life.killed for life in self.lives):
                yield "the provider was never asked"
            return
        allowed = self.allowed(submission)
        if row["state"] == "unconfirmed" and self._doubtful(submission.last):
            yield from self._doubted(row, submission)
        if row["state"] not in allowed:
            yield f"should be {' or '.join(sorted(allowed)) or 'sent again'}; {_told(submission)}"
        if submission.number not in {row["number"], None}:
            yield f"its path brought recording {submission.number}"
        if row["state"] == "succeeded":
            yield from self._result(row, submission)
        if row["state"] == "failed" and row["problem"] not in {"JobFailedError", "BadRequestError"}:
            yield f"failed as {row['problem']}"

    def _doubted(self, row: Mapping[str, Any], submission: Submission) -> Iterator[str]:
        """Unconfirmed because of a kill: then the ledger never knew more than that it was being sent."""
        way = [state for _, state, _ in row["history"]]
        if self.allowed(submission) != {"unconfirmed"}:
            self.doubts += 1
            if way[-2:] != ["sending", "unconfirmed"]:
                yield f"unconfirmed by the way {way}"

    def _result(self, row: Mapping[str, Any], submission: Submission) -> Iterator[str]:
        right = transcript(self.plan.seed, row["number"])
        if row["text"] != right or row["raw_text"] != right:
            yield f"its text is {row['text']!r}, in the raw answer {row['raw_text']!r}"
        if row["raw_id"] not in {None, submission.job_id}:
            yield f"its answer names {row['raw_id']}, its job is {submission.job_id}"

    def _missing(self) -> Iterator[str]:
        known = {row["path"] for row in self.rows}
        numbers = {row["number"] for row in self.rows}
        for number in set(range(len(self.plan.courses))) - numbers:
            yield f"recording {number} is not in the ledger"
        for path, submission in self.record.submissions.items():
            if path not in known:
                yield f"recording {submission.number} was submitted as a job that the ledger does not know"

    def _once(self, submission: Submission) -> Iterator[str]:
        """One job: accepted once, never asked again after an answer that was no 401 and no 429, always fetchable."""
        if submission.acceptances > 1:
            yield f"accepted {submission.acceptances} times"
        deciding = [request.answer not in NOT_TAKEN for request in submission.requests]
        if any(deciding[:-1]):
            yield f"submitted again after {[request.answer for request in submission.requests]}"
        for at, number in submission.unfetched:
            life = self.lives[number]
            if not life.killed or at < life.ended:
                yield "its recording could not be fetched although the kernel lived"

    def _content(self, number: int) -> Iterator[str]:
        """One recording: asked about again only when it was told that the answer will not come."""
        asked = [one for one in self.record.of(number) if one.last and one.last.answer not in NOT_TAKEN]
        for earlier, later in pairwise(asked):
            assert earlier.last is not None
            refused = earlier.last.answer == "400" or (
                earlier.last.answer in TAKEN and (earlier.fails or self._forgotten(earlier))
            )
            told = earlier.perhaps_kept or (earlier.end_told or float("inf")) <= later.requests[0].at
            if not (refused and told):
                yield f"submitted twice: {_told(earlier)}; then {_told(later)}"


def _told(submission: Submission) -> str:
    """What happened to a submission, in a line."""
    answers = [request.answer for request in submission.requests]
    posts = [f"{post.kind} {post.code if post.code is not None else 'unanswered'}" for post in submission.posts]
    return f"answered {', '.join(answers)}, delivered {', '.join(posts) or 'never'}, job {submission.job_id}"


def states(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many jobs are in each state."""
    found = [str(row["state"]) for row in rows]
    return {state: found.count(state) for state in sorted(set(found))}
