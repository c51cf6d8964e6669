"""Projects on disk for the fault tests, and the end of every process that they started."""

import compileall
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import binex
from tests.faults.harness import Project
from tests.faults.project import write_project


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile Binex once: the processes write no bytecode, since that would be among the calls that are counted."""
    compileall.compile_dir(Path(binex.__file__).parent, quiet=2)


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """End what a test leaves running, whether it passed or not."""
    yield
    while Project.made:
        Project.made.pop().close()


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Makes projects with the workflow of 50 nodes, each in a folder of its own."""

    def make(name: str = "project", **options: Any) -> Project:
        write_project(tmp_path / name, **options)
        return Project(tmp_path / name)

    return make


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an undisturbed run of the workflow makes in the end."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_project(folder, pace_s=0)
    project = Project(folder)
    finished = project.run()
    assert finished.code == 0, finished
    return project.outputs()
