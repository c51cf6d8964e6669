"""What is found out about a node before anything runs."""

import os
import sys

import pytest

from binex.adapters.base import NodeUse
from binex.models.health import HealthStatus
from tests.adapters.workbench import Workbench


def test_nothing_is_wrong_with_a_right_use(bench: Workbench) -> None:
    bench.write("def f(a, b=1, *, c): pass")
    assert bench.complaints("steps.f", "a", "c") == []
    assert bench.complaints("echo", "whatever") == []


def test_a_missing_module_is_named_with_the_nearest_one(bench: Workbench) -> None:
    bench.write("", "research.py")
    bench.write("", "pkg/__init__.py")
    bench.write("", "pkg/search.py")
    (fault,) = bench.adapter.check(bench.use("reserch.f"))
    assert fault.path == ("agent",)
    assert fault.message == "there is no module 'reserch' in the workflow's folder or in the environment"
    assert fault.fix == "did you mean 'research'? modules in the folder: pkg, research"
    (fault,) = bench.adapter.check(bench.use("pkg.serch.f"))
    assert fault.fix == "did you mean 'search'? modules in 'pkg': search"


def test_a_missing_function_is_named_with_the_nearest_one(bench: Workbench) -> None:
    bench.write("""
        import json
        LIMIT = 3
        def search(): pass
        async def gather(): pass
        def _hidden(): pass
    """)
    (fault,) = bench.adapter.check(bench.use("steps.serch"))
    assert fault.message == "module 'steps' has no function 'serch'"
    assert fault.fix == "did you mean 'search'? functions: gather, search"


def test_wrong_inputs_are_named_with_the_nearest_arguments(bench: Workbench) -> None:
    bench.write("def search(plan, limit=10): pass")
    surplus, missing = bench.adapter.check(bench.use("steps.search", "plam", "limit"))
    assert (surplus.path, surplus.at_key) == (("inputs", "plam"), True)
    assert surplus.message == "search() takes no 'plam'"
    assert surplus.fix == "did you mean 'plan'? arguments: limit, plan"
    assert (missing.path, missing.at_key) == (("inputs",), False)
    assert missing.message == "search() needs 'plan', which is not among the inputs: plam, limit"


def test_a_function_that_takes_anything_or_the_task_is_not_asked_for_names(bench: Workbench) -> None:
    bench.write("""
        def anything(**rest): pass
        def whole(task, artifacts): pass
        def most(a, /, **rest): pass
    """)
    assert bench.complaints("steps.anything", "x") == bench.complaints("steps.whole", "x") == []
    assert bench.complaints("steps.most", "a", "x") == []
    assert bench.complaints("steps.most", "x") == ["most() needs 'a', which is not among the inputs: x"]


@pytest.mark.parametrize(
    "text",
    [
        "from os.path import *",
        "def __getattr__(name): return print",
        "globals()['f'] = print",
        "exec('f = print')",
        "import sys\nsys.modules[__name__] = print",
        "f = print",
        "from builtins import print as f",
        "if True:\n    def f(x): pass\nelse:\n    def f(y): pass",
        "try:\n    f = 1\nfinally:\n    pass",
        "for f in [print]: pass",
        "def make():\n    global f\n    f = print",
        "import functools\n@functools.cache\ndef f(x): pass",
        "class f: pass",
    ],
)
def test_what_cannot_be_known_is_no_fault(bench: Workbench, text: str) -> None:
    bench.write(text)
    assert bench.complaints("steps.f", "anything") == []


def test_names_inside_functions_do_not_count(bench: Workbench) -> None:
    bench.write("""
        def outer():
            def f(): pass
            g = 1
        class Some:
            def h(self): pass
    """)
    for name in "fgh":
        assert bench.complaints(f"steps.{name}") == [f"module 'steps' has no function '{name}'"]


