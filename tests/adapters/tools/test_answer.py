"""What a model is told of what tools answered."""

import pytest
from pydantic import JsonValue

from binex.adapters.tools.answer import cut, told_error, told_result


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "a\nb"),
        ({"content": [{"type": "text", "text": "1"}], "structuredContent": {"result": 1}}, "1"),
        ({"content": [], "structuredContent": {"hits": [1]}}, '{"hits":[1]}'),
        ({"content": []}, ""),
        ({"content": [{"type": "text", "text": "no"}], "isError": True}, "error: no"),
        ({"content": [], "isError": True}, "error: the tool failed and did not say why"),
        ({"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "t"}}]}, "t"),
        (
            {"content": [{"type": "resource", "resource": {"uri": "a:b", "blob": "aGk="}}]},
            '{"type":"resource","uri":"a:b","bytes":2}',
        ),
        (
            {"content": [{"type": "resource_link", "uri": "a:b", "name": "n", "annotations": {}}]},
            '{"type":"resource_link","uri":"a:b","name":"n"}',
        ),
        ({"content": [{"type": "audio", "data": "x" * 40_000}]}, '{"type":"audio","bytes":30000}'),
        ("error: no such thing", "error: no such thing"),
    ],
)
def test_a_result_is_told_as_text(result: JsonValue, told: str) -> None:
    assert told_result(result) == told


def test_an_error_is_told_briefly() -> None:
    assert len(told_error("x" * 10_000)) == len("error: ") + 2_000


def test_what_is_cut_stays_text_and_says_so() -> None:
    assert cut("äöü", 6) == "äöü"
    assert cut("äöü", 5) == "äö\n[cut: the first 5 of 6 bytes (limits.output_bytes)]"
