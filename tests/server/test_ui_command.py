"""The command: it says where, ends when it is told to, and leaves nothing behind."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.server.conftest import command, environment


@contextmanager
def started(folder: Path, *arguments: str, **more: str) -> "Iterator[tuple[subprocess.Popen[str], str, str]]":
    with subprocess.Popen(
        command("ui", *arguments),
        cwd=folder,
        env=environment() | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        base, _, token = process.stdout.readline().strip().partition("/#token=")
        try:
            yield process, base, token
        finally:
            process.kill()
            process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_within_five_seconds_whatever_goes_on(folder: Path, number: signal.Signals) -> None:
    with started(folder, "--no-open") as (process, base, token):
        assert base.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=base, timeout=20) as client:
            assert client.post("/api/login", json={"token": token}).status_code == 204
            run = client.post("/api/workflows/long.yaml/run", json={}).json()["run"]
            with client.stream("GET", f"/api/events?run={run}") as events:
                assert events.status_code == 200
                began = time.monotonic()
                process.send_signal(number)
                assert process.wait(5) == 128 + number
                assert time.monotonic() - began < 5
                assert process.stderr is not None
                assert "Traceback" not in process.stderr.read()
    said = subprocess.run(command("runs", "--json"), cwd=folder, env=environment(), capture_output=True, check=True)
    assert b'"interrupted"' in said.stdout


def test_the_token_of_the_environment_opens_it_and_stands_in_no_process_list(folder: Path) -> None:
    token = "a-token-of-many-letters"
    with started(folder, "--no-open", "--read-only", BINEX_UI_TOKEN=token) as (process, base, printed):
        assert printed == token
        assert token.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert httpx.post(f"{base}/api/login", json={"token": token}).status_code == 204


@pytest.mark.parametrize(
    "arguments", [["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--expose"], ["--host", "0.0.0.0", "--token", "x" * 20]]
)
def test_other_machines_are_let_in_only_by_two_words(folder: Path, arguments: list[str]) -> None:
    typed = command("ui", "--no-open", *arguments)
    done = subprocess.run(typed, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "other machines could reach 0.0.0.0" in done.stderr
    assert done.stdout == ""


def test_a_banner_says_that_other_machines_are_let_in(folder: Path) -> None:
    with started(folder, "--no-open", "--host", "0.0.0.0", "--expose", "--token", "x" * 20) as (process, base, _token):
        assert httpx.get(base.replace("0.0.0.0", "127.0.0.1")).status_code == 200
        assert httpx.get(base.replace("0.0.0.0", "127.0.0.1"), headers={"host": "evil.example"}).status_code == 421
        process.send_signal(signal.SIGINT)
        process.wait(5)
        assert process.stderr is not None
        assert "WARNING: whoever reaches 0.0.0.0" in process.stderr.read()


def test_a_browser_is_opened_where_there_is_a_display(folder: Path) -> None:
    browser = folder / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{folder}/opened'\n")
    browser.chmod(0o700)
    with started(folder, DISPLAY=":99", BROWSER=str(browser)) as (process, base, token):
        end = time.monotonic() + 10
        while not (folder / "opened").exists() or not (folder / "opened").read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        address = (folder / "opened").read_text().strip()
        assert address.startswith("file:///")
        assert token not in address  # every user of the machine can read what a browser was started with
        file = Path(address.removeprefix("file://"))
        assert f"url={base}/#token={token}" in file.read_text()
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        process.send_signal(signal.SIGTERM)
        process.wait(5)
        assert not file.parent.exists()


def test_without_the_extra_it_says_what_to_install(folder: Path) -> None:
    (folder / "fastapi.py").write_text("raise ImportError('blocked', name='fastapi')\n")
    done = subprocess.run(
        command("ui", "--no-open"), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'binex[ui]'" in done.stderr
