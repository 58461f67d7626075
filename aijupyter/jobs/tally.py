"""What a session has sent and what came back, counted. Changed in the portal's loop alone."""

from __future__ import annotations

from collections import Counter, deque

from aijupyter.models import Delivery, JobState, Receipt, Verdict

SECONDS_KEPT = 1000
"""Medians and percentiles are of so many answers, the last ones."""

_OUTCOMES = {
    JobState.SUBMITTED: "accepted",
    JobState.FAILED: "refused",
    JobState.UNCONFIRMED: "unconfirmed",
    JobState.EXPIRED: "expired",
}


class Tally:
    """`submissions` counts requests that left and what became of them, `answers` how each first answer came."""

    def __init__(self) -> None:
        self.submissions: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.verified: Counter[str] = Counter()
        """With verify="status": deliveries held, confirmed, and contradicted by the status call."""
        self.seconds: deque[float] = deque(maxlen=SECONDS_KEPT)
        """From the submission to the answer, in seconds."""

    def sent(self) -> None:
        """A submission leaves."""
        self.submissions["sent"] += 1

    def moved(self, state: JobState) -> None:
        """A job was moved to a state, other than by a delivery."""
        if state in _OUTCOMES:
            self.submissions[_OUTCOMES[state]] += 1

    def delivered(self, delivery: Delivery, receipt: Receipt) -> None:
        """A delivery, or an answer of the status call, is written down."""
        record = receipt.record
        if receipt.verdict is Verdict.HELD:
            self.verified["held"] += 1
        if receipt.confirmed is not None:
            self.verified["confirmed" if receipt.confirmed else "contradicted"] += 1
        if receipt.verdict is Verdict.ANSWERED and record is not None:
            self.answers[str(delivery.source)] += 1
            if record.submitted is not None and record.ended is not None:
                self.seconds.append((record.ended - record.submitted).total_seconds())
