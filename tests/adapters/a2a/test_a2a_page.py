"""The page about remote agents says what is so."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from binex.adapters.a2a.adapter import A2AAdapter
from binex.adapters.a2a.settings import KEYS
from tests.a2a_server import AgentServer
from tests.adapters.a2a.talk import Talk

PAGE = (Path(__file__).parents[3] / "docs" / "a2a.md").read_text("utf-8")


def test_every_setting_has_a_row() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.M) == list(KEYS)


async def test_the_agent_of_the_page_greets(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = re.search(r'```python title="greeter.py"\n(.*?)^```', PAGE, re.M | re.S)
    assert found is not None
    file = tmp_path / "greeter.py"
    file.write_text(found[1].replace("8731", str(port)), "utf-8")
    greeter = subprocess.Popen([sys.executable, str(file)])
    try:
        talk = Talk(AgentServer(port=port), adapter=A2AAdapter())
        deadline = time.monotonic() + 30
        while (await talk.adapter.health(talk.server.uri)).latency_ms is None:
            assert time.monotonic() < deadline
            assert greeter.poll() is None
        assert await talk.say({"name": "Ada"}) == "Hello, Ada!"
    finally:
        greeter.terminate()
        greeter.wait(10)
