"""Bisecting over commits: the first bad one is named, and the checkout stays as it is."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.analysis.bisection.commits import CommitReport, CommitState, halve
from binex.analysis.bisection.report import BisectVerdict, StoppedBy
from binex.errors import InputError
from binex.models.run import RunSummary
from binex.runtime.bisecting.commits import CommitBisector
from binex.runtime.bisecting.request import BisectRequest
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter

OpenBench = Callable[..., Awaitable[Bench]]

FLOW = """
name: flow
nodes:
  count: {agent: local://steps.count, inputs: {text: one two three}}
  check: {agent: local://steps.check, inputs: {number: "${count.output}"}, config: {n: 0}}
"""
STEPS = """
def count(text): return len(text.split())
def check(number): return {"good": number == 3}
"""
WORSE = STEPS.replace("len(text.split())", "len(text.split()) + 1")


class Repo:
    """A repository in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ids: list[str] = []
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        environment = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
        }
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, subject: str, **files: str | None) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", ".")
            path.unlink(missing_ok=True) if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)
        self.ids.append(self.git("rev-parse", "HEAD").strip())
        return self.ids[-1]

    def state(self) -> str:
        """All that must stay as it is: files, index, HEAD, branches, worktrees."""
        said = [self.git(*command) for command in (
            ["status", "--porcelain", "--ignored"], ["rev-parse", "HEAD"], ["symbolic-ref", "HEAD"],
            ["for-each-ref"], ["worktree", "list"], ["stash", "list"],
        )]  # fmt: skip
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and ".binex" not in path.parts)
        kept = [path for path in files if ".git" not in path.parts or path.name in ("index", "HEAD", "config")]
        said += [f"{path}={hashlib.sha256(path.read_bytes()).hexdigest()}" for path in kept]
        return "\n".join(line for line in said if "__pycache__" not in line)


async def history(open_bench: OpenBench, *, breaks_at: int = 5, count: int = 9, **odd: str) -> Any:
    """A bench, a repository in which the code is worse from a commit on, a run at the first one and one at the last."""
    bench = await open_bench()
    repo = Repo(bench.folder)
    repo.commit("the beginning", flow__yaml=FLOW, steps__py=STEPS, __gitignore=".binex\n__pycache__\n")
    good = await bench.session.run(bench.folder / "flow.yaml")
    for number in range(1, count):
        files: dict[str, str | None] = {"notes__txt": f"note {number}"}
        files["flow__yaml"] = odd.get(f"flow{number}", FLOW.replace("n: 0", f"n: {number}"))
        if number == breaks_at:
            files["steps__py"] = WORSE
        repo.commit(f"change {number}", **files)
    bad = await bench.session.run(bench.folder / "flow.yaml")
    return bench, repo, good, bad


async def bisect(
    bench: Bench,
    good: RunSummary,
    bad: RunSummary,
    revisions: tuple[str | None, str | None] = (None, None),
    **more: Any,
) -> CommitReport:
    request = BisectRequest(**{"expect": "${check.output.good}", **more})
    bisector = await CommitBisector.prepare(bench.session, good.run_id, bad.run_id, request, revisions)
    return await bisector.run()


@pytest.mark.parametrize("breaks_at", [1, 4, 8])
async def test_the_first_bad_commit_is_named_and_the_checkout_is_untouched(
    open_bench: OpenBench, breaks_at: int
) -> None:
    bench, repo, good, bad = await history(open_bench, breaks_at=breaks_at)
    (bench.folder / "notes.txt").write_text("not committed")
    (bench.folder / "new.txt").write_text("unknown to git")
    repo.git("add", "new.txt")
    before = repo.state()
    report = await bisect(bench, good, bad)
    assert repo.state() == before
    assert report.verdict is BisectVerdict.FOUND
    assert report.first_bad is not None
    assert report.first_bad.id == repo.ids[breaks_at]
    assert report.first_bad.subject == f"change {breaks_at}"
    assert report.first_bad.author == "Ada"
    assert report.first_bad.files == ("flow.yaml", "notes.txt", "steps.py")
    assert report.count == 8
    assert len(report.trials) <= 2 + 3
    assert report.times == 1
    for one in report.trials:
        run = await bench.session.store.get_run(one.trial.runs[0])
        assert run is not None
        assert run.versions.git_commit == one.commit.id
        source = await bench.session.store.get_source(run.workflow_hash)
        assert not Path(source.folder).exists(), "the worktree is gone"


