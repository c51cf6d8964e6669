"""What is shipped: the wheel holds the package, the page and the demo, and nothing else; and what it is built from."""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_file)


def built(target: str, folder: Path) -> Path:
    """What is shipped, made from this checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return next(folder.iterdir())


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


def page_files(folder: Path) -> dict[str, bytes]:
    """The files of the page, as they are in this checkout."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_holds_the_page_as_it_was_built(wheel: zipfile.ZipFile) -> None:
    files = page_files(ROOT / "src/binex/server/static")
    assert "index.html" in files
    shipped = {name.removeprefix("binex/server/static/") for name in wheel.namelist() if "/server/static/" in name}
    assert shipped == set(files)
    assert all(wheel.read(f"binex/server/static/{name}") == data for name, data in files.items())


def test_what_is_installed_from_the_wheel_serves_the_page(wheel_file: Path, tmp_path: Path) -> None:
    """In an environment of its own, which has everything but Binex from this one."""
    place, here = tmp_path / "venv", tmp_path / "here"
    here.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True, timeout=60)
    python = place / "bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel_file],
        check=True, timeout=120, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "others.pth").write_text(sysconfig.get_paths()["purelib"])
    with subprocess.Popen(
        [place / "bin/binex", "ui", "--no-open"],
        cwd=here,
        env={
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "BINEX_DIR", "BINEX_UI_TOKEN")
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        base, _, token = process.stdout.readline().strip().partition("/#token=")
        try:
            with httpx.Client(base_url=base, timeout=20) as client:
                shell = client.get("/").text
                linked = {f"/{name}" for name in re.findall(r'(?:src|href)="\.?/([^"]+)"', shell)}
                assert any(name.endswith(".js") for name in linked)
                served = {f"/{name}" for name in page_files(packages / "binex/server/static") if name != "index.html"}
                assert linked <= served
                assert {client.get(name).status_code for name in served} == {200}
                assert client.post("/api/login", json={"token": token}).status_code == 204
                assert client.get("/api/session").json()["folder"] == "here"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130


def test_the_source_that_is_shipped_has_what_the_page_is_built_from_and_nothing_that_was_installed(
    tmp_path: Path,
) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    page = {"ui/package.json", "ui/package-lock.json", "ui/index.html", "ui/vite.config.ts", "ui/src/main.tsx"}
    assert page <= names
    assert {"src/binex/server/static/index.html", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO"} <= names
    strangers = ("node_modules", ".git", ".venv", ".binex", "__pycache__", "dist")
    assert [name for name in names if set(name.split("/")) & set(strangers)] == []
