"""What is shipped: the wheel holds the package and the demo, and nothing else."""

import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_module_and_the_demo(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    source = ROOT / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    assert modules <= names
    assert {"binex/py.typed", "binex/demo/digest/digest.yaml", "binex/demo/digest/digest.py"} <= names
    documents = {path.name for path in (ROOT / "examples/digest/documents").glob("*.txt")}
    assert {Path(name).name for name in names if "/documents/" in name and name.endswith(".txt")} == documents


def test_the_wheel_holds_nothing_that_runs_at_start_up_and_nothing_outside_the_package(wheel: zipfile.ZipFile) -> None:
    strangers = [name for name in wheel.namelist() if not name.startswith("binex/") and ".dist-info/" not in name]
    assert strangers == []
    assert [name for name in wheel.namelist() if name.endswith((".pth", ".pyc", ".so"))] == []


def test_the_core_needs_few_packages(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    required = message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist") or []
    core = [requirement for requirement in required if "extra ==" not in requirement]
    assert sorted(requirement.split(">")[0] for requirement in core) == ["click", "pydantic", "pyyaml", "rich"]
