"""H2 to H5, H8, H9: a resume uses what was recorded, or says why it cannot."""

import json
import os
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.faults.harness import Finished, Project, environment

CODE = """
    import os

    def note(name):
        log = os.open(os.path.join(os.path.dirname(__file__), "effects.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, name.encode() + b"\\n")
        os.close(log)

    def first(topic):
        note("first")
        return topic + "!"

    def large():
        note("large")
        return "y" * 200_000

    def gate(first, topic, secret):
        note("gate")
        if not os.path.exists(os.path.join(os.path.dirname(__file__), "open")):
            os.kill(os.getpid(), 9)
        return [first, topic, len(secret)]

    def end(gate, large):
        note("end")
        return {"gate": gate, "large": len(large)}
"""

FLOW = """
    name: going-on
    inputs:
      topic: {type: string, default: rain}
    concurrency: 1
    nodes:
      first: {agent: local://steps.first, inputs: {topic: "${user.topic}"}}
      large: {agent: local://steps.large, depends_on: [first]}
      gate:
        agent: local://steps.gate
        depends_on: [large]
        inputs: {first: "${first.output}", topic: "${user.topic}", secret: "${env.TOKEN}"}
      end: {agent: local://steps.end, inputs: {gate: "${gate.output}", large: "${large.output}"}}
"""


@pytest.fixture
def died(tmp_path: Path) -> Project:
    """A run that was killed when two of its four nodes had completed; what stopped it is out of the way."""
    (tmp_path / "steps.py").write_text(dedent(CODE))
    (tmp_path / "flow.yaml").write_text(dedent(FLOW))
    project = Project(tmp_path)
    finished = project.run("--var", "topic=snow", env=environment(TOKEN="opensesame-1"))
    assert finished.code == -9, finished
    (tmp_path / "open").touch()
    return project


def resume(project: Project, *arguments: str, token: str = "opensesame-1", **options: Any) -> Finished:
    return project.binex("resume", *arguments, "--json", env=environment(TOKEN=token), **options)


def output(finished: Finished) -> Any:
    assert finished.code == 0, finished
    return json.loads(finished.out)["outputs"]["end"]["output"]


def test_a_resume_uses_the_recorded_variables(died: Project) -> None:
    """H2."""
    assert output(resume(died)) == {"gate": ["snow!", "snow", 12], "large": 200_000}
    assert died.effects() == ["first", "large", "gate", "gate", "end"]


def test_a_resume_asks_the_environment_again_for_secrets(died: Project) -> None:
    """H2: they are never kept."""
    assert output(resume(died, token="another-one"))["gate"] == ["snow!", "snow", 11]
    for file in died.store.rglob("*"):
        if file.is_file():
            assert b"opensesame-1" not in file.read_bytes(), file


def test_a_resume_without_a_secret_that_is_needed_is_refused_by_its_name(died: Project) -> None:
    kept = environment()
    kept.pop("TOKEN", None)
    finished = died.binex("resume", env=kept)
    assert finished.code == 2, finished
    assert "TOKEN" in finished.err
    assert "Traceback" not in finished.err
    assert output(resume(died))["large"] == 200_000


@pytest.mark.parametrize("damage", ["deleted", "altered", pytest.param("cut short", marks=pytest.mark.campaign)])
def test_an_output_that_is_needed_and_lost_is_refused_by_its_name(died: Project, damage: str) -> None:
    """H3, G5: never an empty input."""
    (file,) = (died.store / "artifacts").rglob("*large~output.json")
    whole = file.read_bytes()
    match damage:
        case "deleted":
            file.unlink()
        case "cut short":
            file.write_bytes(whole[:-100])
        case "altered":
            file.write_bytes(whole.replace(b"yyyy", b"yyny", 1))
    finished = resume(died)
    assert finished.code == 4, finished
    assert re.search(r"large", finished.err), finished
    assert "Traceback" not in finished.err
    assert died.effects() == ["first", "large", "gate"], "something ran although its input is lost"
    # The rest is there for everybody to see.
    for command in (["runs"], ["trace"]):
        assert died.binex(*command).code == 0
    for command in (["debug"], ["artifacts", "list"], ["doctor"]):
        shown = died.binex(*command)
        assert shown.code == 4, shown
        assert "large" in shown.out + shown.err, shown
    assert died.binex("artifacts", "show", "first").code == 0
    file.write_bytes(whole)
    assert output(resume(died))["large"] == 200_000


