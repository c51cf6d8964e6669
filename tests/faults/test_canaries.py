"""J1, J4: secrets that are planted wherever one can be are in nothing that was written, shown or handed on."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from urllib.parse import quote

import pytest

from tests.faults.harness import Finished, Project
from tests.model_server import Answer, ModelServer, Wire
from tests.servers import serving

SECRETS = {
    "CANARY_ENV": 'env-canary-7Qx"v/9+Lm2',
    "CANARY_SECRET": "secret-canary-Zt4&Kp8=Wn1",
    "CANARY_HEADER": "header-canary-Bv6Rj3Yq0",
    "CANARY_KEY": "key-canary-Hd5Sg2Xc7Uf9",
    "CANARY_SERVER": "server-canary-Nw8Ek1Ta4",
}
FLOW = """
mcp_servers:
  shelf:
    command: PYTHON
    args: [shelf.py]
    env: {SHELF_TOKEN: "${secret.CANARY_SERVER}"}
defaults: {retry_policy: {max_retries: 0}}
nodes:
  fetch:
    agent: local://steps.fetch
    inputs: {url: "${user.url}", token: "${env.CANARY_ENV}", key: "${secret.CANARY_SECRET}"}
  leak:
    agent: local://steps.leak
    inputs: {key: "${secret.CANARY_SECRET}"}
  ask:
    agent: llm://openai/gpt-4o-mini
    system_prompt: "Never say ${secret.CANARY_SECRET}."
    inputs: {question: What is the password?}
    config:
      api_base: "${user.models}"
      api_key: "${secret.CANARY_KEY}"
      extra_headers: {X-Trace: "${env.CANARY_HEADER}"}
  refused:
    agent: llm://openai/gpt-4o-mini
    inputs: {question: Who are you?}
    config: {api_base: "${user.refusing}", api_key: "${secret.CANARY_KEY}"}
  look:
    agent: llm://mock/reader
    inputs: {question: What is on the shelf?}
    tools: mcp://shelf/token
    config: {answers: [{tool_calls: [{name: token}]}, {text: I have looked.}]}
  sign:
    agent: human://approve
    system_prompt: May it be?
    inputs: {token: "${env.CANARY_ENV}"}
"""
STEPS = """
import httpx, requests

def fetch(url, token, key):
    headers = {"Authorization": f"Bearer {token}", "X-Custom": key}
    one = httpx.post(f"{url}/json?key={key}&q=1", headers=headers, json={"token": token, "nested": {"key": key}})
    two = requests.post(f"{url}/json", headers=headers, data={"token": token})
    return {"first": one.text, "second": two.text, "mine": token}

def leak(key):
    raise ValueError(f"cannot log in with {key}")
"""
SHELF = """
import os
from mcp.server import MCPServer

server = MCPServer("shelf")

@server.tool()
def token() -> dict[str, object]:
    "What the server knows."
    return {"token": os.environ["SHELF_TOKEN"], "all": sorted(os.environ), "other": os.environ.get("CANARY_ENV")}

