"""A recorder counts the calls of an attempt and keeps what is said in them, also where they break off."""

import asyncio
import json
import threading
from itertools import pairwise

import pytest

from binex.models.call import CallKind, Spend, Usage
from binex.tape.redaction import NOT_CUT, Redactor
from binex.tape.taping import AttemptRecorder
from tests.tape.conftest import Tape, pieces_of, words_of

SECRET = 'p4ss/w0rd+"quoted"&x'


def test_calls_are_numbered_as_they_begin_and_know_for_whom_they_are_made(tape: Tape) -> None:
    recorder = tape.recorder()
    with recorder.begin(CallKind.MODEL, "openai/small"):
        with recorder.begin(CallKind.HTTP, "POST http://host/"):
            pass
        recorder.begin(CallKind.HTTP, "GET http://host/").end()
    recorder.begin(CallKind.TOOL, "python://tools.add").end()
    assert [(call.number, call.parent) for call in tape.calls] == [(2, 1), (3, 1), (1, None), (4, None)]


def test_a_call_of_another_attempt_is_no_parent(tape: Tape) -> None:
    with tape.recorder().begin(CallKind.MODEL, "openai/small"):
        tape.recorder(task="other").begin(CallKind.HTTP, "GET http://host/").end()
    assert tape.calls[0].parent is None


async def test_calls_of_concurrent_tasks_keep_their_parents(tape: Tape) -> None:
    recorder = tape.recorder()

    async def call(n: int) -> None:
        with recorder.begin(CallKind.MODEL, f"model-{n}"):
            await asyncio.sleep(0)
            with recorder.begin(CallKind.HTTP, f"GET http://host/{n}"):
                await asyncio.sleep(0)

    await asyncio.gather(*(call(n) for n in range(20)))
    targets = {call.number: call.target for call in tape.calls}
    wires = [call for call in tape.calls if call.kind is CallKind.HTTP]
    assert all(targets[call.parent or 0] == f"model-{call.target.rpartition('/')[2]}" for call in wires)


def test_a_stream_keeps_its_chunks(tape: Tape) -> None:
    with tape.recorder().begin(CallKind.MODEL, "m", b"{}") as taping:
        taping.chunk(b"one ")
        taping.chunk(b"two")
        taping.respond(media_type="text/plain", status=200, headers=[("X-Served-By", "me")])
        taping.price(Usage(input_tokens=3, output_tokens=2), 0.5, "prices 1")
    call = tape.call
    assert pieces_of(tape.response, call.chunks) == [b"one ", b"two"]
    assert (call.status, call.response_headers, call.cost_usd, call.priced_by) == (
        200,
        (("X-Served-By", "me"),),
        0.5,
        "prices 1",
    )
    assert call.is_complete and call.response and call.response.media_type == "text/plain"


def test_an_exception_is_kept_with_what_came_in_until_then(tape: Tape) -> None:
    with pytest.raises(ValueError, match="broken"), tape.recorder().begin(CallKind.MODEL, "m") as taping:
        taping.chunk(b"half")
        raise ValueError("broken")
    assert (tape.response, tape.call.error, tape.call.is_complete) == (b"half", "ValueError: broken", False)


def test_what_is_open_when_the_attempt_ends_is_kept_and_what_ends_later_is_dropped(tape: Tape) -> None:
    recorder = tape.recorder()
    taping = recorder.begin(CallKind.HTTP, "GET http://host/")
    taping.chunk(b"half")
    recorder.close()
    taping.chunk(b" and more")
    taping.end()
    recorder.begin(CallKind.HTTP, "GET http://host/late").end()
    assert (tape.response, tape.call.error, tape.call.is_complete) == (b"half", "the attempt ended first", False)


def test_only_the_first_end_counts(tape: Tape) -> None:
    taping = tape.recorder().begin(CallKind.HTTP, "GET http://host/")
    taping.end()
    taping.fail("too late")
    taping.respond(b"too late")
    assert tape.call.is_complete and tape.call.error is None and tape.response == b""


def test_threads_may_share_a_recorder(tape: Tape) -> None:
    recorder = tape.recorder()

    def work() -> None:
        for _ in range(50):
            with recorder.begin(CallKind.MODEL, "m", b"{}") as taping:
                taping.chunk(b"x")
                taping.price(Usage(input_tokens=1), 1.0, "p")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(call.number for call in tape.calls) == list(range(1, 401))
    assert recorder.spend == Spend(cost_usd=400, model_calls=400, input_tokens=400)


