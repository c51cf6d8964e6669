"""How a function gets its arguments, and what becomes of what it returns or raises."""

import math
import traceback

import pytest

from binex.errors import AgentError, BadOutputError
from binex.models.task import Artifact
from tests.adapters.workbench import Workbench


async def test_arguments_come_by_name_and_defaults_stand_in_for_what_is_not_given(bench: Workbench) -> None:
    bench.write("""
        def search(plan, limit=10):
            return [plan, limit]

        async def search_async(plan, limit=10):
            return [plan, limit]
    """)
    for function in ("steps.search", "steps.search_async"):
        assert await bench.value_of(function, {"plan": "a"}) == ["a", 10]
        assert await bench.value_of(function, {"limit": 2, "plan": "a"}) == ["a", 2]


async def test_parameters_of_every_kind_are_filled_by_name(bench: Workbench) -> None:
    bench.write("""
        def f(a, b=2, /, c=3, *args, d=4, **rest):
            return [a, b, c, list(args), d, rest]
    """)
    assert await bench.value_of("steps.f", {"a": 1}) == [1, 2, 3, [], 4, {}]
    assert await bench.value_of("steps.f", {"d": 7, "b": 8, "a": 9, "z": 0}) == [9, 8, 3, [], 7, {"z": 0}]


async def test_a_positional_argument_cannot_be_given_without_the_one_before_it(bench: Workbench) -> None:
    bench.write("""
        def f(a=1, b=2, /):
            return [a, b]
    """)
    with pytest.raises(AgentError, match="takes 'b' by position, after 'a'"):
        await bench.value_of("steps.f", {"b": 5})
    assert bench.complaints("steps.f", "b") == ["f() takes 'b' by position, after 'a', which is not among the inputs"]


async def test_a_missing_argument_fails_the_task_for_good(bench: Workbench) -> None:
    bench.write("def f(plan): return plan")
    with pytest.raises(AgentError, match=r"f\(\) needs 'plan', which is not among the inputs: plam") as caught:
        await bench.value_of("steps.f", {"plam": 1})
    assert not caught.value.is_retryable


async def test_a_function_of_task_and_artifacts_gets_those(bench: Workbench) -> None:
    bench.write("""
        def f(task, artifacts):
            return [task.node_id, task.inputs, [artifact.content for artifact in artifacts]]
    """)
    given = Artifact.of(bench.task("other"), "output", {"x": [1]})
    for isolated in (False, True):
        made = await bench.made_by("steps.f", {"n": 1}, artifacts=[given], isolated=isolated)
        assert made["output"] == ["node", {"n": 1}, [{"x": [1]}]]


async def test_whatever_can_be_called_is_called(bench: Workbench) -> None:
    bench.write("""
        import asyncio, functools

        def add(a, b): return a + b
        async def add_later(a, b): return a + b

        add_two = functools.partial(add, b=2)
        add_two_later = functools.partial(add_later, b=2)
        by_lambda = lambda a: a + 2
        awaitable_by_lambda = lambda a: add_later(a, 2)

        class Adder:
            made = 0
            def __init__(self): Adder.made += 1
            def __call__(self, a): return a + 1 + Adder.made

        class LaterAdder:
            async def __call__(self, a): return a + 2

        an_adder = LaterAdder()

        @functools.cache
        def cached(a): return a + 2

        class Point(dict):
            def __init__(self, a): super().__init__(a=a)
    """)
    names = ["add_two", "add_two_later", "by_lambda", "awaitable_by_lambda", "Adder", "LaterAdder", "an_adder"]
    names.append("cached")
    assert [await bench.value_of(f"steps.{name}", {"a": 1}) for name in names] == [3] * len(names)
    assert await bench.value_of("steps.Adder", {"a": 1}) == 3, "one instance serves all tasks"
    assert await bench.value_of("steps.Point", {"a": 1}) == {"a": 1}