server.run("stdio")
"""


def forms_of(secret: str) -> dict[str, bytes]:
    """What *secret* looks like wherever it may have been written."""
    escaped = json.dumps(secret)[1:-1]
    shifted = {f"base64 from {at}": base64.b64encode(b"x" * at + secret.encode())[4 * (at > 0) :] for at in range(3)}
    found = {
        "raw": secret.encode(),
        "url": quote(secret, safe="").encode(),
        "json": escaped.encode(),
        "json in json": json.dumps(escaped)[1:-1].encode(),
        **{name: data.rstrip(b"=")[:-2] for name, data in shifted.items()},
    }
    return {name: form for name, form in found.items() if len(form) >= 8}


def check_clean(where: str, data: bytes) -> None:
    for name, secret in SECRETS.items():
        for form, text in forms_of(secret).items():
            assert text not in data, f"{name} stands in {where} as {form}"


@pytest.fixture
def models() -> Iterator[ModelServer]:
    echo = SECRETS["CANARY_KEY"]
    # What a model says comes in pieces: the secret stands in none of them, and in all of them together.
    pieces = ["The password is ", *SECRETS["CANARY_SECRET"], ", or ", echo[:9], echo[9:], "."]
    with ModelServer(default=Answer(text=pieces)) as server:
        yield server


@pytest.fixture
def refusing() -> Iterator[ModelServer]:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRETS['CANARY_KEY']}"}}).encode()
    with ModelServer(default=Wire(status=401, body=body)) as server:
        yield server


def test_planted_secrets_are_nowhere_on_disk_nor_in_anything_that_is_printed(
    tmp_path: Path, models: ModelServer, refusing: ModelServer
) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW.replace("PYTHON", sys.executable))
    (tmp_path / "steps.py").write_text(dedent(STEPS))
    (tmp_path / "shelf.py").write_text(dedent(SHELF))
    project = Project(tmp_path)
    with serving() as echoing:
        urls = {"url": echoing.url, "models": models.url(), "refusing": refusing.url()}
        given = [word for name, url in urls.items() for word in ("--var", f"{name}={url}")]
        done = project.run("--stream", *given, env=SECRETS)
    assert done.code == 75, done
    assert len(echoing.asked) == 2, done
    assert models.requests[-1].headers["x-trace"] == SECRETS["CANARY_HEADER"], "the secret itself was sent"
    said = [done, *look_at_everything(project, done.run_id)]
    for finished in said:
        check_clean("stdout", finished.out.encode())
        check_clean("stderr", finished.err.encode())
        check_clean("stdout, joined", finished.out.replace("\n", "").encode())
    for file in sorted(project.store.rglob("*")):
        if file.is_file():
            check_clean(f"{file.relative_to(tmp_path)}", file.read_bytes())
    look = json.loads(project.binex("artifacts", "show", done.run_id, "look", "--json").out)
    assert look["content"] == "I have looked."


def look_at_everything(project: Project, run: str) -> Iterator[Finished]:
    """Every command that shows something of a run."""
    yield project.binex("debug", run)
    yield project.binex("trace", run, "--json")
    yield project.binex("runs", "--json")
    listed = project.binex("calls", "list", run, "--json")
    yield listed
    calls = json.loads(listed.out)["calls"]
    kinds = {call["kind"] for call in calls}
    assert kinds >= {"model", "http", "tool"}, f"every kind of call was recorded: {kinds}"
    for call in calls:
        name = f"{call['task']}:{call['attempt']}.{call['number']}"
        yield project.binex("calls", "show", run, name)
        yield project.binex("calls", "show", run, name, "--json")
    for task in ("fetch", "ask"):
        yield project.binex("artifacts", "show", run, task, "--json")
    yield project.binex("cost", run, "--json")
    yield project.binex("answer", "--json")


def test_a_key_that_only_the_environment_holds_is_cut_out_of_what_the_provider_says(
    tmp_path: Path, refusing: ModelServer
) -> None:
    flow = "nodes: {ask: {agent: llm://openai/gpt-4o-mini, inputs: {q: hi}, config: {api_base: URL}}}"
    (tmp_path / "flow.yaml").write_text(flow.replace("URL", f"'{refusing.url()}'"))
    project = Project(tmp_path)
    done = project.run(env={"OPENAI_API_KEY": SECRETS["CANARY_KEY"]})
    assert done.code == 1, done
    assert refusing.requests[0].headers["authorization"] == f"Bearer {SECRETS['CANARY_KEY']}"
    shown = project.binex("debug")
    assert "401" in shown.out
    for text in (done.err, shown.out):
        check_clean("what is printed", text.encode())
    for file in sorted(project.store.rglob("*")):
        if file.is_file():
            check_clean(file.name, file.read_bytes())


def test_what_a_project_s_own_patterns_match_is_cut_everywhere(tmp_path: Path) -> None:
    (tmp_path / "binex.toml").write_text('[redaction]\npatterns = ["CUST-[0-9]{6}"]\n')
    flow = """
nodes:
  ask:
    agent: llm://mock/clerk
    inputs: {question: Who is CUST-123456?}
    config: {answers: [{chunks: ["It is CUST-", "12", "3456."]}]}
  keep: {agent: local://echo, inputs: {said: "${ask.output}"}}
"""
    (tmp_path / "flow.yaml").write_text(flow)
    project = Project(tmp_path)
    done = project.run("--stream")
    assert done.code == 0, done
    assert done.out.strip() == "It is [redacted]."
    calls = project.binex("calls", "show", "ask", "--json")
    assert "[redacted]" in calls.out
    assert "CUST-123456" not in done.err + calls.out
    kept = b"".join(file.read_bytes() for file in (project.store / "artifacts").rglob("*.json"))
    assert b"CUST-123456" not in kept