@pytest.mark.parametrize(
    ("text", "line"), [(b"x = 1\ndef f(:\n", 2), (b"\xff = 1\n", 1), (b"x = '\0'\n", 1), (b"(" * 3000, 1)]
)
def test_a_module_that_is_not_python_is_named_with_its_line(bench: Workbench, text: bytes, line: int) -> None:
    (bench.folder / "steps.py").write_bytes(text)
    (complaint,) = bench.complaints("steps.f")
    assert complaint.startswith(f"steps.py:{line}: ")


@pytest.mark.parametrize(
    "agent",
    ["", "f", "../x.f", "a/b.f", "a..f", ".f", "a.", "a.1f", "a.class", "a b.f", "a.f()", "é\x00.f", "echo.", "ec"],
)
def test_only_identifiers_name_a_function(bench: Workbench, agent: str) -> None:
    (complaint,) = bench.complaints(agent)
    assert "does not name a function" in complaint


def test_a_directory_without_init_has_no_functions(bench: Workbench) -> None:
    bench.write("def f(): pass", "things/search.py")
    assert bench.complaints("things.search.f") == []
    (fault,) = bench.adapter.check(bench.use("things.search"))
    assert "directory without __init__.py" in fault.message
    assert fault.fix == "did you mean 'search'? modules: search"


def test_a_pipe_or_a_directory_in_place_of_a_module_is_not_read(bench: Workbench) -> None:
    os.mkfifo(bench.folder / "steps.py")
    assert "there is no module 'steps'" in bench.complaints("steps.f")[0]


def test_checking_runs_and_imports_nothing(bench: Workbench) -> None:
    bench.write("raise SystemExit('executed')", "pkg/__init__.py")
    bench.write("raise SystemExit('executed')\ndef f(): pass", "pkg/mod.py")
    before = set(sys.modules)
    assert bench.complaints("pkg.mod.f") == []
    assert bench.complaints("xml.dom.minidom.parse", "file") == []
    assert {name for name in set(sys.modules) - before if "pkg" in name or "minidom" in name} == set()


def test_an_edited_module_is_read_again(bench: Workbench) -> None:
    bench.write("def f(): pass")
    assert bench.complaints("steps.f") == []
    bench.write("def other(): pass")
    assert bench.complaints("steps.f") == ["module 'steps' has no function 'f'"]
    (bench.folder / "steps.py").unlink()
    assert "no module" in bench.complaints("steps.f")[0]
    bench.write("def f(): pass", "steps/__init__.py")
    assert bench.complaints("steps.f") == []


def test_the_names_of_environment_variables_must_be_a_list(bench: Workbench) -> None:
    bench.write("def f(): pass")
    (fault,) = bench.adapter.check(bench.use("steps.f", config={"env": "HOME"}))
    assert fault.path == ("config", "env")
    assert bench.adapter.check(bench.use("steps.f", config={"env": ["HOME"]})) == []


async def test_importing_finds_what_reading_cannot(bench: Workbench) -> None:
    bench.write("""
        import functools
        def search(plan, limit=10): pass
        find = functools.partial(search, limit=3)
        NUMBER = 3
        class Needy:
            def __init__(self, model): pass
            def __call__(self): pass
    """)
    assert await bench.import_complaints("steps.find", "plan") == []
    assert await bench.import_complaints("steps.find", "plam") == [
        "find() takes no 'plam'",
        "find() needs 'plan', which is not among the inputs: plam",
    ]
    assert await bench.import_complaints("steps.NUMBER") == ["'steps.NUMBER' is a value of type int, not a function"]
    assert await bench.import_complaints("steps.fnd") == ["module 'steps' has no function 'fnd'"]
    (complaint,) = await bench.import_complaints("steps.Needy")
    assert "missing 1 required positional argument: 'model'" in complaint