def test_only_models_are_spent_on(tape: Tape) -> None:
    recorder = tape.recorder()
    recorder.begin(CallKind.HTTP, "GET http://host/").end()
    assert recorder.spend is None
    recorder.begin(CallKind.MODEL, "m").end()
    assert recorder.spend == Spend(model_calls=1, unpriced_calls=1)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_of_a_body_beyond_the_limit_only_the_size_is_known(tape: Tape, is_streamed: bool) -> None:
    with tape.recorder(body_bytes=1000).begin(CallKind.HTTP, "GET http://host/") as taping:
        if is_streamed:
            for _ in range(100):
                taping.chunk(b"x" * 300)
        else:
            taping.respond(b"x" * 30_000)
    call = tape.call
    assert tape.response == b"x" * 1000 and not call.is_complete and call.error is None
    assert sum(chunk.size for chunk in call.chunks) == 30_000 and len(call.chunks) <= 4


def test_a_hundred_turns_of_a_conversation_cost_linear_space(tape: Tape) -> None:
    recorder = tape.recorder()
    messages: list[dict[str, str]] = [{"role": "system", "content": "be brief " * 200}]
    tools = [
        {"type": "function", "function": {"name": f"tool-{n}", "description": "does this " * 20}} for n in range(5)
    ]
    sizes: list[int] = []
    bodies: list[bytes] = []
    for turn in range(100):
        messages.append({"role": "user", "content": f"question {turn} " * 40})
        bodies.append(json.dumps({"model": "m", "messages": messages, "tools": tools, "seed": 1}).encode())
        recorder.begin(CallKind.MODEL, "m", bodies[-1]).end()
        messages.append({"role": "assistant", "content": f"answer {turn} " * 40})
        sizes.append(sum(len(part.data) + 200 for part in tape.handed_over))
    assert [tape.read(call.request) for call in tape.calls] == bodies
    growth = [after - before for before, after in pairwise(sizes)]
    assert max(growth) - min(growth) < 200, "each turn costs the same"
    assert sizes[-1] < sum(map(len, bodies)) / 10
    assert len(tape.handed_over) == len(tape.parts), "no part is handed over twice"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [1, 2, {"b": 1}, {"c": [] }], "b": [], "c": {} , "d": "x' + b"x" * 500 + b'"}',
        b'{"a": [{"x": "' + b"y" * 300 + b'"} , {"x": "' + b"z" * 300 + b'"}]}',
        '{"messages": [{"x": "äöü€😀'.encode() + b"y" * 300 + '"}, {"ü": "😀"}]}'.encode(),
        b'{"a": [{"x": "' + b"y" * 300 + b'"}, {"x": tru',
        b'{"a": NaN, "a": [{"x": "' + b"y" * 300 + b'"}]} and more',
        b'{"a": [' + b"[" * 5000,
        b"{" + b"\xff" * 400,
        b"{}" + b" " * 400,
        b'{"a"' + b" " * 400,
        b"",
    ],
)
def test_bodies_stay_exactly_what_they_were(tape: Tape, body: bytes) -> None:
    tape.recorder().begin(CallKind.HTTP, "POST http://host/", body).end()
    assert tape.request == body and tape.call.request and tape.call.request.size == len(body)


CANARIES = [SECRET, "canary-0123456789", "kanarienvögel-😀"]


@pytest.mark.parametrize("secret", CANARIES)
def test_no_secret_leaves_the_recorder(tape: Tape, secret: str) -> None:
    from tests.tape.test_redaction import forms

    recorder = tape.recorder(secret)
    for form in forms(secret):
        taping = recorder.begin(
            CallKind.HTTP,
            f"GET http://host/{form}?q={form}",
            f"before {form} after".encode(),
            headers=[("X-Sent", form)],
        )
        for n in range(0, len(form), 3):
            taping.chunk(form[n : n + 3].encode())
        taping.respond(status=200, headers=[("X-Said", form)])
        taping.fail(f"refused {form}")
    left = tape.everything()
    for form in forms(secret):
        assert form.encode() not in left
        assert json.dumps(form)[1:-1].encode() not in left
    assert all(sum(chunk.size for chunk in c.chunks) == (c.response.size if c.response else 0) for c in tape.calls)


