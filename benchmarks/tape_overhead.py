"""What the tape adds to httpx: the same calls to the same server, bare and taped in turn; figures as JSON into a file.

python tape_overhead.py FILE [--calls 400] [--streams 20]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from binex.tape.hooks import install_hooks
from binex.tape.recorder import recording
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder

CHUNKS = 1000
SECRETS = ("a-value-of-the-environment", "another-value-of-it")
REQUEST = json.dumps(
    {
        "model": "small",
        "messages": [
            {"role": "system", "content": "You answer in one sentence, with no more words than are needed."},
            {"role": "user", "content": "What is the difference between a process and a thread? " * 5},
        ],
        "max_tokens": 200,
        "temperature": 0.2,
    }
).encode()


def main(file: Path, calls: int, streams: int) -> None:
    """Measure, and write the figures into *file*."""
    install_hooks()
    with _serving() as url, httpx.Client(base_url=url) as client:

        def call() -> None:
            client.post("/json", content=REQUEST, headers={"Content-Type": "application/json"}).raise_for_status()

        def stream() -> None:
            with client.stream("POST", "/stream", content=REQUEST) as response:
                for _ in response.iter_bytes():
                    pass

        bare_call, taped_call = _in_turn(call, calls)
        bare_stream, taped_stream = _in_turn(stream, streams)
    figures = {
        "bare_call_ms": bare_call * 1e3,
        "call_ms": (taped_call - bare_call) * 1e3,
        "bare_chunk_us": bare_stream / CHUNKS * 1e6,
        "chunk_us": (taped_stream - bare_stream) / CHUNKS * 1e6,
    }
    file.write_text(json.dumps(figures))


def _in_turn(work: Callable[[], None], times: int) -> tuple[float, float]:
    """The medians of *work* without a tape and with one."""
    redactor = Redactor(SECRETS)
    bare: list[float] = []
    taped: list[float] = []
    for _ in range(times):
        bare.append(_seconds(work))
        recorder = AttemptRecorder("run", "task", 1, sink=lambda _call, _parts: None, redactor=redactor)
        with recording(recorder):
            taped.append(_seconds(work))
        recorder.close()
    return statistics.median(bare), statistics.median(taped)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _serving() -> Iterator[str]:
    """The address of a server in a process of its own."""
    script = Path(__file__).with_name("tape_server.py")
    command = [sys.executable, str(script), str(CHUNKS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.stdin.close()  # which ends it


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--streams", type=int, default=20)
    options = parser.parse_args()
    main(options.file, options.calls, options.streams)
