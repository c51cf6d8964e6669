"""J2 and J5: literal keys are not kept, and nobody else may read what is kept."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Project, environment, prepared_by

KEY = "sk-proj-" + "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z" + "T3BlbkFJ" + "0123456789abcdef"


def everything_in(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def test_a_literal_key_is_warned_about_and_not_kept_and_a_resume_reads_it_again(tmp_path: Path) -> None:
    """J2."""
    (tmp_path / "steps.py").write_text(
        "import os\nHERE = os.path.dirname(__file__)\n"
        "def gate(key):\n"
        "    if not os.path.exists(os.path.join(HERE, 'open')):\n        os.kill(os.getpid(), 9)\n"
        "    return len(key)\n"
    )
    flow = tmp_path / "flow.yaml"
    flow.write_text(f"name: n\nnodes:\n  gate: {{agent: local://steps.gate, inputs: {{key: {KEY}}}}}\n")
    project = Project(tmp_path)
    died = project.run()
    assert died.code == -9, died
    assert KEY.encode() not in everything_in(project.store)
    (tmp_path / "open").touch()
    text = flow.read_text()
    flow.write_text(text + "# changed\n")
    refused = project.binex("resume")
    assert refused.code == 2, refused
    assert "keys" in refused.err and KEY not in refused.err, refused
    flow.write_text(text)
    finished = project.binex("resume")
    assert finished.code == 0, finished
    assert finished.out.strip() == str(len(KEY))
    assert KEY.encode() not in everything_in(project.store)
    fresh = project.run()
    said = died.err + fresh.err + project.binex("debug").out
    assert KEY not in said
    assert "flow.yaml:3:" in fresh.err, f"no warning about the key\n{fresh}"


@pytest.mark.parametrize("mask", [0o000, 0o777], ids=oct)
def test_files_are_for_their_owner_alone_whatever_the_umask(project: Project, expected: Any, mask: int) -> None:
    """J5."""
    masked = prepared_by(f"os.umask({mask})")
    killed = project.start("run", project.file, before=masked)
    killed.wait_for_text("completed in", count=30)
    killed.kill_all()
    killed.wait()
    check_modes(project)
    assert project.binex("resume", before=masked).code == 0
    check_modes(project)
    assert project.outputs() == expected


def check_modes(project: Project) -> None:
    assert stat.S_IMODE(project.store.stat().st_mode) == 0o700
    for path in project.store.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} has mode {mode:o}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take the part of another user")
def test_another_user_is_refused_and_harms_nothing(make_project: Callable[..., Project], expected: Any) -> None:
    """G6, J5: needs the interpreter to be readable for everybody; where it is not, there is nothing to try."""
    project = make_project(pace_s=0)
    assert project.run().code == 0
    before = everything_in(project.store)

    as_nobody = prepared_by("os.setgroups([])\nos.setgid(65534)\nos.setuid(65534)")
    # Only the store's own rights keep the other user away.
    folder: Path = project.folder
    while folder != folder.parent and stat.S_IMODE(folder.stat().st_mode) & 0o005 != 0o005:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o005)
        folder = folder.parent
    if "PermissionError" in project.binex("runs", before=as_nobody).err:
        pytest.skip("the interpreter lies where another user cannot read it")
    for command in (["runs"], ["debug"], ["resume"], ["run", project.file]):
        finished = project.binex(*command, before=as_nobody, env=environment(HOME="/nonexistent"))
        assert finished.code in (2, 3), finished
        assert "Traceback" not in finished.err, finished
    assert everything_in(project.store) == before
    assert project.outputs() == expected
