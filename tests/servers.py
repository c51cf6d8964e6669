"""A real server on the loopback interface that answers as the path says, well or badly.

================  =====================================================================================
``/json``         a JSON object with what was asked: method, path, headers, body
``/echo``         the body that was sent
``/stream``       five server-sent events, each in a chunk of its own, and ``[DONE]``
``/stream/N``     N events
``/chat``         a chat completion, streamed where the body asks for it
``/gzip``         a JSON object, compressed
``/429``          429 with ``Retry-After: 7``
``/500`` …        that status with a JSON error
``/html``         200 with a web page
``/redirect``     a redirect to ``/json``
``/reset``        the connection is reset before an answer
``/hang``         no answer until the server is closed
``/drip``         a byte every 50 ms, without an end
``/half``         half of a body whose length was said, then the end of the connection
``/half-stream``  two events of a stream, then the end of the connection
``/endless``      a stream without an end, as fast as it is read
================  =====================================================================================
"""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class LoopbackServer:
    """What was asked, in order; ``replies`` holds bodies for further paths, sent as JSON."""

    asked: list[Asked] = field(default_factory=list)
    replies: dict[str, bytes] = field(default_factory=dict)
    port: int = 0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = True
    request_queue_size = 128

    def __init__(self, said: LoopbackServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = said
        self.connections: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self._read_body()
        self.server.said.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
        path = self.path.partition("?")[0]
        if path in self.server.said.replies:
            return self._send(self.server.said.replies[path])
        name = path.strip("/").split("/")[0].replace("-", "_")
        if name.isdigit():
            return self._send_status(int(name))
        behave: Callable[[bytes], None] | None = getattr(self, f"_do_{name}", None)
        return behave(body) if behave else self._send_status(404)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(self, data: bytes, status: int = 200, media_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    def _send_status(self, status: int) -> None:
        error = json.dumps({"error": {"message": f"this is a {status}", "type": "scripted"}}).encode()
        self._send(error, status, **({"Retry_After": "7"} if status == 429 else {}))

    def _begin_stream(self, media_type: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _do_json(self, body: bytes) -> None:
        asked = {"method": self.command, "path": self.path, "headers": dict(self.headers.items())}
        self._send(json.dumps({**asked, "body": body.decode("utf-8", "replace")}).encode())

    def _do_echo(self, body: bytes) -> None:
        self._send(body, media_type=self.headers.get("Content-Type", "application/octet-stream"))

    def _do_stream(self, body: bytes) -> None:
        self._begin_stream()
        last = self.path.rpartition("/")[2]
        for n in range(int(last) if last.isdigit() else 5):
            self._chunk(event({"n": n, "delta": {"content": f"word {n} "}}))
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _do_chat(self, body: bytes) -> None:
        asked = json.loads(body)
        common = {"id": "chat-1", "created": 1, "model": asked["model"]}
        words = [f"{word} " for word in str(asked["messages"][-1]["content"]).split()]
        if not asked.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(words)}}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            return self._send(
                json.dumps({**common, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            )
        self._begin_stream()
        for word in words:
            choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
            self._chunk(event({**common, "object": "chat.completion.chunk", "choices": [choice]}))
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _do_gzip(self, body: bytes) -> None:
        self._send(gzip.compress(b'{"is_compressed": true}' * 20), Content_Encoding="gzip")

    def _do_html(self, body: bytes) -> None:
        self._send(b"<html><body>Please log in</body></html>", media_type="text/html")

    def _do_redirect(self, body: bytes) -> None:
        self._send(b"", 302, Location="/json")

    def _do_reset(self, body: bytes) -> None:
        self._reset()

    def _do_hang(self, body: bytes) -> None:
        self.server.said.closing.wait(60)
        self.close_connection = True

    def _do_drip(self, body: bytes) -> None:
        self._begin_stream("text/plain")
        while not self.server.said.closing.wait(0.05):
            self._chunk(b".")

    def _do_half(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"half": "' + b"x" * 40)
        self._hang_up()

    def _do_half_stream(self, body: bytes) -> None:
        self._begin_stream()
        for n in range(2):
            self._chunk(event({"n": n}))
        self._hang_up()

    def _hang_up(self) -> None:
        """No reset: that could overtake what was sent."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.close_connection = True

    def _do_endless(self, body: bytes) -> None:
        self._begin_stream()
        while not self.server.said.closing.is_set():
            self._chunk(event({"text": "x" * 10_000}))


def event(value: object) -> bytes:
    """A server-sent event."""
    return b"data: %b\n\n" % json.dumps(value).encode()


@contextmanager
def serving(**replies: bytes) -> Iterator[LoopbackServer]:
    """A server that is there while the block runs; *replies* by name of the path, as in ``hello=b"{}"``."""
    said = LoopbackServer(replies={f"/{name}": body for name, body in replies.items()})
    server = _Server(said)
    said.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield said
    finally:
        said.closing.set()
        server.shutdown()
        for connection in list(server.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()
