"""Whose code a name means: the folder's, the environment's, and never another folder's."""

import os
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.adapters.workbench import Workbench


async def test_two_folders_may_have_modules_of_the_same_name(tmp_path: Path) -> None:
    one = Workbench(tmp_path / "one")
    two = Workbench(tmp_path / "two", one.adapter)
    for bench, value in ((one, 1), (two, 2)):
        bench.write("import helper\ndef f(): return helper.VALUE\ndef later():\n    import late\n    return late.VALUE")
        bench.write(f"VALUE = {value}", "helper.py")
        bench.write(f"VALUE = {value * 10}", "late.py")
        bench.write(f"def f(): return {value * 100}", "pkg/mod.py")
    for function, expected in {"steps.f": [1, 2], "steps.later": [10, 20], "pkg.mod.f": [100, 200]}.items():
        assert [await bench.value_of(function) for bench in (one, two)] == expected
    assert await two.adapter.prepare([one.use("steps.f"), two.use("steps.f")]) == {}


async def test_a_module_named_like_one_of_the_standard_library_is_the_folders(bench: Workbench) -> None:
    bench.write("def mean(data): return 'mine'", "statistics.py")
    bench.write("def f(): return 'mine'", "time.py")
    bench.write("""
        import statistics
        import time
        def f(): return [statistics.mean([1]), time.time() > 0]
    """)
    assert bench.complaints("statistics.mean", "data") == []
    assert await bench.value_of("statistics.mean", {"data": [4, 6]}) == "mine"
    assert await bench.value_of("time.f") == "mine"
    assert await bench.value_of("steps.f") == ["mine", True], "what is built into the interpreter cannot be replaced"
    import time

    assert (statistics.mean([4, 6]), sys.modules["statistics"], sys.modules["time"]) == (5, statistics, time)


async def test_a_folder_may_hide_an_installed_package_from_itself_but_not_from_others(bench: Workbench) -> None:
    import yaml

    bench.write("def load(text): return 'mine'", "yaml.py")
    bench.write("import yaml\ndef f(): return yaml.load('x')")
    assert await bench.value_of("steps.f") == "mine"
    assert sys.modules["yaml"] is yaml
    assert yaml.safe_load("1") == 1


async def test_a_mere_directory_hides_no_installed_package(bench: Workbench) -> None:
    bench.write("not python", "yaml/data.txt")
    bench.write("import yaml\ndef f(): return yaml.safe_load('[1]')")
    assert await bench.value_of("steps.f") == [1]
    assert await bench.value_of("yaml.safe_load", {"stream": "2"}) == 2


async def test_neighbours_import_each_other_in_every_way(bench: Workbench) -> None:
    bench.write("""
        import pkg.sub.leaf
        import pkg.sub.leaf as leaf
        from pkg import sub
        from pkg.sub import leaf as same
        from pkg.sub.leaf import *
        import circle
        def f(): return [pkg.sub.leaf.NAME, leaf is same is sub.leaf, STAR, circle.steps.__file__ == __file__]
    """)
    bench.write("import steps", "circle.py")
    bench.write("", "pkg/__init__.py")
    bench.write("from . import leaf\nfrom .leaf import NAME\n", "pkg/sub/__init__.py")
    bench.write("NAME = 'leaf'\nSTAR = '*'\n__all__ = ['STAR']", "pkg/sub/leaf.py")
    assert await bench.value_of("steps.f") == ["leaf", True, "*", True]


async def test_modules_of_the_folder_serve_libraries_that_look_them_up(bench: Workbench) -> None:
    bench.write("""
        from __future__ import annotations
        import dataclasses, enum, inspect, pickle, typing
        import pydantic

        @dataclasses.dataclass
        class Point:
            x: int
            kind: typing.ClassVar[str] = "point"

        class Model(pydantic.BaseModel):
            point: Inner
        class Inner(pydantic.BaseModel):
            x: int

        def f():
            return [
                pickle.loads(pickle.dumps(Point(3))).x,
                Model.model_validate({"point": {"x": 4}}).point.x,
                typing.get_type_hints(Point)["x"].__name__,
                inspect.getsource(Point).splitlines()[-1].strip(),
                eval("__import__('helper').VALUE"),
            ]
    """)
    bench.write("VALUE = 5", "helper.py")
    assert await bench.value_of("steps.f") == [3, 4, "int", 'kind: typing.ClassVar[str] = "point"', 5]


async def test_a_module_is_executed_once_for_all_nodes_and_sessions(bench: Workbench) -> None:
    bench.write("""
        from pathlib import Path
        with (Path(__file__).parent / "log").open("a") as log:
            log.write("executed\\n")
        def f(): pass
        def g(): pass
    """)
    await bench.adapter.prepare([bench.use(f"steps.{name}", node=f"{name}{n}") for n in range(9) for name in "fg"])
    await Workbench(bench.folder).value_of("steps.f")
    assert (bench.folder / "log").read_text() == "executed\n"


async def test_what_was_edited_is_imported_anew_with_all_that_belongs_to_it(bench: Workbench) -> None:
    bench.write("import helper\ndef f(): return helper.VALUE")
    bench.write("VALUE = 1", "helper.py")
    assert await bench.value_of("steps.f") == 1
    bench.write("VALUE = 22", "helper.py")
    assert await bench.value_of("steps.f") == 1, "a run keeps the code that it began with"
    await bench.adapter.prepare([bench.use("steps.f")])
    assert await bench.value_of("steps.f") == 22


async def test_what_was_edited_within_the_same_second_and_is_as_long_is_not_what_it_was_compiled_to_before(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for number in range(3):
        bench.write(f"def f(): return {number}")
        os.utime(bench.folder / "steps.py", ns=(0, 1_700_000_000_000_000_000 + number))
        assert await bench.adapter.prepare([bench.use("steps.f")]) == {}
        assert await bench.value_of("steps.f") == number


async def test_the_search_path_of_the_process_stays_as_it_was(bench: Workbench) -> None:
    before = list(sys.path)
    bench.write("import sys, helper\ndef f(): return list(sys.path)")
    bench.write("", "helper.py")
    assert await bench.value_of("steps.f") == before
    assert sys.path == before
    assert not {"steps", "helper"} & set(sys.modules)


async def test_import_errors_speak_of_the_names_that_the_user_gave(bench: Workbench) -> None:
    bench.write("""
        def f():
            try:
                import pkg.nothing
            except ImportError as error:
                return [str(error), error.name]
    """)
    bench.write("", "pkg/__init__.py")
    assert await bench.value_of("steps.f") == ["No module named 'pkg.nothing'", "pkg.nothing"]


def test_a_slow_import_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """Two pipes: the module blocks until the loop has gone on and released it."""
    script = """
        import asyncio, os, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from tests.adapters.workbench import Workbench

        async def main():
            bench = Workbench(Path(sys.argv[1]))
            os.mkfifo(bench.folder / "gate")
            bench.write("from pathlib import Path; (Path(__file__).parent / 'gate').read_text()\\ndef f(): pass")
            preparing = asyncio.create_task(bench.adapter.prepare([bench.use("steps.f")]))
            await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await asyncio.to_thread((bench.folder / "gate").write_text, "go")
                assert await preparing == {}
        asyncio.run(main())
    """
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "flow"), str(root)]
    subprocess.run(command, check=True, timeout=60)