async def test_a_dict_with_exactly_the_declared_keys_fills_the_outputs_by_name(bench: Workbench) -> None:
    bench.write("""
        def two(): return {"b": 2, "a": None}
        def one(): return {"output": 3}
        def other(): return {"output": 3, "more": 4}
    """)
    assert await bench.made_by("steps.two", outputs=("a", "b")) == {"a": None, "b": 2}
    assert await bench.made_by("steps.one") == {"output": 3}
    assert await bench.made_by("steps.other") == {"output": {"output": 3, "more": 4}}


@pytest.mark.parametrize("isolated", [False, True])
async def test_several_outputs_need_a_dict_with_their_names(bench: Workbench, isolated: bool) -> None:
    bench.write("""
        def wrong(): return {"a": 1, "c": 2}
        def nothing(): pass
    """)
    with pytest.raises(BadOutputError, match="no 'b' and 'c', which is not declared") as caught:
        await bench.made_by("steps.wrong", outputs=("a", "b"), isolated=isolated)
    assert caught.value.fix == "return a dict with exactly these keys: a, b"
    with pytest.raises(BadOutputError, match="returned null; the node declares a, b"):
        await bench.made_by("steps.nothing", outputs=("a", "b"), isolated=isolated)


@pytest.mark.parametrize("isolated", [False, True])
async def test_odd_json_values_arrive_as_they_were_returned(bench: Workbench, isolated: bool) -> None:
    bench.write(r"""
        def odd():
            return {"none": None, "surrogate": "\ud800", "nul": "a\0b", "big": 10**40, "tuple": (1, 2), "neg": -0.0}

        async def odd_later():
            return odd()

        def same(x):
            return x
    """)
    odd = {"none": None, "surrogate": "\ud800", "nul": "a\0b", "big": 10**40, "tuple": [1, 2], "neg": -0.0}
    for function in ("steps.odd", "steps.odd_later"):
        assert await bench.value_of(function, isolated=isolated) == odd
    assert await bench.value_of("steps.same", {"x": odd}, isolated=isolated) == odd


@pytest.mark.parametrize("isolated", [False, True])
async def test_what_is_not_json_fails_with_its_place(bench: Workbench, isolated: bool) -> None:
    bench.write("""
        def value(kind):
            circle = []
            circle.append(circle)
            deep = []
            for _ in range(100_000):
                deep = [deep]
            return {"nan": float("nan"), "inf": 1e400, "bytes": b"x", "set": {1}, "circle": circle, "deep": deep,
                    "key": {1: 2}, "object": object(), "generator": (n for n in [1]), "type": int}[kind]

        def generate():
            yield 1
    """)
    expected = {
        "nan": "nan is not a finite number",
        "inf": "inf is not a finite number",
        "bytes": "bytes",
        "set": "set",
        "circle": "nested deeper than 200 levels, or a circle",
        "deep": "nested deeper than 200 levels",
        "key": "the key 1 is int, not text",
        "object": "object",
        "generator": "generator",
        "type": "type",
    }
    kinds = ["nan", "generator"] if isolated else list(expected)  # each process takes its time
    for kind in kinds:
        with pytest.raises(BadOutputError, match="not JSON: .*" + expected[kind]) as caught:
            await bench.value_of("steps.value", {"kind": kind}, isolated=isolated)
        assert not caught.value.is_retryable
    if not isolated:
        with pytest.raises(BadOutputError, match=r"not JSON: .*generator"):
            await bench.value_of("steps.generate")


async def test_an_exception_comes_out_as_it_is_with_the_users_lines_in_its_traceback(bench: Workbench) -> None:
    bench.write("""
        class Refused(Exception):
            pass

        def inner():
            raise Refused("no such plan")

        def fail(): inner()
        async def fail_later(): inner()
    """)
    for function in ("fail", "fail_later"):
        with pytest.raises(Exception, match="no such plan") as caught:
            await bench.value_of(f"steps.{function}")
        assert type(caught.value).__name__ == "Refused"
        frames = traceback.extract_tb(caught.value.__traceback__)
        assert [frame.name for frame in frames if frame.filename == str(bench.folder / "steps.py")] == [
            function,
            "inner",
        ]


