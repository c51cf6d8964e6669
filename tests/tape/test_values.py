"""Moments, random numbers and ids are recorded, and a replay sees the same ones."""

import asyncio
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import binex
from binex.errors import ReplayError
from binex.models.call import CallKind
from binex.tape.player import Player
from tests.adapters.workbench import Workbench
from tests.tape.conftest import Tape


def draw() -> list[object]:
    return [binex.now(), binex.random(), binex.uuid(), binex.now(), binex.random(), binex.uuid()]


def player_of(tape: Tape) -> Player:
    return Player(tape.calls, tape.read)


def test_outside_of_an_attempt_they_are_the_real_thing() -> None:
    before = datetime.now(UTC)
    moment, number, name = binex.now(), binex.random(), binex.uuid()
    assert before <= moment <= datetime.now(UTC) and moment.utcoffset() == timedelta(0)
    assert 0 <= number < 1 and number != binex.random()
    assert isinstance(name, uuid.UUID) and name.version == 4 and name != binex.uuid()


def test_in_an_attempt_they_are_on_the_tape(tape: Tape) -> None:
    with tape.recording():
        said = draw()
    assert [(call.kind, call.target) for call in tape.calls[:3]] == [
        (CallKind.VALUE, "now"),
        (CallKind.VALUE, "random"),
        (CallKind.VALUE, "uuid"),
    ]
    assert len(set(map(str, said))) == 6
    again = Tape()
    with again.recording(player=player_of(tape)):
        assert draw() == said
    assert [call.response for call in again.calls] == [call.response for call in tape.calls]


def test_each_kind_of_value_keeps_its_own_order(tape: Tape) -> None:
    with tape.recording():
        moments, numbers = zip(*[(binex.now(), binex.random()) for _ in range(5)], strict=True)
    with Tape().recording(player=player_of(tape)):
        assert [binex.random() for _ in range(5)] == list(numbers)
        assert [binex.now() for _ in range(5)] == list(moments)


def test_one_value_too_many_is_refused_by_name(tape: Tape) -> None:
    with tape.recording():
        binex.random()
    with Tape().recording(player=player_of(tape)):
        binex.random()
        with pytest.raises(ReplayError, match="the value call random of task 'task': this was asked once"):
            binex.random()
        with pytest.raises(ReplayError, match="the value call now of task 'task'"):
            binex.now()


def test_a_value_that_cannot_be_read_is_an_error_that_says_so(tape: Tape) -> None:
    with tape.recorder().begin(CallKind.VALUE, "now") as taping:
        taping.respond(b"yesterday")
    with Tape().recording(player=player_of(tape)), pytest.raises(ReplayError, match=r"binex.now\(\) .* 'yesterday'"):
        binex.now()


def test_what_looks_like_a_secret_in_a_value_is_kept(tape: Tape) -> None:
    year = f"{datetime.now(UTC).year}"
    with tape.recording(year):
        said = binex.now()
    with Tape().recording(year, player=player_of(tape)):
        assert binex.now() == said


async def test_they_work_on_a_loop_and_in_our_threads(tape: Tape) -> None:
    async def draw_all() -> list[float]:
        return [*await asyncio.gather(*(asyncio.to_thread(binex.random) for _ in range(5))), binex.random()]

    with tape.recording():
        said = await draw_all()
    with Tape().recording(player=player_of(tape)):
        assert sorted(await draw_all()) == sorted(said)


def test_a_thread_of_somebody_elses_gets_the_real_thing(tape: Tape) -> None:
    drawn: list[float] = []
    with tape.recording():
        thread = threading.Thread(target=lambda: drawn.append(binex.random()))
        thread.start()
        thread.join()
    assert drawn and tape.calls == []


async def test_they_work_in_processes_of_their_own(tape: Tape, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.write("""
        import binex
        def draw(): return [binex.now().isoformat(), binex.random(), str(binex.uuid())]
        async def draw_later(): return draw()
    """)
    for function in ("steps.draw", "steps.draw_later"):
        tape = Tape()
        with tape.recording():
            said = await bench.value_of(function, isolated=True)
        again = Tape()
        with again.recording(player=player_of(tape)):
            assert await bench.value_of(function, isolated=True) == said
        assert [call.target for call in again.calls] == ["now", "random", "uuid"]