def test_what_goes_under_a_secrets_name_is_cut_although_nobody_knows_it(tape: Tape) -> None:
    taping = tape.recorder().begin(
        CallKind.HTTP,
        "POST https://me:hidden1@host/v1?api_key=hidden2&page=3&X-Amz-Signature=hidden3&key=hidden4",
        b'{"api_key": "hidden5", "arguments": "{\\"client_secret\\": \\"hidden6\\"}", "max_tokens": 3,'
        b' "password": "hidden7"}',
        headers=[
            ("Authorization", "hidden8"),
            ("x-goog-api-key", "hidden9"),
            ("Cookie", "hidden10"),
            ("X-My-Token", "hidden11"),
            ("X-RateLimit-Remaining-Tokens", "77"),
        ],
    )
    taping.respond(
        b"see https://host/?access_token=hidden12&page=4 and token=abc",
        headers=[("Set-Cookie", "hidden13"), ("Location", "/next?sig=hidden14&page=5")],
    )
    taping.end()
    left = tape.everything()
    assert b"hidden" not in left
    for kept in (b"page=3", b"page=4", b"page=5", b'"77"', b'"max_tokens": 3'):
        assert kept in left


def test_a_form_is_cut_by_its_names(tape: Tape) -> None:
    body = b"grant_type=client_credentials&client_secret=hidden&scope=all"
    taping = tape.recorder().begin(
        CallKind.HTTP, "POST http://h/", body, media_type="application/x-www-form-urlencoded; charset=utf-8"
    )
    taping.end()
    assert tape.request == b"grant_type=client_credentials&client_secret=[redacted]&scope=all"


def test_a_secret_that_is_said_word_by_word_is_cut(tape: Tape) -> None:
    said = ["the key is sk-", "proj-Ab3d", "Ef6hIjAb", "3dEf6hIj", " and the word is cana", "ry-0123", "456789", "!"]
    events = [
        b'data: {"id": "chat-%d", "choices": 1, "delta": {"content": %b}}\n\n' % (n % 2, json.dumps(word).encode())
        for n, word in enumerate(said)
    ]
    taping = tape.recorder("canary-0123456789").begin(CallKind.MODEL, "m")
    for event in events:
        taping.chunk(event)
    taping.respond(media_type="text/event-stream")
    taping.end()
    assert words_of(tape.response) == "the key is [redacted] and the word is [redacted]!"
    assert [piece.endswith(b"\n\n") for piece in pieces_of(tape.response, tape.call.chunks)] == [True] * len(said)


def test_a_long_stream_with_one_secret_in_it_is_cut(tape: Tape) -> None:
    events = [b'data: {"id":"chat-1","object":"chunk","delta":{"content":"word %d"}}\n\n' % n for n in range(2000)]
    events[700] = events[700].replace(b"word", b"canary-0123456789")
    taping = tape.recorder("canary-0123456789").begin(CallKind.MODEL, "m")
    for event in events:
        taping.chunk(event)
    taping.end()
    assert tape.response == b"".join(events).replace(b"canary-0123456789", b"[redacted]")
    assert len(pieces_of(tape.response, tape.call.chunks)) == 2000


def test_a_secret_said_in_pieces_is_cut_also_where_some_events_say_nothing(tape: Tape) -> None:
    said = ["null", '"canary"'] * 500 + ["null", '"-0123"', "null", '"456789"']
    taping = tape.recorder("canary-0123456789").begin(CallKind.MODEL, "m")
    for text in said:
        taping.chunk(b'data: {"object":"chat.completion.chunk","delta":{"content":%b}}\n\n' % text.encode())
    taping.end()
    assert len(pieces_of(tape.response, tape.call.chunks)) == len(said)
    spoken = b"".join(part[: part.find(b'"')] for part in tape.response.split(b'"content":"')[1:])
    assert spoken == b"canary" * 499 + b"[redacted]"


def test_what_becomes_known_during_an_attempt_is_cut_from_then_on(tape: Tape) -> None:
    redactor = Redactor(())
    recorder = AttemptRecorder("run", "task", 1, sink=tape.take, redactor=redactor)
    taping = recorder.begin(CallKind.HTTP, "GET http://host/", b"a late canary-0123456789")
    redactor.add(["canary-0123456789"])
    taping.end()
    assert tape.request == b"a late [redacted]"


def test_what_cannot_be_cut_is_dropped(tape: Tape) -> None:
    class Broken(Redactor):
        def redact_text(self, text: str, *, shapes: bool) -> str:
            raise RuntimeError("no")

        def redact_bytes(self, data: bytes, *, shapes: bool = False, shorter: bytes | None = None) -> bytes:
            raise RuntimeError("no")

    recorder = AttemptRecorder("run", "task", 1, sink=tape.take, redactor=Broken(["canary"]))
    taping = recorder.begin(CallKind.HTTP, "GET http://canary/", b"canary", headers=[("X", "canary")])
    for _ in range(3):
        taping.chunk(b"canary")
    taping.fail("canary")
    assert b"canary" not in tape.everything()
    assert tape.call.target == tape.call.error == NOT_CUT
    assert tape.request == tape.response == json.dumps(NOT_CUT).encode()