async def test_what_would_end_the_process_fails_only_the_task(bench: Workbench) -> None:
    bench.write("""
        import sys
        class Odd(BaseException): pass
        def leave(): sys.exit(3)
        async def leave_later(): sys.exit(3)
        def leave_with_words(): sys.exit("gone")
        def interrupt(): raise KeyboardInterrupt
        def stop(): raise StopIteration(4)
        async def stop_later(): raise StopIteration(4)
        def odd(): raise Odd("very")
        async def odd_later(): raise Odd("very")
    """)
    expected = {
        "leave": (AgentError, r"called sys.exit\(3\)"),
        "leave_later": (AgentError, r"called sys.exit\(3\)"),
        "leave_with_words": (AgentError, r"called sys.exit\('gone'\)"),
        "interrupt": (AgentError, "raised KeyboardInterrupt"),
        "stop": (RuntimeError, r"raised StopIteration\(4\)"),
        "stop_later": (RuntimeError, "raised StopIteration"),
        "odd": (AgentError, "raised Odd: very"),
        "odd_later": (AgentError, "raised Odd: very"),
    }
    for function, (kind, message) in expected.items():
        with pytest.raises(kind, match=message) as caught:
            await bench.value_of(f"steps.{function}")
        assert caught.value.__cause__ is not None, "the traceback must not be lost"


async def test_a_changed_directory_disturbs_nobody(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.write("""
        import os
        def leave(to):
            os.chdir(to)
        def later():
            import neighbour
            return neighbour.VALUE
    """)
    bench.write("VALUE = 5", "neighbour.py")
    monkeypatch.chdir(bench.folder.parent)  # so that the end of the test goes back
    relative = Workbench(bench.folder)
    relative.folder = bench.folder.relative_to(bench.folder.parent)
    assert await relative.adapter.prepare([relative.use("steps.leave", "to"), relative.use("steps.later")]) == {}
    assert await relative.value_of("steps.leave", {"to": "/"}) is None
    assert await relative.value_of("steps.later") == 5


async def test_a_function_may_change_its_arguments(bench: Workbench) -> None:
    bench.write("""
        def f(items):
            items.append(1)
            return items
    """)
    assert await bench.value_of("steps.f", {"items": []}) == [1]


async def test_functions_of_the_environment_are_called_too(bench: Workbench) -> None:
    assert await bench.value_of("math.sqrt", {"x": 2.25}) == math.sqrt(2.25)
    assert await bench.value_of("os.path.basename", {"p": "a/b"}) == "b"
    assert await bench.value_of("json.dumps", {"obj": [1]}) == "[1]"


async def test_echo_gives_back_what_it_got(bench: Workbench) -> None:
    assert await bench.value_of("echo", {"x": [1, {"output": 2}]}) == [1, {"output": 2}]
    assert await bench.value_of("echo", {"x": {"output": 2}}) == {"output": 2}, "one output is never taken apart"
    assert await bench.value_of("echo", {"x": 1, "y": 2}) == {"x": 1, "y": 2}
    assert await bench.value_of("echo") == {}


async def test_echo_fills_several_outputs_by_name_or_all_alike(bench: Workbench) -> None:
    outputs = ("a", "b")
    assert await bench.made_by("echo", {"b": 1, "a": 2}, outputs=outputs) == {"a": 2, "b": 1}
    assert await bench.made_by("echo", {"x": {"b": 1, "a": 2}}, outputs=outputs) == {"a": 2, "b": 1}
    assert await bench.made_by("echo", {"x": 7}, outputs=outputs) == {"a": 7, "b": 7}