def test_a_changed_function_is_told_and_with_strict_refused(died: Project) -> None:
    """H4."""
    code = died.folder / "steps.py"
    code.write_text(code.read_text().replace('{"gate": gate,', '{"new": True, "gate": gate,'))
    refused = resume(died, "--strict")
    assert refused.code == 1, refused
    assert "steps.end" in refused.err and "changed" in refused.err, refused
    assert died.effects() == ["first", "large", "gate"]
    finished = resume(died)
    assert "changed" in finished.err, finished
    assert output(finished)["new"] is True


def test_an_unchanged_function_is_not_called_changed(died: Project) -> None:
    os.utime(died.folder / "steps.py", (1, 1))
    finished = resume(died, "--strict")
    assert "changed" not in finished.err, finished
    assert output(finished)["large"] == 200_000


@pytest.mark.parametrize("what", ["deleted", "changed", "broken"])
def test_the_snapshot_is_used_whatever_became_of_the_workflow_file(died: Project, what: str) -> None:
    """H5."""
    file = died.folder / "flow.yaml"
    if what == "deleted":
        file.unlink()
    else:
        file.write_text("name: other\nnodes: {}\n" if what == "changed" else "]]]")
    assert output(resume(died))["gate"] == ["snow!", "snow", 12]


def test_a_function_whose_module_is_gone_is_named_before_anything_runs(died: Project) -> None:
    (died.folder / "steps.py").rename(died.folder / "elsewhere.py")
    finished = resume(died)
    assert finished.code == 2, finished
    assert "steps" in finished.err
    (died.folder / "elsewhere.py").rename(died.folder / "steps.py")
    assert output(resume(died))["large"] == 200_000


def test_resuming_a_completed_run_does_nothing(died: Project) -> None:
    """H8."""
    assert output(resume(died))
    effects = died.effects()
    before = died.kept()
    finished = resume(died)
    assert output(finished) == {"gate": ["snow!", "snow", 12], "large": 200_000}
    assert "nothing to do" in finished.err, finished
    assert died.effects() == effects
    after = died.kept()
    assert (after.run, after.records) == (before.run, before.records)


def test_a_resume_works_from_another_folder_and_with_another_durability(died: Project, tmp_path: Path) -> None:
    """H9."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    finished = resume(died, "--durability", "normal", cwd=elsewhere)
    assert output(finished)["gate"] == ["snow!", "snow", 12]
    assert not list(elsewhere.iterdir())


def test_a_failed_run_is_not_tried_again_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "import os\nHERE = os.path.dirname(__file__)\n"
        "def fails():\n    open(os.path.join(HERE, 'effects.log'), 'a').write('x\\n')\n"
        "    if not os.path.exists(os.path.join(HERE, 'open')):\n        raise ValueError('not yet')\n    return 1\n"
    )
    (tmp_path / "flow.yaml").write_text(
        "name: n\nnodes:\n  a: {agent: local://steps.fails}\n  end: {agent: local://echo, depends_on: [a]}\n"
    )
    project = Project(tmp_path)
    assert project.run().code == 1
    (tmp_path / "open").touch()
    again = project.binex("resume")
    assert again.code == 1, again
    assert "--retry-failed" in again.err, again
    assert len(project.effects()) == 1
    assert project.binex("resume", "--retry-failed").code == 0
    assert len(project.effects()) == 2