async def test_an_import_that_fails_is_told_with_its_place_in_the_users_file(bench: Workbench) -> None:
    bench.write("import helper\ndef f(): pass")
    bench.write("x = 1\ny = x / 0\n", "helper.py")
    assert await bench.import_complaints("steps.f") == [
        "'steps' cannot be imported: ZeroDivisionError: division by zero (helper.py:2)"
    ]
    bench.write("import nosuchthing_anywhere", "helper.py")
    (faults,) = (await bench.adapter.prepare([bench.use("steps.f")])).values()
    assert faults[0].message == (
        "'steps' cannot be imported: ModuleNotFoundError: No module named 'nosuchthing_anywhere' (helper.py:1)"
    )
    assert faults[0].fix is not None
    assert "nosuchthing_anywhere.py beside the workflow file" in faults[0].fix
    bench.write("from nothing import x\n", "helper.py")
    bench.write("", "nothing.py")
    (complaint,) = await bench.import_complaints("steps.f")
    assert "cannot import name 'x' from 'nothing'" in complaint
    bench.write("import sys; sys.exit(4)", "helper.py")
    assert await bench.import_complaints("steps.f") == ["'steps' cannot be imported: called sys.exit(4) (helper.py:1)"]
    bench.write("def (", "helper.py")
    assert "SyntaxError" in (await bench.import_complaints("steps.f"))[0]
    bench.write("", "helper.py")
    assert await bench.import_complaints("steps.f") == []


async def test_isolated_nodes_import_nothing_here(bench: Workbench) -> None:
    bench.write("raise SystemExit")
    assert await bench.adapter.prepare([bench.use("steps.f", isolated=True), bench.use("echo")]) == {}


def test_the_fingerprint_covers_the_module_and_what_it_imports_from_the_folder(bench: Workbench) -> None:
    bench.write("import json\ndef f():\n    from pkg import mod\n")
    bench.write("", "pkg/__init__.py")
    bench.write("from . import deep", "pkg/mod.py")
    bench.write("x = 1", "pkg/deep.py")
    bench.write("x = 1", "unrelated.py")

    def fingerprint(function: str = "steps.f") -> str | None:
        return bench.adapter.fingerprint(bench.use(function))

    seen = [fingerprint()]
    assert seen[0] is not None
    assert len(seen[0]) == 64
    for file in ("steps.py", "pkg/__init__.py", "pkg/mod.py", "pkg/deep.py"):
        path = bench.folder / file
        path.write_text(path.read_text() + "\n# edited\n")
        seen.append(fingerprint())
    assert len(set(seen)) == 5, "each of these files counts"
    bench.write("x = 2", "unrelated.py")
    assert fingerprint() == seen[-1]


def test_the_fingerprint_does_not_depend_on_where_the_folder_lies(bench: Workbench) -> None:
    other = Workbench(bench.folder.parent / "elsewhere")
    for workbench in (bench, other):
        workbench.write("def f(): pass")
    first, second = (w.adapter.fingerprint(w.use("steps.f")) for w in (bench, other))
    assert first == second
    assert first is not None


def test_what_is_not_the_projects_has_no_fingerprint(bench: Workbench) -> None:
    for function in ("echo", "json.dumps", "nosuchmodule.f", "not a name"):
        assert bench.adapter.fingerprint(bench.use(function)) is None
    assert bench.adapter.fingerprint(NodeUse("n", "local://steps.f", None, (), {}, ("output",))) is None


async def test_health_says_whether_the_function_is_there(bench: Workbench) -> None:
    bench.write("def f(): pass")
    bench.complaints("steps.f")
    found = {agent: await bench.adapter.health(f"local://{agent}") for agent in ("echo", "steps.f", "json.dumps")}
    assert {health.status for health in found.values()} == {HealthStatus.OK}
    for agent, reason in {"steps.g": "no function 'g'", "nope.f": "no module 'nope'", "x": "does not name"}.items():
        health = await bench.adapter.health(f"local://{agent}")
        assert health.status is HealthStatus.UNREACHABLE
        assert reason in health.detail
