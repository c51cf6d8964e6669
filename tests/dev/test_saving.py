"""What happens when a file is saved: what the change reaches is executed again, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

from binex.models.run import RunStatus
from binex.models.task import ExecutionRecord
from binex.server.dev.watching import Saves, watching
from binex.stores.backends.sqlite import open_sqlite_store
from tests.dev.conftest import Dev, Event, Project

CHAIN = """
name: chain
nodes:
  a: {agent: local://steps.first, inputs: {x: 1}}
  b: {agent: local://more.second, inputs: {x: "${a.output}"}}
  other: {agent: local://steps.first, inputs: {x: 40}}
"""
ASKING = f"""{CHAIN}
  model:
    agent: llm://openai/gpt-4o
    system_prompt: file://prompts/p.md
    inputs: {{x: "${{b.output}}"}}
"""
STEPS = """
def first(x):
    return x + 1
"""
MORE = """
def second(x):
    return f"{x} WORD"
"""


SLOW = """
name: slow
nodes:
  a: {agent: local://quick.quick}
  b: {agent: local://steps.slow, inputs: {x: "${a.output}"}}
"""
SLOW_STEPS = """
from pathlib import Path
from slowly import wait

async def slow(x):
    Path(__file__).with_name('began').touch()
    return await wait()
"""


ASKING_ELSEWHERE = """
name: w
nodes:
  a: {agent: llm://mock/any, system_prompt: file://../elsewhere/p.md, inputs: {x: 1}}
"""


def write_chain(project: Project) -> None:
    project.write("chain.yaml", CHAIN)
    project.write("steps.py", STEPS)
    project.write("more.py", MORE.replace("WORD", "one"))


def write_asking(project: Project) -> None:
    """The same, with a model at its end: loading what asks models takes a second."""
    write_chain(project)
    project.write("chain.yaml", ASKING)
    project.write("prompts/p.md", "be brief")
    project.write("script.yaml", "- text: scripted")


def records(project: Project, run: str) -> dict[str, ExecutionRecord]:
    async def read() -> dict[str, ExecutionRecord]:
        async with open_sqlite_store(project.folder / ".binex", read_only=True) as store:
            return {record.task: record for record in await store.list_records(run) if record.is_final}

    return asyncio.run(read())


def status(project: Project, run: str) -> RunStatus:
    async def read() -> RunStatus:
        async with open_sqlite_store(project.folder / ".binex", read_only=True) as store:
            found = await store.get_run(run)
            assert found is not None
            return found.status

    return asyncio.run(read())


def run_of(event: Event) -> Any:
    return event["summary"]["run"]


def executed(project: Project, event: Event) -> set[str]:
    """The tasks that were not taken over."""
    return {task for task, one in records(project, run_of(event)["id"]).items() if one.reused_from is None}


def test_a_save_runs_what_it_reaches_and_shows_the_difference(project: Project) -> None:
    write_asking(project)
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml")
    first = dev.next("run_done")
    assert first["diff"] is None
    assert executed(project, first) == {"a", "b", "other", "model"}
    project.write("more.py", MORE.replace("WORD", "another"))
    assert [file.rpartition("/")[2] for file in dev.next("saved")["files"]] == ["more.py"]
    second = dev.next("run_done")
    assert executed(project, second) == {"b", "model"}
    assert records(project, run_of(second)["id"])["a"].reused_from == run_of(first)["id"]
    assert second["diff"]["before"]["id"] == run_of(first)["id"]
    assert [cause["node"] for cause in second["diff"]["causes"]] == ["b"]
    assert second["since_save_ms"] > 0
    project.write("prompts/p.md", "be long")
    third = dev.next("run_done")
    assert executed(project, third) == {"model"}
    project.write("script.yaml", "- text: something else")
    fourth = dev.next("run_done")
    assert executed(project, fourth) == {"model"}
    assert fourth["summary"]["outputs"]["model"]["output"] == "something else"
    project.write("chain.yaml", ASKING.replace("x: 40", "x: 41"))
    fifth = dev.next("run_done")
    assert executed(project, fifth) == {"other"}
    project.write("script.yaml", "- txt: typo")
    assert "unknown key 'txt'" in dev.next("trouble")["message"]
    project.write("script.yaml", "- text: repaired")
    sixth = dev.next("run_done")
    assert sixth["summary"]["outputs"]["model"]["output"] == "repaired"
    assert run_of(sixth)["origin"]["parent"] == run_of(fifth)["id"], "nothing is asked while the script is none"
    assert dev.stop()[0] == 130
    assert dev.told[-1] == "stopped"


def test_a_run_with_scripted_models_says_so_in_its_record(project: Project) -> None:
    write_asking(project)
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml", "--once")
    assert dev.next("models")["script"] == "script.yaml"
    run = run_of(dev.next("run_done"))
    assert "scripted" in run["versions"]["adapters"]["llm"]
    assert run["spend"]["cost_usd"] == 0
    assert dev.rest() == 0


def test_a_broken_workflow_is_told_with_its_line_and_repaired_it_goes_on_where_it_was(project: Project) -> None:
    write_chain(project)
    dev = project.dev("chain.yaml")
    first = dev.next("run_done")
    project.write("chain.yaml", CHAIN.replace("${a.output}", "${z.output}"))
    checked = dev.next("checked")
    (fault,) = checked["faults"]
    assert (fault["line"], "${z.output}" in fault["message"]) == (5, True), fault
    project.write("chain.yaml", "nodes: [")
    assert dev.next("checked")["faults"]
    project.write("chain.yaml", CHAIN.replace("x: 1}", "x: 2}"))
    second = dev.next("run_done")
    assert executed(project, second) == {"a", "b"}
    assert run_of(second)["origin"]["parent"] == run_of(first)["id"]


def test_a_workflow_that_is_broken_from_the_start_runs_as_a_whole_once_it_is_repaired(project: Project) -> None:
    write_asking(project)
    text = ASKING.replace("openai/gpt-4o", "mock/any")
    project.write("chain.yaml", text.replace("file://prompts/p.md", "file://prompts/new.md"))
    dev = project.dev("chain.yaml")
    assert dev.next("checked")["faults"]
    project.write("prompts/new.md", "here it is")
    done = dev.next("run_done")
    assert run_of(done)["status"] == "completed"
    assert executed(project, done) == {"a", "b", "other", "model"}


def test_a_save_during_a_run_interrupts_it_and_what_was_done_stays_done(project: Project) -> None:
    project.write("slow.yaml", SLOW)
    project.write("quick.py", "def quick():\n    return 1\n")
    project.write("steps.py", SLOW_STEPS)
    project.write("slowly.py", "import asyncio\nasync def wait():\n    await asyncio.sleep(600)\n")
    dev = project.dev("slow.yaml")
    dev.wait_until((project.folder / "began").exists)
    project.write("slowly.py", "async def wait():\n    return 'done'\n")
    left = dev.next("run_left")
    done = dev.next("run_done")
    assert done["summary"]["outputs"] == {"b": {"output": "done"}}
    assert executed(project, done) == {"b"}
    assert status(project, left["run"]) is RunStatus.INTERRUPTED
    assert run_of(done)["origin"]["parent"] == left["run"]


def test_a_save_that_changes_nothing_or_reaches_nothing_runs_nothing(project: Project) -> None:
    write_chain(project)
    dev = project.dev("chain.yaml")
    dev.next("run_done")
    project.write("chain.yaml", CHAIN)
    project.write("notes.txt", "not a part of it")
    project.write("unused.py", "x = 1\n")
    assert [file.rpartition("/")[2] for file in dev.next("saved")["files"]] == ["unused.py"]
    dev.next("nothing_to_run")
    project.write("chain.yaml", CHAIN + "# a remark\n")
    dev.next("nothing_to_run")
    assert dev.told.count("run_done") == 1


def test_what_failed_is_tried_again_with_the_next_save(project: Project) -> None:
    write_chain(project)
    project.write("more.py", "def second(x):\n    raise ValueError(x)\n")
    dev = project.dev("chain.yaml")
    assert run_of(dev.next("run_done"))["status"] == "failed"
    project.write("steps.py", STEPS + "# a remark\n")
    again = dev.next("run_done")
    assert run_of(again)["status"] == "failed"
    assert "b" in executed(project, again)
    project.write("more.py", MORE)
    assert run_of(dev.next("run_done"))["status"] == "completed"


def test_a_module_that_cannot_be_imported_is_told_and_repaired(project: Project) -> None:
    write_chain(project)
    dev = project.dev("chain.yaml")
    dev.next("run_done")
    project.write("more.py", "import nothing_of_that_name\n" + MORE)
    fault = dev.next("checked", name=None)["faults"][0]
    assert "nothing_of_that_name" in fault["message"]
    project.write("more.py", MORE)
    assert run_of(dev.next("run_done"))["status"] == "completed"


def test_in_a_folder_the_workflow_that_is_saved_is_executed(project: Project) -> None:
    write_chain(project)
    project.write("small.yaml", "name: small\nnodes:\n  a: {agent: 'local://echo', inputs: {x: 1}}\n")
    project.write("settings.yaml", "key: value\n")
    dev = project.dev(".")
    checked = [dev.next("checked")["name"] for _ in range(2)]
    assert checked == ["chain", "small"]
    project.write("small.yaml", "name: small\nnodes:\n  a: {agent: 'local://echo', inputs: {x: 2}}\n")
    assert run_of(dev.next("run_done"))["workflow"] == "small"
    project.write("more.py", MORE)
    project.write("small.yaml", "name: small\nnodes:\n  a: {agent: 'local://echo', inputs: {x: 3}}\n")
    done = dev.next("run_done")
    assert run_of(done)["workflow"] == "small"
    assert {run_of(event)["workflow"] for event in dev.events if event["event"] == "run_done"} == {"small"}


def test_in_a_folder_workflows_come_and_go(project: Project) -> None:
    small = "name: NAME\nnodes:\n  a: {agent: 'local://echo', inputs: {x: 1}}\n"
    project.write("first.yaml", small.replace("NAME", "first"))
    dev = project.dev(".")
    dev.next("run_done")
    written = project.write("second.yaml", small.replace("NAME", "second"))
    assert run_of(dev.next("run_done"))["workflow"] == "second"
    written.rename(project.folder / "third.yaml")
    assert dev.next("checked", name=None)["faults"][0]["message"] == "does not exist"
    assert dev.next("run_done")["file"].endswith("third.yaml")
    project.write("unused.py", "x = 1\n")
    assert {dev.next("nothing_to_run")["file"].rpartition("/")[2] for _ in range(2)} == {"first.yaml", "third.yaml"}
    assert all(event["name"] for event in dev.events[-4:] if event["event"] == "checked"), "it is gone, and was told"


def test_a_run_waits_for_people_and_where_it_is_left_they_are_asked_no_more(project: Project) -> None:
    text = """
    name: gated
    nodes:
      a: {agent: "local://echo", inputs: {x: 1}}
      gate: {agent: "human://approve", inputs: {x: "${a.output}"}}
    """
    project.write("gated.yaml", text)
    dev = project.dev("gated.yaml")
    dev.next("run_begins")
    (first,) = questions(project, dev)
    project.write("gated.yaml", text.replace("x: 1", "x: 2"))
    left = dev.next("run_left")["run"]
    dev.next("run_begins")
    (second,) = questions(project, dev, but=left)
    assert (first, status(project, left)) == (left, RunStatus.CANCELLED)
    answered = project.binex("answer", second, "gate", "approve")
    assert answered.returncode == 0, answered.stderr
    done = dev.next("run_done")
    assert (run_of(done)["id"], run_of(done)["status"]) == (second, "completed")


def questions(project: Project, dev: Dev, but: str = "") -> list[str]:
    """The runs that ask something, as soon as one does beside that one."""

    async def read() -> list[str]:
        async with open_sqlite_store(project.folder / ".binex", read_only=True) as store:
            return [question.run_id for question in await store.list_questions(only_open=True)]

    found: list[str] = []

    def is_asked() -> bool:
        found[:] = asyncio.run(read())
        return bool(found) and found != [but]

    dev.wait_until(is_asked)
    return found


def test_prompts_elsewhere_and_the_settings_of_the_project_are_watched(project: Project) -> None:
    project.write("elsewhere/p.md", "one")
    project.write("flows/w.yaml", ASKING_ELSEWHERE)
    dev = project.dev("flows/w.yaml", "--allow-path", "elsewhere")
    dev.next("run_done")
    project.write("elsewhere/p.md", "two")
    assert run_of(dev.next("run_done"))["status"] == "completed"
    project.write("binex.toml", "[dev]\n")
    assert "only read at the start" in dev.next("trouble")["message"]


async def test_saves_that_came_meanwhile_are_taken_together() -> None:
    saves = Saves()
    saves.put({Path("a")})
    saves.put({Path("b"), Path("c")})
    assert await saves.next() == {Path("a"), Path("b"), Path("c")}


async def test_a_file_that_is_emptied_before_it_is_written_is_saved_once_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "steps.py"
    file.write_text("before = 1\n")

    async def once_saved() -> str:
        assert await saves.next() == {file}
        return file.read_text()

    async with watching(tmp_path, ()) as saves, asyncio.timeout(30):
        found = asyncio.create_task(once_saved())
        with file.open("w") as slow:
            await asyncio.sleep(0.15)  # longer than saves are waited for that follow each other
            slow.write("after = 1\n")
        assert await found == "after = 1\n"


def test_two_of_them_in_one_folder_do_not_disturb_each_other(project: Project) -> None:
    write_chain(project)
    one, two = (project.dev("chain.yaml", page=True) for _ in range(2))
    assert one.next("page")["url"] != two.next("page")["url"]
    one.next("run_done"), two.next("run_done")
    project.write("more.py", MORE)
    runs = {run_of(dev.next("run_done"))["id"] for dev in (one, two)}
    assert len(runs) == 2
    assert one.stop()[0] == 130
    project.write("more.py", MORE.replace("WORD", "third"))
    assert executed(project, two.next("run_done")) == {"b"}


def test_variables_hold_for_every_run(project: Project) -> None:
    text = """
    name: greeting
    inputs: {who: {type: string}}
    nodes:
      a: {agent: "local://echo", inputs: {x: "PLAIN ${user.who}"}}
    """
    project.write("greeting.yaml", text)
    dev = project.dev("greeting.yaml")
    assert "who" in dev.next("trouble")["message"]
    dev.stop()
    dev = project.dev("greeting.yaml", "--var", "who=Ada")
    dev.next("run_done")
    project.write("greeting.yaml", text.replace("PLAIN", "HELLO"))
    assert "HELLO Ada" in str(dev.next("run_done")["summary"]["outputs"])
