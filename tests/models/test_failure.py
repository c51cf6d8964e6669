"""An error that was written as JSON is the same error when it is read, and nothing else is taken for one."""

import pytest

from binex.errors import AgentError, BudgetError, CheaperModelError, RemoteError, SchemaError, UnansweredError
from binex.models.failure import decode_failure, encode_failure, failure_in_words


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("gone", host="h", status=503, body="b", fix="wait", retry_after_ms=7),
        SchemaError("it does not fit", fix="loosen it"),
        CheaperModelError("too little", model="llm://mock/cheap"),
        UnansweredError("nobody answered"),
        AgentError("no", is_retryable=False),
    ],
)
def test_an_error_is_the_same_when_it_is_read(error: AgentError) -> None:
    found = decode_failure(encode_failure(error))
    assert type(found) is type(error)
    assert (found.args, vars(found)) == (error.args, vars(error))


@pytest.mark.parametrize("line", [b"", b'{"type":"text"}', b'{"error":1}', b'{"error":{}', b'{"error":{},"more":1}'])
def test_what_is_no_failure_is_not_taken_for_one(line: bytes) -> None:
    assert decode_failure(line) is None


def test_a_failure_with_nonsense_in_it_is_still_one() -> None:
    found = decode_failure(b'{"error":{"type":"RemoteError","status":"x","retryAfterMs":"y","fix":3}}')
    assert isinstance(found, RemoteError)
    assert (found.message, found.status, found.retry_after_ms, found.fix) == ("RemoteError", None, None, None)
    assert type(decode_failure(b'{"error":{"type":"SystemExit","message":"m"}}')) is AgentError


def test_a_class_of_somebody_else_is_kept_as_the_one_of_ours_that_it_is() -> None:
    class TheirError(RemoteError):
        pass

    found = decode_failure(encode_failure(TheirError("m", host="h", status=418)))
    assert type(found) is RemoteError and (found.status, found.host) == (418, "h")
    assert type(failure_in_words("BudgetError: no")) is BudgetError
    assert failure_in_words("something").message == "something"
