"""While only the tape may answer, no code of a task reaches the network, whatever way it takes."""

import asyncio
import contextlib
import ftplib
import http.client
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import binex
from binex.errors import OfflineError, ReplayError
from binex.models.call import CallKind
from binex.tape.player import Player
from binex.tape.recorder import recording
from binex.tape.refusal import needing_network, refusing_network, watch_network
from tests.servers import LoopbackServer, serving
from tests.tape.conftest import Tape


@contextlib.contextmanager
def playing() -> Iterator[list[str]]:
    """An attempt without a single call on its tape; gives what was refused, when it is over."""
    refused: list[str] = []
    with Tape().recording(player=Player([], lambda _: b"")) as recorder:
        yield refused
    refused += recorder.refused


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 5).close()


def connect_ex(port: int) -> None:
    with socket.socket() as opened:
        opened.connect_ex(("127.0.0.1", port))


def connect_v6(port: int) -> None:
    with socket.socket(socket.AF_INET6) as opened:
        opened.connect(("::1", port, 0, 0))


def send_to(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as opened:
        opened.sendto(b"hi", ("127.0.0.1", port))


def send_message(port: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as opened:
        opened.sendmsg([b"hi"], [], 0, ("127.0.0.1", port))


def http_client(port: int) -> None:
    http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/json")


def https(port: int) -> None:
    http.client.HTTPSConnection("127.0.0.1", port, timeout=5).request("GET", "/json")


def with_ssl(port: int) -> None:
    with ssl.create_default_context().wrap_socket(socket.socket(), server_hostname="127.0.0.1") as opened:
        opened.connect(("127.0.0.1", port))


def urlopen(port: int) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/json?n=1", timeout=5).read()


def ftp(port: int) -> None:
    ftplib.FTP().connect("127.0.0.1", port, 5)


def smtp(port: int) -> None:
    smtplib.SMTP("127.0.0.1", port, timeout=5)


@pytest.mark.parametrize(
    "reach",
    [
        connect,
        connect_ex,
        connect_v6,
        send_to,
        send_message,
        http_client,
        https,
        with_ssl,
        urlopen,
        ftp,
        smtp,
        lambda port: socket.getaddrinfo("localhost", port),
        lambda port: socket.create_connection(("localhost", port), 5),
    ],
)
def test_whatever_reaches_out_is_refused_by_name(server: LoopbackServer, reach: Callable[[int], object]) -> None:
    with playing() as refused, pytest.raises(ReplayError, match="task 'task' tried to reach") as caught:
        reach(server.port)
    assert str(server.port) in caught.value.message and caught.value.fix
    assert len(refused) == 1 and refused[0] in caught.value.message
    assert not server.asked


@pytest.mark.parametrize(
    "ask",
    [
        socket.gethostbyname,
        socket.gethostbyname_ex,
        socket.gethostbyaddr,
        lambda name: socket.getnameinfo((name, 1), 0),
    ],
)
def test_names_are_not_looked_up(ask: Callable[[str], object]) -> None:
    with playing(), pytest.raises(ReplayError, match=r"tried to reach localhost(:1)? \(socket.get"):
        ask("localhost")


def test_what_is_asked_for_is_named_as_far_as_it_is_known(server: LoopbackServer) -> None:
    with playing() as refused, pytest.raises(ReplayError):
        urlopen(server.port)
    with playing() as refused_v6, pytest.raises(ReplayError):
        connect_v6(server.port)
    assert refused == [f"task 'task' tried to reach GET {server.url}/json?n=1 (urllib.Request)"]
    assert refused_v6 == [f"task 'task' tried to reach [::1]:{server.port} (socket.connect)"]


def test_no_secret_is_in_what_is_remembered() -> None:
    def reach() -> None:
        urllib.request.urlopen("http://127.0.0.1:1/?api_key=hunter2hunter2&q=tides")

    heard: list[str] = []
    with playing() as refused, pytest.raises(ReplayError) as caught:
        reach()
    with refusing_network(heard.append):
        in_thread(reach)
    for said in (caught.value.message, *refused, *heard):
        assert "hunter2" not in said and "tides" in said
    assert refused and heard


@pytest.mark.parametrize(
    "reach",
    [
        lambda port: asyncio.open_connection("127.0.0.1", port),
        lambda port: asyncio.open_connection("localhost", port),
        lambda port: asyncio.get_running_loop().getaddrinfo("localhost", port),
        lambda port: asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
        ),
        lambda port: asyncio.to_thread(connect, port),
        lambda port: asyncio.create_task(asyncio.to_thread(urlopen, port)),
    ],
)
async def test_what_reaches_out_on_a_loop_is_refused(
    server: LoopbackServer, reach: Callable[[int], Awaitable[object]]
) -> None:
    with playing() as refused, pytest.raises(ReplayError, match=f"task 'task' tried to reach .*{server.port}"):
        await reach(server.port)
    assert len(refused) == 1 and not server.asked


def test_a_connection_that_was_kept_is_refused_too(server: LoopbackServer) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    kept.request("GET", "/json")
    kept.getresponse().read()
    with playing(), pytest.raises(ReplayError, match=r"127.0.0.1:\d+ \(http.client.send\)"):
        kept.request("GET", "/json")
    kept.close()
    assert len(server.asked) == 1


def test_a_refusal_that_was_swallowed_is_still_known(server: LoopbackServer) -> None:
    with playing() as refused:
        for _ in range(3):
            with contextlib.suppress(Exception):
                connect(server.port)
        with contextlib.suppress(Exception):
            urlopen(server.port)
    assert [what.rpartition(" ")[2] for what in refused] == ["(socket.connect)", "(urllib.Request)"]


def test_what_stays_on_this_machine_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("said")
    with playing() as refused:
        one, other = socket.socketpair()
        with one, other, socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as calling:
            one.sendall(b"hi")
            listening.bind(str(tmp_path / "s"))
            listening.listen()
            calling.connect(str(tmp_path / "s"))
        with socket.create_server(("127.0.0.1", 0)):
            pass
        assert socket.getaddrinfo("127.0.0.1", 80) and socket.getaddrinfo(None, 80) and socket.getaddrinfo("::1", 80)
        assert urllib.request.urlopen((tmp_path / "file").as_uri()).read() == b"said"
        assert asyncio.run(asyncio.sleep(0, "a loop of its own")) == "a loop of its own"
        subprocess.run([sys.executable, "-c", ""], check=True)
    assert refused == []


def test_others_are_left_alone_meanwhile(server: LoopbackServer) -> None:
    with playing():
        with recording(Tape().recorder()):
            connect(server.port)
        with recording(None):
            connect(server.port)
    connect(server.port)


async def test_attempts_side_by_side_are_told_apart(server: LoopbackServer) -> None:
    async def replayed() -> str:
        with playing(), pytest.raises(ReplayError) as caught:
            await asyncio.sleep(0.01)
            await asyncio.open_connection("127.0.0.1", server.port)
        return caught.value.message

    async def live() -> None:
        with Tape().recording():
            for _ in range(5):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.close()
                await writer.wait_closed()
                await asyncio.sleep(0.005)

    said, _ = await asyncio.gather(replayed(), live())
    assert "task 'task'" in said


def test_a_player_that_leaves_calls_to_the_outside_refuses_nothing(tape: Tape, server: LoopbackServer) -> None:
    import httpx

    class Nobody:
        def answer(self, *_: object) -> None: ...

    with tape.recording(player=Nobody()) as recorder:
        assert httpx.get(f"{server.url}/json").status_code == 200
    assert recorder.refused == () and tape.call.status == 200


def test_values_and_answers_of_people_that_are_left_to_the_outside_open_no_network(server: LoopbackServer) -> None:
    class Offline:
        def answer(self, kind: CallKind, *_: object) -> None:
            if kind not in (CallKind.VALUE, CallKind.HUMAN):
                raise OfflineError("not known")

    with Tape().recording(player=Offline()) as recorder:
        assert 0 <= binex.random() < 1
        assert recorder.answer(CallKind.HUMAN, "human://gate") is None
        with pytest.raises(ReplayError, match="the network is refused"):
            connect(server.port)
    assert len(recorder.refused) == 1


def in_thread(work: Callable[[], object]) -> str:
    """What a thread without any context met: the text of its error."""
    met: list[str] = []

    def run() -> None:
        try:
            work()
        except ReplayError as error:
            met.append(error.message)

    thread = threading.Thread(target=run, name="somebody")
    thread.start()
    thread.join()
    return "".join(met)


def test_threads_of_the_users_code_are_refused_while_a_run_is_hermetic(server: LoopbackServer) -> None:
    heard: list[str] = []

    def reach() -> None:
        connect(server.port)

    assert in_thread(reach) == ""
    with refusing_network(heard.append):
        assert "thread 'somebody' tried to reach 127.0.0.1" in in_thread(reach)
        with refusing_network():
            assert in_thread(reach)
        assert in_thread(reach)
        with needing_network():
            assert in_thread(reach) == ""
        assert in_thread(lambda: asyncio.run(asyncio.sleep(0))) == ""
    assert in_thread(reach) == ""
    assert heard == [f"thread 'somebody' tried to reach 127.0.0.1:{server.port} (socket.connect)"] * 3


def test_without_hooks_a_library_is_refused_rather_than_let_through() -> None:
    with serving() as server:
        program = f"""
import sys, warnings
import binex
from binex.errors import OfflineError, ReplayError
from binex.models.call import CallKind
from binex.tape.player import Player
from binex.tape.recorder import recording
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
import httpx, requests, urllib.request
player = Player([], lambda body: b"")
recorder = AttemptRecorder("run", "task", 1, sink=lambda *_: None, redactor=Redactor(()), player=player)
for get in (httpx.get, requests.get):
    with recording(recorder):
        try:
            get({server.url!r} + "/json", timeout=5)
        except ReplayError as error:
            print(error.message)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        assert not server.asked
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert all("the network is refused: task 'task' tried to reach 127.0.0.1:" in line for line in lines)


def test_watching_costs_next_to_nothing() -> None:
    watch_network()
    watch_network()
    count = 100_000
    started = time.perf_counter()
    for _ in range(count):
        sys.audit("binex.test", 1)
    each = (time.perf_counter() - started) / count
    assert each < 2e-6, "it takes a tenth of that"
