"""Finding sentences in texts."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.analysis.lineage.passages import Likeness, Text, sentences_of, texts_in

WORDS = ["amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heron", "ivory", "jade", "kelp", "lotus"]
QUOTES = "\"'\u201d\u2019)]"


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 euros. Really", ["It costs 3.50 euros.", "Really"]),
        ("- a line\n- another\n\n  last  ", ["- a line", "- another", "last"]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        ("蜜蜂跳舞。黄蜂筑巢。", ["蜜蜂跳舞。", "黄蜂筑巢。"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_they_end(text: str, expected: list[str]) -> None:
    assert [sentence.rstrip("”") for sentence in sentences(text)] == [one.rstrip("”") for one in expected]


@given(st.text(max_size=200))
def test_sentences_lose_nothing_but_blanks_and_quotes(text: str) -> None:
    said = "".join("".join(sentences(text)).split())
    left = "".join(text.split())
    for mark in QUOTES:
        said, left = said.replace(mark, ""), left.replace(mark, "")
    assert said == left


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.text(max_size=50), st.text(max_size=50))
def test_what_stands_in_a_text_is_found_there(words: list[str], before: str, after: str) -> None:
    sentence = " ".join(words)
    text = f"{before} {sentence}. {after}"
    found = Text(text).find(sentence)
    assert found is not None
    assert (text[found.passage.start : found.passage.end], found.likeness) == (sentence, Likeness.EXACT)


@pytest.mark.parametrize(
    ("sentence", "text", "likeness"),
    [
        ("The dance was decoded in 1927.", "x. the DANCE was\n decoded, in 1927! y", Likeness.NEARLY),
        ("The old queen leaves the hive with half of the workers.",
         "In May the queen leaves her hive with nearly half of the workers.", Likeness.REWRITTEN),
        ("蜜蜂会跳舞", "我们知道蜜蜂会跳舞。", Likeness.EXACT),
        ("🐝", "a 🐝 b", Likeness.EXACT),
    ],
)  # fmt: skip
def test_it_says_how_alike_they_are(sentence: str, text: str, likeness: Likeness) -> None:
    found = Text(text).find(sentence)
    assert found is not None and found.likeness is likeness


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        ("The moon is made of green cheese.", "The report is made of the notes of the hive."),
        ("cat", "concatenate"),
        ("yes it", "it is as it is, yes"),
        ("", "anything"),
        ("...", "no dots here"),
    ],
)
def test_what_only_sounds_a_little_alike_is_not_found(sentence: str, text: str) -> None:
    assert Text(text).find(sentence) is None


def test_a_rewritten_sentence_is_found_in_a_long_text() -> None:
    chance = random.Random(1)
    noise = " ".join(chance.choice(WORDS) for _ in range(200_000))
    text = f"{noise[:700_000]} A worker bee flies about eight hundred kilometres in its life. {noise[700_000:]}"
    found = Text(text).find("In its whole life a worker bee flies about eight hundred kilometres.")
    assert found is not None
    assert "worker bee flies about eight hundred kilometres" in text[found.passage.start : found.passage.end]


def test_texts_are_found_with_their_paths() -> None:
    value: JsonValue = {"a": ["x", {"b c": "y"}], "n": 1, "z": "w"}
    assert list(texts_in(value)) == [("$.a[0]", "x"), ("$.a[1]['b c']", "y"), ("$.z", "w")]
    assert list(texts_in("only")) == [("$", "only")]


def test_hostile_texts_take_no_longer_than_others() -> None:
    began = time.perf_counter()
    for filling in (" " * 200_000, "a " * 100_000, "." * 200_000, '."' * 100_000, "\n" * 200_000, "蜂" * 100_000):
        text = Text(f"x{filling}y")
        for sentence in sentences(text.text)[:20]:
            assert len(sentence) <= 2000
            assert text.find(sentence) is not None
    assert time.perf_counter() - began < 20  # a second alone


def test_one_long_word_of_a_sentence_is_not_the_sentence() -> None:
    assert Text("yes-seahorses").find("A plan about seahorses") is None
    assert Text("thermodynamics").find("The old thermodynamics of it") is None
