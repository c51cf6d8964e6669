"""When people were being asked something."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from binex.models.question import Question, QuestionState
from binex.models.run import Run


class Waits:
    """When people were being asked something, in milliseconds since the start of the run."""

    def __init__(self, run: Run, questions: Sequence[Question], span_ms: float) -> None:
        self._started = run.started_at
        self._spans: dict[str, list[tuple[float, float]]] = {}
        for one in questions:
            self._spans.setdefault(one.task, []).append((self._ms(one.asked_at), self._end(one, span_ms)))

    def of(self, task: str | None, start: float, end: float) -> list[tuple[float, float]]:
        """The parts of a stretch in which somebody was asked, by one task or by any; merged, in their order."""
        spans = self._spans.get(task, []) if task is not None else [one for own in self._spans.values() for one in own]
        merged: list[tuple[float, float]] = []
        for asked, ended in sorted(spans):
            low, high = max(start, asked), min(end, ended)
            if low >= high:
                continue
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    def _end(self, question: Question, span_ms: float) -> float:
        if question.answer is not None:
            return self._ms(question.answer.at)
        if question.state is QuestionState.OPEN or question.deadline_at is None:
            return span_ms
        return self._ms(question.deadline_at)

    def _ms(self, at: datetime) -> float:
        return max(0.0, (at - self._started) / timedelta(milliseconds=1))
