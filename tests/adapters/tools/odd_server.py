"""An MCP server in plain Python that starts fast and can misbehave: ``python odd_server.py MODE``.

It leaves its process id as the name of a file in the folder `pids`, where there is one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MODE = sys.argv[1] if len(sys.argv) > 1 else "good"
WAITING: list[object] = []
TOOLS = ["echo", "environment", "pids", "meet", "hang", "die", "kill", "big", "image", "flood", "break", "refuse"]


def say(message: dict[str, object]) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(number: object, result: dict[str, object]) -> None:
    say({"id": number, "result": result})


def text(number: object, said: str) -> None:
    answer(number, {"content": [{"type": "text", "text": said}]})


def leave_pid(pid: int) -> None:
    if Path("pids").is_dir():
        Path("pids", str(pid)).touch()


def begin() -> None:
    leave_pid(os.getpid())
    match MODE:
        case "exits":
            print("cannot open config.toml", file=sys.stderr)
            sys.exit(3)
        case "garbage":
            print("<html>I am no MCP server</html>", flush=True)
            time.sleep(600)
        case "banner":
            print("Welcome to the odd server!", flush=True)
        case "silent":
            time.sleep(600)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            leave_pid(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
        case "noisy":
            flood()


def flood() -> None:
    for number in range(20_000):
        print(f"line {number} " + "x" * 200, file=sys.stderr)


def list_tools(number: object, cursor: str | None) -> None:
    if MODE == "mute":
        return
    if MODE == "toolless":
        say({"id": number, "error": {"code": -32601, "message": "Method not found"}})
        return
    page = int(cursor or 0)
    names = TOOLS if MODE != "paged" else [f"tool_{page * 10 + at}" for at in range(10)]
    tools = [{"name": name, "description": f"Does {name}.", "inputSchema": {"type": "object"}} for name in names]
    if MODE == "endless" or (MODE == "paged" and page < 2):
        answer(number, {"tools": tools, "nextCursor": str(page + 1)})
    else:
        answer(number, {"tools": tools})


def call(number: object, name: str, arguments: dict[str, object]) -> None:  # noqa: PLR0912 - a case for each tool
    match name:
        case "echo":
            text(number, json.dumps(arguments))
        case "environment":
            text(number, json.dumps(dict(os.environ)))
        case "pids":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            text(number, json.dumps([os.getpid(), child.pid]))
        case "meet":
            WAITING.append(number)
            if len(WAITING) == 2:
                for waiting in reversed(WAITING):
                    text(waiting, f"met as {waiting}")
        case "die":
            print("out of ink", file=sys.stderr, flush=True)
            os._exit(9)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "big":
            text(number, "ä" * 100_000)
        case "image":
            picture = {"type": "image", "mimeType": "image/png", "data": "aGVsbG8="}
            answer(number, {"content": [{"type": "text", "text": "a picture:"}, picture]})
        case "flood":
            flood()
            text(number, "flooded")
        case "break":
            answer(number, {"content": "not a list"})
        case "refuse":
            say({"id": number, "error": {"code": -32602, "message": "no such thing"}})


def main() -> None:
    begin()
    for line in sys.stdin:
        message = json.loads(line)
        number, parameters = message.get("id"), message.get("params") or {}
        match message.get("method"):
            case "initialize":
                about = {"name": "odd", "version": "1"}
                answer(
                    number,
                    {
                        "protocolVersion": parameters["protocolVersion"],
                        "capabilities": {"tools": {}},
                        "serverInfo": about,
                    },
                )
            case "tools/list":
                list_tools(number, parameters.get("cursor"))
            case "tools/call":
                call(number, parameters["name"], parameters.get("arguments") or {})
            case "notifications/cancelled":
                Path("cancelled").touch()
    while MODE == "stubborn":
        time.sleep(600)


main()
