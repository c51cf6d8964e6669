"""``binex replay``: what it takes, what it says, and how it exits."""

from pathlib import Path

import pytest

from tests.cli.conftest import Said, Shell

CODE = """
def collect(topic):
    return [f"{topic} rise", f"{topic} fall"]

def frame(text):
    return f"* {text} *"
"""
REPORT = """
name: report
inputs: {topic: {default: tides}}
nodes:
  facts: {agent: local://parts.collect, inputs: {topic: "${user.topic}"}}
  draft.one:
    agent: llm://mock/quick
    system_prompt: Write one sentence.
    inputs: {facts: "${facts.output}"}
    config:
      answers:
        - {text: Something with water., when: {model: quick}, repeat: 9}
        - {text: The moon pulls the sea., when: {model: careful}, repeat: 9}
  publish: {agent: local://parts.frame, inputs: {text: "${draft.one.output}"}}
"""


@pytest.fixture
def ran(shell: Shell) -> Shell:
    """A shell in whose folder the report was run once."""
    shell.write("parts.py", CODE)
    shell.write("report.yaml", REPORT)
    assert shell("run", "report.yaml").out == "* Something with water. *\n"
    return shell


def latest(shell: Shell) -> dict[str, object]:
    run: dict[str, object] = shell("runs", "--json").json()["runs"][0]
    return run


def test_a_replay_that_is_equal_says_so_and_exits_with_0(ran: Shell) -> None:
    said = ran("replay")
    assert said.code == 0
    assert "equal: 3 tasks, 3 artifacts of run" in said.out


def test_a_replay_that_is_not_names_the_first_difference_and_exits_with_1(ran: Shell) -> None:
    ran.write("parts.py", CODE.replace("* {text} *", "# {text}"))
    said = ran.process("replay")
    assert said.code == 1
    assert "first difference: publish made something else" in said.out
    assert '"# Something with water."' in said.out
    assert "the code of local://parts.frame has changed" in said.out


def test_json_is_the_comparison_whole(ran: Shell) -> None:
    verdict = ran("replay", "--json").json()
    assert (verdict["is_equal"], verdict["tasks"], verdict["differences"]) == (True, 3, [])
    assert verdict["run"]["origin"]["mode"] == "replay"


def test_latest_stays_the_run_that_was_replayed(ran: Shell) -> None:
    first = latest(ran)["id"]
    ran("replay")
    assert ran("replay", "--json").json()["parent"] == first
    assert ran("replay", str(latest(ran)["id"]), "--json").json()["parent"] != first, "an id means itself"


