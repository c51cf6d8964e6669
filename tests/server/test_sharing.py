"""Answers that several want at the same time are made once, and nobody gets one that was begun before they asked."""

import asyncio

import pytest

from binex.server.sharing import Sharing


async def test_those_who_ask_the_same_share_the_next_answer_and_never_one_that_was_begun_before() -> None:
    sharing: Sharing[int] = Sharing()
    made = 0
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        number = made
        begun.set()
        await go_on.wait()
        return number

    first = asyncio.create_task(sharing.get("run", make))
    await begun.wait()
    later = [asyncio.create_task(sharing.get("run", make)) for _ in range(10)]
    other = asyncio.create_task(sharing.get("another run", make))
    await asyncio.sleep(0)
    go_on.set()
    assert await first == 1
    assert set(await asyncio.gather(*later)) == {3}
    assert await other == 2
    assert made == 3


async def test_one_who_leaves_takes_the_answer_from_nobody() -> None:
    sharing: Sharing[str] = Sharing()
    go_on = asyncio.Event()

    async def make() -> str:
        await go_on.wait()
        return "made"

    leaving, staying = (asyncio.create_task(sharing.get("run", make)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    go_on.set()
    assert await staying == "made"


async def test_an_error_is_everybodys_and_the_next_one_asks_anew() -> None:
    sharing: Sharing[str] = Sharing()
    answers = iter([OSError("the disk is gone"), None])

    async def make() -> str:
        if (error := next(answers)) is not None:
            raise error
        return "made"

    for asking in [asyncio.create_task(sharing.get("run", make)) for _ in range(2)]:
        with pytest.raises(OSError, match="the disk is gone"):
            await asking
    assert await sharing.get("run", make) == "made"
