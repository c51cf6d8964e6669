"""The scripted model says what its script tells it, and fails where it is told to."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.adapters.llm.mock_script import read_answers, read_script_file
from binex.errors import AgentError, BadReplyError, InputError, RemoteError
from tests.adapters.llm.bench import Bench


async def test_answers_come_in_order_and_the_last_one_again() -> None:
    bench = Bench()
    config = {"answers": [{"text": "one"}, {"text": "two"}]}
    assert [await bench.answer(config=config) for _ in range(3)] == ["one", "two", "two"]


async def test_a_script_that_is_used_up_can_be_a_failure() -> None:
    bench = Bench()
    config = {"answers": [{"text": "one"}], "on_end": "fail"}
    assert await bench.answer(config=config) == "one"
    with pytest.raises(AgentError, match="used up; it was asked: topic: bees"):
        await bench.answer(config=config, inputs={"topic": "bees"})


async def test_every_task_has_the_script_from_its_beginning() -> None:
    bench = Bench()
    config = {"answers": [{"text": "one"}, {"text": "two"}]}
    said = await asyncio.gather(*(bench.answer(config=config, path=f"write[{n}]") for n in range(3)))
    assert said == ["one", "one", "one"]
    assert await bench.answer(config=config, path="write[1]") == "two"
    assert await bench.answer(config=config, path="write[1]", run_id="other") == "one"


async def test_a_second_attempt_goes_on_in_the_script_in_another_process_too() -> None:
    config = {"answers": [{"error": {"status": 500}, "repeat": 2}, {"text": "ok"}]}
    bench = Bench()
    for attempt in (1, 2):
        with pytest.raises(RemoteError, match="mock answered 500"):
            await bench.answer(config=config, attempt=attempt)
    assert await bench.answer(config=config, attempt=3) == "ok"
    assert await Bench().answer(config=config, attempt=3) == "ok"


async def test_an_answer_can_wait_for_its_question() -> None:
    bench = Bench()
    config = {
        "answers": [
            {"text": "about bees", "when": {"contains": "bees"}, "repeat": 5},
            {"text": "for the other model", "when": {"model": "other"}},
        ]
    }
    assert await bench.answer(config=config) == "about bees"
    assert await bench.answer("llm://mock/other", inputs={"topic": "ants"}, config=config) == "for the other model"
    with pytest.raises(AgentError, match="no answer of the script fits"):
        await bench.answer(inputs={"topic": "ants"}, config=config)


@pytest.mark.parametrize(
    ("answer", "said", "pieces"),
    [
        ({"text": "two  words\n"}, "two  words\n", ["two", "  words", "\n"]),
        ({"text": 7}, "7", ["7"]),
        ({"text": True}, "true", ["true"]),
        ({"json": {"a": [1, None]}}, '{"a":[1,null]}', ['{"a":[1,null]}']),
        ({"json": None}, "null", ["null"]),
        ({"chunks": ["a b", "c"]}, "a bc", ["a b", "c"]),
    ],
)
async def test_what_is_said_comes_in_pieces(answer: JsonValue, said: str, pieces: list[str]) -> None:
    bench = Bench()
    assert await bench.answer(config={"answers": [answer]}) == said
    assert bench.around.streamed == pieces


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ("reset", RemoteError, "connection reset"),
        ("half_stream", BadReplyError, "ended before"),
        ("malformed", BadReplyError, "no JSON"),
        ("refusal", RemoteError, "refused to answer: one two three four"),
    ],
)
async def test_what_can_go_wrong_goes_wrong(error: str, kind: type[RemoteError], message: str) -> None:
    bench = Bench()
    with pytest.raises(kind, match=message):
        await bench.answer(config={"answers": [{"text": "one two three four", "error": error}]})
    half = {"half_stream": "one two", "reset": "one two", "refusal": "one two three four"}
    assert "".join(bench.around.streamed) == half.get(error, "")


async def test_a_status_comes_with_all_that_a_provider_sends() -> None:
    bench = Bench()
    error = {"status": 429, "retry_after_ms": 1500, "body": "slow down"}
    with pytest.raises(RemoteError) as caught:
        await bench.answer(config={"answers": [{"error": error}]})
    found = caught.value
    assert (found.message, found.status, found.retry_after_ms, found.body, found.is_retryable) == (
        "mock answered 429: slow down",
        429,
        1500,
        "slow down",
        True,
    )


async def test_a_model_that_hangs_is_stopped_from_outside() -> None:
    bench = Bench()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bench.answer(config={"answers": [{"error": "hang"}]})
    assert bench.calls[0].error is not None and not bench.calls[0].is_complete


async def test_pauses_are_kept() -> None:
    bench, began = Bench(), time.monotonic()
    await bench.answer(config={"answers": [{"text": "a b c", "delay_ms": 60, "chunk_delay_ms": 20}]})
    assert time.monotonic() - began >= 0.12
    assert bench.calls[0].chunks[0].offset_ms >= 60


@pytest.mark.parametrize(
    ("answer", "path", "message"),
    [
        ({"txt": "a"}, (0, "txt"), "answer 1: unknown key 'txt'"),
        ({"text": "a", "when": {"contain": "b"}}, (0, "when", "contain"), "answer 1: unknown key 'contain'"),
        ({"text": "a", "json": 1}, (0,), "only one of"),
        ({}, (0,), "nothing in it"),
        ("hello", (0,), "answer 1"),
        ({"text": "a", "repeat": 0}, (0, "repeat"), "answer 1, repeat"),
        ({"text": "a", "price": -1}, (0, "price"), "answer 1, price"),
        ({"error": "explode"}, (0, "error"), "answer 1, error"),
        ({"error": {"status": 200}}, (0, "error"), "answer 1, error"),
        ({"tool_calls": [{"name": "a", "arg": 1}]}, (0, "tool_calls", 0, "arg"), "unknown key 'arg'"),
    ],
)
def test_what_is_wrong_with_a_script_is_named_by_its_entry(
    answer: JsonValue, path: tuple[str | int, ...], message: str
) -> None:
    faults = Bench().faults("llm://mock/a", {"answers": [answer]})
    assert faults and faults[0].path[: 2 + len(path)] == ("config", "answers", *path)
    assert message in faults[0].message
    assert faults[0].fix


def test_what_is_wrong_is_said_once() -> None:
    faults = read_answers([{"error": "explode"}, "hello"])[1]
    assert [fault.message for fault in faults] == [
        "answer 1, error: it must be {status: 429}, or one of reset, hang, half_stream, malformed and refusal",
        "answer 2: it must be an object",
    ]


def test_unknown_keys_are_answered_with_the_nearest() -> None:
    (fault,) = read_answers([{"text": "a"}, {"text": "a", "dely_ms": 1}])[1]
    assert fault.at_key and fault.fix is not None and "did you mean 'delay_ms'?" in fault.fix


@pytest.mark.parametrize("value", [None, [], {}, "text", 3])
def test_a_script_is_a_list(value: JsonValue) -> None:
    (fault,) = read_answers(value)[1]
    assert "list of answers" in fault.message


def test_one_script_only() -> None:
    bench = Bench()
    assert bench.faults("llm://mock/a", {"script": "a.yaml", "answers": [{"text": "a"}]})[0].path == (
        "config",
        "script",
    )
    assert bench.faults("llm://mock/a", {"script": 3})[0].path == ("config", "script")
    assert bench.faults("llm://mock/a", {"on_end": "explode"})[0].path == ("config", "on_end")


async def test_a_script_may_stand_in_a_file_beside_the_workflow(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "a.yaml").write_text("- text: from a file\n- json: {a: 1}\n", "utf-8")
    bench = Bench()
    config: dict[str, JsonValue] = {"script": "scripts/a.yaml"}
    use = NodeUse("write", "llm://mock/a", tmp_path, ("topic",), config, ("output",))
    assert await bench.adapter.prepare([use]) == {}
    assert await bench.answer(config=config, folder=str(tmp_path)) == "from a file"
    assert await bench.answer(config=config, folder=str(tmp_path)) == '{"a":1}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- text: [", "a.yaml:.*no YAML"),
        ("text: a", "list of answers"),
        ("- txt: a", "answer 1: unknown key 'txt'"),
        ("- &a {text: a}\n- *a", "aliases"),
        ("- !!python/object/apply:os.getcwd []", "no YAML"),
        ("- text: " + "[" * 5000, "no YAML"),
        ("- text: " + "a" * 1_100_000, "larger than"),
    ],
)
async def test_a_file_that_is_no_script_is_a_fault_before_the_run(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    use = NodeUse("write", "llm://mock/a", tmp_path, ("topic",), {"script": "a.yaml"}, ("output",))
    faults = await Bench().adapter.prepare([use])
    ((fault,),) = faults.values()
    assert fault.path == ("config", "script")
    with pytest.raises(InputError, match=message):
        read_script_file("a.yaml", tmp_path)


@pytest.mark.parametrize("name", ["../a.yaml", "/etc/hosts", "link.yaml", "sub/../../a.yaml"])
def test_a_script_is_never_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_text("- text: secret", "utf-8")
    folder = tmp_path / "flow"
    (folder / "sub").mkdir(parents=True)
    (folder / "link.yaml").symlink_to(tmp_path / "a.yaml")
    with pytest.raises(InputError, match="outside of the workflow's folder"):
        read_script_file(name, folder)


@pytest.mark.parametrize("name", ["pipe.yaml", "sub"])
def test_a_script_that_is_no_file_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match="is no file"):
        read_script_file(name, tmp_path)


@pytest.mark.parametrize("name", ["missing.yaml", "bytes.yaml", "a\0b"])
def test_a_script_that_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read: "):
        read_script_file(name, tmp_path)


async def test_a_script_that_is_gone_fails_the_task(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="cannot be read") as caught:
        await Bench().answer(config={"script": "a.yaml"}, folder=str(tmp_path))
    assert not caught.value.is_retryable


def test_it_takes_the_settings_of_every_provider() -> None:
    config: dict[str, JsonValue] = {"top_k": 3, "seed": 1, "keep_alive": "5m", "reasoning_effort": "low", "stop": "END"}
    assert Bench().faults("llm://mock/a", config) == []


async def test_an_answer_can_be_cut_off() -> None:
    answers: JsonValue = [{"text": "so far", "finish": "length", "usage": {"output_tokens": 9}}]
    with pytest.raises(BadReplyError, match="cut off after 9 tokens"):
        await Bench().answer(config={"answers": answers})
    answers = [{"text": "so", "finish": "length", "usage": {"output_tokens": 1}}]
    with pytest.raises(BadReplyError, match=r"cut off after 1 token$"):
        await Bench().answer(config={"answers": answers})