async def test_files_that_the_code_reads_are_those_of_the_commit(open_bench: OpenBench) -> None:
    bench = await open_bench()
    repo = Repo(bench.folder)
    steps = STEPS.replace(
        "return len(text.split())", "return int((__import__('pathlib').Path(__file__).parent / 'n.txt').read_text())"
    )
    repo.commit("good", flow__yaml=FLOW, steps__py=steps, n__txt="3", __gitignore=".binex\n__pycache__\n")
    good = await bench.session.run(bench.folder / "flow.yaml")
    repo.commit("a note", notes__txt="x")
    culprit = repo.commit("another number", n__txt="4")
    repo.commit("another note", notes__txt="y")
    bad = await bench.session.run(bench.folder / "flow.yaml")
    report = await bisect(bench, good, bad)
    assert report.first_bad is not None
    assert report.first_bad.id == culprit


async def test_what_cannot_be_judged_is_skipped(open_bench: OpenBench) -> None:
    broken = "nodes: {count: {agent: nowhere}}"
    bench, repo, good, bad = await history(open_bench, breaks_at=6, flow4=broken, flow3=broken)
    report = await bisect(bench, good, bad)
    assert report.first_bad is not None
    assert report.first_bad.id == repo.ids[6]
    skipped = [one for one in report.trials if one.state is CommitState.SKIPPED]
    assert {one.commit.id for one in skipped} <= {repo.ids[3], repo.ids[4]}
    assert skipped
    assert all(one.trial.why for one in skipped)


async def test_where_only_what_cannot_be_judged_is_left_all_of_it_is_named(open_bench: OpenBench) -> None:
    broken = "nodes: {count: {agent: nowhere}}"
    bench, repo, good, bad = await history(open_bench, breaks_at=5, flow5=broken, flow4=broken)
    report = await bisect(bench, good, bad)
    assert report.verdict is BisectVerdict.NOT_FOUND
    assert [commit.id for commit in report.suspects] == repo.ids[4:7]


async def test_merges_count_as_one_commit(open_bench: OpenBench) -> None:
    bench = await open_bench()
    repo = Repo(bench.folder)
    repo.commit("good", flow__yaml=FLOW, steps__py=STEPS, __gitignore=".binex\n__pycache__\n")
    good = await bench.session.run(bench.folder / "flow.yaml")
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit("worse", steps__py=WORSE)
    repo.git("checkout", "--quiet", "main")
    repo.commit("a note", notes__txt="x")
    repo.git("merge", "--quiet", "--no-ff", "side", "-m", "the side is merged")
    repo.commit("another note", notes__txt="y")
    bad = await bench.session.run(bench.folder / "flow.yaml")
    report = await bisect(bench, good, bad)
    assert report.first_bad is not None
    assert report.first_bad.subject == "the side is merged"
    assert report.first_bad.files == ("steps.py",)


async def test_hooks_of_the_repository_are_not_run(open_bench: OpenBench) -> None:
    bench, _, good, bad = await history(open_bench)
    hook = bench.folder / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {bench.folder}/hooked\n")
    hook.chmod(0o755)
    assert (await bisect(bench, good, bad)).first_bad is not None
    assert not (bench.folder / "hooked").exists()


async def test_what_was_not_committed_is_said(open_bench: OpenBench) -> None:
    bench, repo, good, _ = await history(open_bench)
    (bench.folder / "flow.yaml").write_text(FLOW.replace("n: 0", "n: 99"))
    dirty = await bench.session.run(bench.folder / "flow.yaml")
    with pytest.raises(InputError, match="one never committed"):
        await bisect(bench, good, dirty)
    with pytest.raises(InputError, match=r"both runs were made at commit .* flow.yaml"):
        await bisect(bench, good, dirty, (repo.ids[-1], repo.ids[-1]))
    report = await bisect(bench, good, dirty, (repo.ids[1], "main"))
    assert report.first_bad is not None
    assert report.first_bad.id == repo.ids[5]


async def test_commits_that_are_not_there_or_not_in_order_are_refused(open_bench: OpenBench) -> None:
    bench, repo, good, bad = await history(open_bench)
    for revisions, said in (
        (("nowhere", None), "there is no commit 'nowhere'"),
        (("--upload-pack=x", None), "there is no commit"),
        ((repo.ids[7], repo.ids[2]), "is later than the bad one"),
    ):
        with pytest.raises(InputError, match=said):
            await bisect(bench, good, bad, revisions)
    repo.git("checkout", "--quiet", "--orphan", "other")
    repo.commit("nothing in common", flow__yaml=FLOW)
    with pytest.raises(InputError, match="not an ancestor"):
        await bisect(bench, good, bad, (None, "other"))