def test_a_plan_executes_nothing(ran: Shell) -> None:
    said = ran("replay", "--agent", "draft.one=llm://mock/careful", "--plan")
    assert said.code == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "draft.one runs 1 $0 another agent" in lines
    assert "publish runs if changed 1 $0 it needs draft.one" in lines
    assert "will probably cost $0" in said.out
    assert len(ran("runs", "--json").json()["runs"]) == 1
    plan = ran("replay", "--from", "facts", "--plan", "--json").json()
    assert [node["decision"] for node in plan["nodes"]] == ["run", "may_run", "may_run"]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        (["--agent", "draft.one=llm://mock/careful"], "* The moon pulls the sea. *\n"),
        (["--set", "draft.one.agent=llm://mock/careful"], "* The moon pulls the sea. *\n"),
        (["--set", "draft.one.config.answers[0].text=Set."], "* Set. *\n"),
        (["--edit", "draft.one.output=By hand."], "* By hand. *\n"),
        (["--edit", "draft.one=By hand."], "* By hand. *\n"),
        (["--edit", "draft.one=text.md"], "* From a file. *\n"),
        (["--input", "facts.topic=said here"], "* Something with water. *\n"),
        (["--var", "topic=waves"], "* Something with water. *\n"),
        (["--prompt", "draft.one=text.md"], "* Something with water. *\n"),
        (["--from", "facts"], "* Something with water. *\n"),
        (["--only", "draft.one"], "Something with water.\n"),
        (["--workflow", "other.yaml"], "<Something with water.>\n"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_one_thing_changed(ran: Shell, options: list[str], printed: str) -> None:
    ran.write("text.md", "From a file.\n")
    other = REPORT.replace("parts.frame, inputs: {text: ", "echo, inputs: {t: ")
    other = other.replace('"${draft.one.output}"', '"<${draft.one.output}>"')
    ran.write("other.yaml", other)
    said = ran("replay", *options)
    assert (said.code, said.out) == (0, printed)


@pytest.mark.parametrize(
    ("options", "said", "fix"),
    [
        (["--agent", "drft.one=llm://mock/a"], "--agent drft.one: there is no node 'drft.one'", "draft.one"),
        (["--agent", "draft.one"], "--agent: 'draft.one' is not of the form NODE=URI", "write --agent NODE=URI"),
        (["--agent", "draft.one=lm://mock/a"], "no adapter for 'lm://'", "llm"),
        (["--prompt", "draft.one=nothing.md"], "there is no file nothing.md", "name a file"),
        (["--prompt", "drft=Some words"], "there is no node 'drft'", "draft.one"),
        (["--prompt", "draft.one=file://x.md"], "cannot begin with file://", "name the file"),
        (["--set", "draft.one=1"], "this names no field", "--set draft.one.config.temperature=0"),
        (["--set", "nobody.config.x=1"], "there is no node 'nobody'", "nodes:"),
        (["--set", "draft.one.confg.x=1"], "confg", "config"),
        (["--set", "draft.one.config.answers[9].text=x"], "there is no entry 9", "2 entries"),
        (["--set", "draft.one.agent.x=1"], "no fields", ""),
        (["--set", "draft.one.config[x]=1"], "is no path", "dots between"),
        (["--input", "publish.txt=x"], "the node has no such input", "text"),
        (["--input", "publish=x"], "--input publish: this names no input", "--input publish.NAME=VALUE"),
        (["--from", "draft.one[x]"], "there is no task 'draft.one[x]'", "draft.one"),
        (["--from", "]"], "there is no task ']'", "tasks:"),
        (["--edit", "publish.outptu=x"], "there is no such output", "output"),
        (["--edit", "nobody=x"], "there is no task 'nobody'", "facts"),
        (["--edit", "facts={no"], "a list is to be replaced, and this is no JSON", "write JSON"),
        (["--var", "topc=x"], "topc", "topic"),
        (["--workflow", "gone.yaml"], "gone.yaml", ""),
        (["--from", "drat.one"], "there is no task 'drat.one'", "draft.one"),
        (["--only", "draft.one[0]"], "there is no task 'draft.one[0]'", ""),
        (["--only", "draft.one", "--var", "topic=x"], "is changed as well", "leave --only out"),
        (["--plan"], "--plan is for a fork", "--from NODE"),
        (["--budget", "1"], "--budget is for a fork", "--from NODE"),
        (["--times", "3"], "--times is for a fork", "--only NODE"),
        (["--from", "facts", "--check", "3"], "--check replays a run from its tape", "leave one of them out"),
        (["--from", "facts", "--fault", "draft.one=429"], "--fault replays a run from its tape", "leave one"),
        (["--check", "3", "--fault", "draft.one=429"], "cannot be had together", "leave one of them out"),
        (["--only", "facts", "--expect", "1 == 1"], "--expect is about several repetitions", "--times 20"),
        (["--fault", "draft.one=4290"], "there is no fault '4290'", "429"),
        (["--fault", "drat.one=429"], "there is no such task in the run", "draft.one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_exist_or_makes_no_sense_is_bad_input(
    ran: Shell, options: list[str], said: str, fix: str
) -> None:
    found = ran("replay", *options)
    assert found.code == 2
    assert said in found.err
    assert fix in found.err
    assert "Traceback" not in found.err
    assert len(ran("runs", "--json").json()["runs"]) == 1, "nothing was executed"


def test_a_check_names_what_is_not_deterministic(ran: Shell) -> None:
    assert ran("replay", "--check", "2").code == 0
    ran.write("parts.py", "import random\n" + CODE.replace("* {text} *", "{random.random()}"))
    ran.process("run", "report.yaml")
    said = ran.process("replay", "--check", "2")
    assert said.code == 1
    assert "publish came out in 3 ways" in said.out
    assert "binex.random()" in said.out


def test_a_check_tells_changed_code_from_chance(ran: Shell) -> None:
    ran.write("parts.py", CODE.replace("* {text} *", "# {text}"))
    said = ran.process("replay", "--check", "2")
    assert said.code == 1
    assert "publish came out the same each time, but not as recorded" in said.out
    assert "shows what is different" in said.out
    assert "deterministic" not in said.out
    assert "binex.random()" not in said.out


def test_a_fault_shows_whether_the_run_holds(ran: Shell) -> None:
    said = ran("replay", "--fault", "draft.one=429")
    assert said.code == 1
    assert "did not hold: draft.one met 429:1" in said.out
    retried = REPORT.replace("    system_prompt", "    retry_policy: {max_retries: 1, delay_ms: 1}\n    system_prompt")
    ran.write("report.yaml", retried)
    ran("run", "report.yaml")
    said = ran("replay", "--fault", "draft.one=429")
    assert said.code == 0
    assert "held: draft.one met 429:1" in said.out
    assert "all that was made is the same: 3 artifacts" in said.out
    said = ran("replay", "--fault", "draft.one=timeout:2")
    assert said.code == 1


def test_a_fault_that_nothing_meets_proves_nothing(ran: Shell) -> None:
    said = ran("replay", "--fault", "facts=429")
    assert said.code == 1
    assert "was not put to the test: facts made no call that could meet a fault more" in said.out
    fork = ran("replay", "--edit", "draft.one=By hand.", "--json").json()["run"]["id"]
    assert "draft.one made no call" in ran("replay", fork, "--fault", "draft.one=429").out


def test_latest_is_no_sample(ran: Shell) -> None:
    first = latest(ran)["id"]
    assert ran("replay", "--only", "draft.one").code == 0
    assert ran("replay", "--json").json()["parent"] == first
    assert "only draft.one" in ran("runs", "--tree").out


def test_no_store_is_made_for_a_run_that_cannot_be_there(shell: Shell) -> None:
    for command in ("replay", "resume"):
        said = shell(command, "--dir", str(shell.folder / "elsewhere"))
        assert said.code == 2, said
        assert not (shell.folder / "elsewhere").exists()


def test_a_damaged_tape_is_named_and_nothing_is_claimed(ran: Shell) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(ran.folder / ".binex" / "binex.db")) as database:
        database.execute("UPDATE blobs SET content = x'00'")
        database.commit()
    said = ran.process("replay")
    assert said.code == 4, said
    assert "equal" not in said.out
    assert "not what was kept" in said.err or "sha256" in said.err


def test_names_with_dots_are_told_from_fields(ran: Shell, tmp_path: Path) -> None:
    said: Said = ran("replay", "--set", "draft.one.system_prompt=Other words", "--plan", "--json")
    (change,) = said.json()["changes"]
    assert (change["node"], change["path"]) == ("draft.one", ["system_prompt"])


def test_json_with_slashes_in_it_is_no_name_of_a_file(ran: Shell) -> None:
    said = ran("replay", "--edit", 'facts=["a/b.md"]', "--plan", "--json")
    assert (said.code, said.json()["nodes"][0]["decision"]) == (0, "edited")
    assert "there is no file a/b.md" in ran("replay", "--edit", "publish=a/b.md", "--plan").err
