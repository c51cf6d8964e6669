"""A model on loopback that says the time: python -m benchmarks.page.models WORDS PAUSE_S, until its stdin is closed."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.venvs import REPOSITORY


@contextmanager
def speaking_server(words: int, pause_s: float) -> Iterator[str]:
    """The address of one in a process of its own; each of its *words* is the time at which it was sent."""
    command = [sys.executable, "-m", "benchmarks.page.models", str(words), str(pause_s)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.stdin.close()


class Speaker(BaseHTTPRequestHandler):
    """Answers in the protocol of OpenAI's chat completions."""

    words = 1
    pause_s = 0.0

    def do_POST(self) -> None:
        """Say the time again and again."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._tell({"role": "assistant", "content": ""}, None)
        for _ in range(self.words):
            time.sleep(self.pause_s)
            self._tell({"content": f"<{time.time() * 1000:.3f}> "}, None)
        self._tell({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _tell(self, delta: dict[str, str], finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()


def main(words: int, pause_s: float) -> None:
    """Serve, and say on which port."""
    Speaker.words, Speaker.pause_s = words, pause_s
    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