async def test_where_not_all_history_was_fetched_it_is_said_how_to_fetch_it(open_bench: OpenBench) -> None:
    bench, repo, good, bad = await history(open_bench)
    (bench.folder / ".git" / "shallow").write_text(repo.ids[-2] + "\n")  # as 'git clone --depth 2' leaves it
    with pytest.raises(InputError, match="is not an ancestor") as raised:
        await bisect(bench, good, bad)
    assert raised.value.fix == "not all history was fetched, fetch the rest of it: git fetch --unshallow"


async def test_without_a_repository_that_is_said(open_bench: OpenBench) -> None:
    bench = await open_bench()
    for name, text in (("flow.yaml", FLOW), ("steps.py", STEPS)):
        (bench.folder / name).write_text(text)
    good = await bench.session.run(bench.folder / "flow.yaml")
    (bench.folder / "steps.py").write_text(WORSE)
    bad = await bench.session.run(bench.folder / "flow.yaml")
    with pytest.raises(InputError, match="in no git repository"):
        await bisect(bench, good, bad)


async def test_a_commit_that_does_not_come_out_as_its_run_did_ends_it(open_bench: OpenBench) -> None:
    bench, repo, good, bad = await history(open_bench)
    report = await bisect(bench, good, bad, (repo.ids[6], None))
    assert report.verdict is BisectVerdict.NOISY
    assert [one.trial.passed for one in report.trials] == [0, 0]


async def test_somebody_may_stop_it_and_the_worktree_is_gone(open_bench: OpenBench) -> None:
    agents = ScriptedAdapter(good=lambda _: {"good": True}, bad=lambda _: {"good": False})
    bench = await open_bench(agents=agents)
    repo = Repo(bench.folder)
    flow = "nodes: {{check: {{agent: 'script://{}', inputs: {{x: 1}}}}}}\n"
    repo.commit("good", flow__yaml=flow.format("good"), __gitignore=".binex\n")
    good = await bench.session.run(bench.folder / "flow.yaml")
    repo.commit("slow", flow__yaml=flow.format("slow"))
    repo.commit("bad", flow__yaml=flow.format("bad"))
    bad = await bench.session.run(bench.folder / "flow.yaml")
    started = asyncio.Event()

    async def slow(_: Any) -> Any:
        started.set()
        await asyncio.get_running_loop().create_future()

    agents.behaviours["slow"] = slow
    before = repo.state()
    request = BisectRequest(expect="${check.output.good}", times=1)
    bisector = await CommitBisector.prepare(bench.session, good.run_id, bad.run_id, request, (None, None))
    running = asyncio.ensure_future(bisector.run())
    async with asyncio.timeout(30):
        await started.wait()
        assert repo.state() != before, "there is a worktree"
        bisector.trying.interrupt()
        report = await running
    assert report.stopped_by is StoppedBy.INTERRUPTED
    assert [commit.id for commit in report.suspects] == repo.ids[1:]
    assert repo.state() == before


@given(st.integers(1, 60), st.data())
async def test_halving_finds_the_first_bad_place_with_few_questions(count: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, count - 1))
    names = [str(place) for place in range(count)]
    asked = []

    async def state_of(name: str) -> CommitState:
        asked.append(name)
        return CommitState.BAD if int(name) >= first else CommitState.GOOD

    bounds = await halve(names, state_of)
    assert list(bounds.suspects) == [first]
    assert len(asked) == len(set(asked)) <= count.bit_length()


@given(st.integers(1, 40), st.data())
async def test_whatever_cannot_be_judged_the_first_bad_place_is_among_the_suspects(
    count: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, count - 1))
    unknown = data.draw(st.frozensets(st.integers(0, max(0, count - 2))))

    async def state_of(name: str) -> CommitState:
        if int(name) in unknown:
            return CommitState.SKIPPED
        return CommitState.BAD if int(name) >= first else CommitState.GOOD

    bounds = await halve([str(place) for place in range(count)], state_of)
    assert first in bounds.suspects
    assert set(bounds.suspects) - {bounds.bad} <= unknown
