"""An agent as a project would have one: a program with a port; how it behaves is said by its mode.

==============  ====================================================================
``good``        a real A2A agent, which greets
``card``        shows a card and nothing else
``dies``        ends with exit code 3 as soon as it was asked for its card
``never``       ends with exit code 4 at once
``silent``      accepts connections and never answers
``hostile``     prints what a terminal should not get, then behaves like ``card``
``floods``      prints lines without an end, beside its card
``stubborn``    ignores every signal that can be ignored, and so does a child of it in a session of its own
==============  ====================================================================
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", required=True)
    parser.add_argument("--pids", type=Path)
    given = parser.parse_args()
    if given.mode == "stubborn":
        _ignore_signals()
        _leave_child(given.pids)
    if given.pids is not None:
        _note(given.pids)
    if given.mode == "never":
        sys.exit(4)
    if given.mode == "silent":
        with socket.create_server(("127.0.0.1", given.port)):
            time.sleep(600)
    if given.mode == "hostile":
        sys.stdout.buffer.write(b"\x1b]0;owned\x07\x1b[2J red\r\n\xff\xfe bytes\n" + b"x" * 10_000 + b"\n")
        sys.stdout.flush()
    if given.mode == "floods":
        threading.Thread(target=_flood, daemon=True).start()
    if given.mode == "good":
        _serve_agent(given.port)
    else:
        _serve_card(given.port, dies=given.mode == "dies")


def _serve_card(port: int, *, dies: bool) -> None:
    interface = {"url": f"http://127.0.0.1:{port}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    card = {"name": "Carded", "version": "1", "capabilities": {}, "skills": [], "supportedInterfaces": [interface]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(card).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            if dies:
                self.wfile.flush()
                os._exit(3)

        def log_message(self, *_: object) -> None:
            pass

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _serve_agent(port: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    import uvicorn

    from tests.a2a_server import AgentServer

    server = AgentServer()
    server.port = port
    config = uvicorn.Config(server.app(), port=port, log_level="critical", lifespan="off", ws="none")
    asyncio.run(uvicorn.Server(config).serve())


def _flood() -> None:
    while True:
        sys.stdout.write("y\n" * 10_000)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _leave_child(pids: Path) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        _note(pids)
        time.sleep(600)
        os._exit(0)


def _note(pids: Path) -> None:
    with pids.open("a") as file:
        file.write(f"{os.getpid()}\n")


if __name__ == "__main__":
    main()
