"""A real OTLP receiver on the loopback interface: takes spans as protobuf over HTTP, and remembers them."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """What came in, and how it is answered."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the next answers; then 200."""
    rejects: int = 0
    """How many spans the answer says were rejected."""
    holding: threading.Event = field(default_factory=threading.Event)
    """While it is not set, nothing is answered."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def by_name(self) -> dict[str, Span]:
        return {span.name: span for span in self.spans}


def value_of(value: AnyValue) -> Any:
    """A value as Python has it."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)


def attributes_of(holder: Any) -> dict[str, Any]:
    """The attributes of a span, an event, a link or a resource."""
    return {pair.key: value_of(pair.value) for pair in holder.attributes}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        said = self.server.said
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said.holding.wait(30)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        said.headers.append(dict(self.headers.items()))
        said.paths.append(self.path)
        status = said.statuses.pop(0) if said.statuses else 200
        answer = ExportTraceServiceResponse()
        if status == 200:
            said.requests.append(ExportTraceServiceRequest.FromString(body))
            if said.rejects:
                answer.partial_success.rejected_spans = said.rejects
                answer.partial_success.error_message = "too old"
        data = answer.SerializeToString()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # it was too slow for who asked

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, said: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.said = said


@contextmanager
def receiving(*, is_holding: bool = False) -> Iterator[Receiver]:
    """A receiver that is there while the block runs; with *is_holding* it answers nothing until it is let go."""
    said = Receiver()
    if not is_holding:
        said.holding.set()
    server = _Server(said)
    said.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield said
    finally:
        said.holding.set()
        server.shutdown()
        server.server_close()
        thread.join()
