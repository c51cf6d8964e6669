"""Sends spans to a collector: OTLP over HTTP as protobuf, by OpenTelemetry's own exporter.

That reads OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS, _CERTIFICATE, _COMPRESSION, _TIMEOUT and the like, as it does for
everybody; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say whose spans they are.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from binex import __version__
from binex.errors import InputError, RunError
from binex.telemetry import conventions as names
from binex.telemetry.otlp_json import SCOPE, service_name
from binex.telemetry.span import Span, SpanKind

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

INSTALL: Final = "pip install 'binex[otel]'"
"""The way out where OpenTelemetry is missing."""
AT_ONCE: Final = 512
"""So many spans are sent with one request."""
_PATH: Final = "/v1/traces"
_LASTING: Final = (400, 413, 422)
"""What a collector answers to spans that it will never take."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def is_wanted_by_environment(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment names a collector that we can speak to, and does not turn traces off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "grpc":
        return False
    return any(environment.get(name) for name in _ENDPOINTS)


def is_installed() -> bool:
    """Whether what sends is there; nothing of it is loaded."""
    try:
        return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter.otlp.proto") is not None
    except (ImportError, ValueError):
        return False


def require_installed(what: str) -> None:
    """Raise InputError where OpenTelemetry is missing, which *what* needs."""
    if not is_installed():
        raise InputError(f"{what} needs OpenTelemetry, which is not installed", fix=INSTALL)


def endpoint_of(text: str) -> str:
    """The address for *text*, to which the path of OTLP is added where it has none.

    Raises:
        InputError: it is no address over HTTP.
    """
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise InputError(f"'{text:.120}' is not the address of a collector", fix="write http://HOST:4318")
    return text.rstrip("/") + _PATH if parts.path in ("", "/") and not parts.query else text


class RejectedError(RunError):
    """A collector does not want *count* spans of those that were sent, and never will; it has the others."""

    def __init__(self, message: str, *, fix: str | None = None, count: int = 0) -> None:
        super().__init__(message, fix=fix)
        self.count = count


class Collector:
    """Where spans go to. Loads OpenTelemetry when it is made."""

    def __init__(self, endpoint: str | None = None, *, timeout_s: float | None = None) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource

        self._session = _session()
        _silence_exporter()
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=timeout_s, session=self._session)
        self.address = _shown(str(getattr(self._exporter, "_endpoint", endpoint or "")))  # which it keeps to itself
        """Where that is, as it can be shown."""
        resource = Resource.create({})
        if str(resource.attributes.get(names.SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
            resource = resource.merge(Resource({names.SERVICE_NAME: service_name()}))
        self._resource: Resource = resource.merge(Resource({}, names.SCHEMA_URL))

    def send(self, spans: Sequence[Span]) -> None:
        """Send some spans, and wait until they have been taken.

        Raises:
            RejectedError: the collector does not want some of them, or all; to send them again would not help.
            RunError: they were not taken; the message says why.
        """
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._session.forget()
        try:
            result = self._exporter.export([_readable(span, self._resource) for span in spans])
        except OSError as error:
            raise RunError(f"the collector at {self.address} cannot be used: {error}") from error
        if result is not SpanExportResult.SUCCESS:
            message = f"the collector at {self.address} did not take {len(spans):,} spans: {self._session.failure}"
            if self._session.status in _LASTING:
                raise RejectedError(message, count=len(spans))
            raise RunError(message, fix=self._session.fix)
        rejected, why = self._session.rejected()
        if rejected:
            message = f"the collector at {self.address} rejected {rejected:,} of {len(spans):,} spans"
            raise RejectedError(f"{message}: {why or 'it does not say why'}", count=rejected)

    def close(self) -> None:
        """Give up what is being sent, and let go of connections."""
        with suppress(Exception):  # it is over either way
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


def _session() -> Any:
    """A session of requests that remembers what became of the last request: the exporter does not tell."""
    import requests

    class Session(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self.forget()

        def forget(self) -> None:
            self.failure = "no answer in time"
            self.fix: str | None = None
            self.status = 0
            self._last: requests.Response | None = None

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            try:
                self._last = super().send(request, **options)
            except requests.RequestException as error:
                self.failure, self.fix = _said(error), "see that a collector listens there, or name one: --endpoint URL"
                # Not an error that the exporter knows, so that it does not try again by itself for many seconds.
                raise ConnectionAbortedError(self.failure) from None
            status = self.status = self._last.status_code
            if status >= 400:
                self.failure = f"HTTP {status}: {self._last.reason}"
                if status in (401, 403):
                    self.fix = "give it a key: OTEL_EXPORTER_OTLP_HEADERS='authorization=…'"
                elif status in (404, 405):
                    self.fix = f"an OTLP/HTTP endpoint for traces usually ends with {_PATH}"
            return self._last

        def rejected(self) -> tuple[int, str]:
            """How many spans the collector has refused while it took the others, and why."""
            from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

            try:
                said = ExportTraceServiceResponse.FromString(self._last.content if self._last is not None else b"")
            except DecodeError:  # some answer with a text
                return 0, ""
            return int(said.partial_success.rejected_spans), str(said.partial_success.error_message)[:500]

    return Session()


def _said(error: Exception) -> str:
    """Why there was no answer, in a few words: what requests says has the whole stack of libraries in it."""
    text = str(error)
    for clue, words in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "there is no such host"),
        ("nodename nor servname", "there is no such host"),
        ("timed out", "no answer in time"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    ):
        if clue in text:
            return words
    return f"{type(error).__name__}: {text:.200}"


def _silence_exporter() -> None:
    """What the exporter logs is told by us, once."""
    for name in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.exporter.otlp.common.http"):
        logger = logging.getLogger(name)
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
            logger.propagate = False


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _readable(span: Span, resource: "Resource") -> "ReadableSpan":
    """A span as the exporter wants it."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
    from opentelemetry.trace import SpanKind as Kind

    def context(trace_id: str, span_id: str) -> SpanContext:
        return SpanContext(int(trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))

    failure = span.failure
    return ReadableSpan(
        name=span.name,
        context=context(span.trace_id, span.span_id),
        parent=context(span.trace_id, span.parent_id) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes,
        events=[Event(event.name, event.attributes, event.time_ns) for event in span.events],
        links=[Link(context(link.trace_id, link.span_id), link.attributes) for link in span.links],
        kind=Kind.CLIENT if span.kind is SpanKind.CLIENT else Kind.INTERNAL,
        status=Status(StatusCode.UNSET) if failure is None else Status(StatusCode.ERROR, failure),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(SCOPE, __version__, names.SCHEMA_URL),
    )
