"""Secrets are cut out in every form; JSON stays JSON; what cannot be cut is dropped."""

import base64
import json
import time
from collections.abc import Iterator
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.models.json_value import encode_json
from binex.tape.key_shapes import KEY_SHAPES, KeyShape
from binex.tape.redaction import NOT_CUT, REDACTED, Redactor, find_shapes

SECRET = 'p4ss/w0rd+"quoted"\\é&x'

SECRETS = st.text(min_size=4, max_size=40).filter(lambda text: text.strip() != "")
LONG_SECRETS = st.text(st.characters(codec="utf-8"), min_size=8, max_size=40)
TEXTS = st.text(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

KEYS = {
    "an API key": "sk-proj-Ab3dEf6hIj-Ab3dEf6hIj_Ab3dEf6hIj",
    "a Stripe key": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "a GitHub token": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "a GitLab token": "glpat-" + "Ab3dEf6hIjAb3dEf6hIj",
    "an AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a Google API key": "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "a Google token": "ya29." + "a0AfH6SMBx7Ab3dEf6hIjAb3dEf6hIj",
    "a Slack token": "xoxb-" + "123456789012-abcdefABCDEF",
    "a Hugging Face token": "hf_" + "Ab3dEf6hIjAb3dEf6hIjAb3dEf6hIj",
    "an npm token": "npm_" + "Ab3dEf6hIjAb3dEf6hIjAb3dEf6hIjAb3dEf",
    "a JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: AES-128\n\nMIIEow==\n-----END RSA PRIVATE KEY-----",
}


def forms(secret: str) -> list[str]:
    once = json.dumps(secret)[1:-1]
    data = secret.encode()
    return [
        secret,
        once,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(once)[1:-1],
        once.replace("/", "\\/"),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret, safe="").lower() if secret.islower() else quote(secret, safe=""),
        escape(secret),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
    ]


def texts_in(value: JsonValue) -> Iterator[str]:
    """Every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_in(item)


@pytest.mark.parametrize("form", forms(SECRET))
def test_a_value_is_cut_in_every_form(form: str) -> None:
    redactor = Redactor([SECRET])
    assert form not in redactor.redact_text(f"before {form} after", shapes=False)
    cut = redactor.redact_bytes(f"before {form} after".encode())
    assert form.encode() not in cut
    assert cut.startswith(b"before ")
    assert cut.endswith(b" after")
    assert REDACTED.encode() in cut


@settings(deadline=None)  # the machine may be busy
@given(LONG_SECRETS, st.sampled_from(range(12)), TEXTS, TEXTS)
def test_no_form_of_any_value_is_left(secret: str, form: int, before: str, after: str) -> None:
    shown = forms(secret)[form]
    assume(shown not in REDACTED)
    text = f"{before} {shown} {after}"
    cut = Redactor([secret]).redact_text(text, shapes=False)
    assert shown not in cut.replace(REDACTED, "\0")


@settings(deadline=None)  # the machine may be busy
@given(LONG_SECRETS, st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_a_value_inside_longer_base64_is_cut(secret: str, before: bytes, after: bytes, url_safe: bool) -> None:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    encoded = encode(before + secret.encode() + after)
    cut = Redactor([secret]).redact_bytes(encoded)
    assert REDACTED.encode() in cut
    assert len(cut) - len(REDACTED) < len(before) * 4 / 3 + len(after) * 4 / 3 + 8, "all but the borders is gone"


@settings(deadline=None)  # the machine may be busy
@given(JSON, st.lists(SECRETS, max_size=3))
def test_json_stays_json(value: JsonValue, secrets: list[str]) -> None:
    redactor = Redactor(secrets)
    for data in (json.dumps(value), json.dumps(value, ensure_ascii=False, separators=(",", ":"))):
        try:
            raw = data.encode()
        except UnicodeEncodeError:
            continue
        json.loads(redactor.redact_bytes(raw))
        json.loads(redactor.redact_bytes(raw, shapes=True))
    json.dumps(redactor.redact_json(value))


@settings(deadline=None)  # the machine may be busy
@given(JSON, LONG_SECRETS)
def test_what_holds_no_value_is_not_changed(value: JsonValue, secret: str) -> None:
    assume(not any(form in json.dumps(value, ensure_ascii=False) + json.dumps(value) for form in forms(secret)))
    assume(not any(form in str(value) for form in forms(secret)))
    assert Redactor([]).redact_json(value) == value
    data = json.dumps(value).encode()
    assert Redactor([]).redact_bytes(data) is data


@settings(deadline=None)  # the machine may be busy
@given(JSON.filter(lambda value: isinstance(value, dict | list)), LONG_SECRETS)
def test_a_value_is_cut_wherever_it_stands_in_json(value: JsonValue, secret: str) -> None:
    assume(secret not in REDACTED and "redacted" not in secret)
    holding: JsonValue = {"first": value, secret: [f"x{secret}y", {"deep": secret}]}
    cut = Redactor([secret]).redact_json(holding)
    assert not any(secret in text.replace(REDACTED, "\0") for text in texts_in(cut))
    assert isinstance(cut, dict)
    assert cut[REDACTED] == [f"x{REDACTED}y", {"deep": REDACTED}]


def test_a_value_that_is_a_number_goes_where_it_is_one_and_stays_inside_others() -> None:
    redactor = Redactor(["1234"])
    assert json.loads(redactor.redact_bytes(b'{"pin":1234,"at":991234567,"s":"pin 1234"}')) == {
        "pin": REDACTED,
        "at": 991234567,
        "s": f"pin {REDACTED}",
    }


@pytest.mark.parametrize("secret", ["true", "null", '":"', '","', "\\nab", "u00e9", '"}', "[redacted]"])
def test_a_value_that_is_jsons_own_syntax_does_not_break_it(secret: str) -> None:
    data = json.dumps({"a": True, "b": [None, "é\nab", "x", 'say ":" and ","'], "": {}}).encode()
    json.loads(Redactor([secret]).redact_bytes(data))


def test_two_keys_that_are_both_secret_stay_two() -> None:
    cut = Redactor(["first-key", "second-key"]).redact_json({"first-key": 1, "second-key": 2, REDACTED: 3})
    assert isinstance(cut, dict)
    assert set(cut.values()) == {1, 2, 3}


def test_a_longer_value_goes_before_a_shorter_one_inside_it() -> None:
    redactor = Redactor(["token", "token-and-more"])
    assert redactor.redact_text("a token-and-more and token", shapes=False) == f"a {REDACTED} and {REDACTED}"


def test_short_and_empty_values_are_not_searched_for() -> None:
    redactor = Redactor(["", "a", "abc"])
    assert not redactor.has_values
    assert redactor.redact_text("abc", shapes=False) == "abc"
    assert Redactor(["abcd"]).has_values


def test_bytes_that_are_no_text_are_cut_too() -> None:
    assert Redactor(["secret!"]).redact_bytes(b"\xff\x00secret!\xfe") == b"\xff\x00[redacted]\xfe"
    assert Redactor([]).redact_bytes(b"\xff " + KEYS["an AWS key"].encode() + b" \xfe", shapes=True) == (
        b"\xff [redacted] \xfe"
    )


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_what_looks_like_a_key_is_found_and_cut(name: str, key: str) -> None:
    text = f"key: {key}\nnext: line"
    assert find_shapes(text) == [(name, 5)]
    redactor = Redactor([])
    assert redactor.redact_text(text, shapes=True) == f"key: {REDACTED}\nnext: line"
    assert redactor.redact_text(text, shapes=False) == text
    assert json.loads(redactor.redact_bytes(json.dumps({"a": f"\n{key}\n"}).encode(), shapes=True)) == {
        "a": f"\n{REDACTED}\n"
    }
    assert redactor.redact_json({key: [key]}, shapes=True) == {REDACTED: [REDACTED]}


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Authorization: Bearer Ab3dEf6hIjAb3dEf6hIj==", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNzd29yZDEyMzQ=", "authorization: basic [redacted]"),
        ("postgres://binex:hunter2!@db:5432/x", "postgres://[redacted]@db:5432/x"),
        ("redis://:hunter2@db", "redis://[redacted]@db"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\ncut off", "[redacted]\ncut off"),
    ],
)
def test_a_label_stays_and_the_secret_goes(text: str, cut: str) -> None:
    assert Redactor([]).redact_text(text, shapes=True) == cut


@pytest.mark.parametrize(
    "text",
    [
        "the task-force and the risk-averse desk-lamp-of-the-whole-office",
        "sk-short",
        "a bearer of good news, Bearer markets",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMIIEvQIBADANBgkqhkiG9w0",
        "https://example.org:8080/path?x=y@z",
        "Basic understanding of things",
        "eyJ is how they start",
        "AKIAshort",
        "ghp_",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert find_shapes(text) == []
    assert Redactor([]).redact_text(text, shapes=True) == text


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.sampled_from('sk-AKIAghp_xoxb.eyJ "\\n{}[]:,BearerBEGIN PRIVATEKEY'), max_size=200))
def test_no_shape_breaks_json(text: str) -> None:
    json.loads(Redactor([]).redact_bytes(json.dumps([text, {text: text}]).encode(), shapes=True))


def test_what_cannot_be_cut_is_dropped() -> None:
    deep: JsonValue = []
    for _ in range(100_000):
        deep = [deep]
    assert Redactor(["secret!"]).redact_json(deep) == NOT_CUT
    broken = Redactor(["secret!"], [KeyShape("broken", ("x",), "(")])
    assert broken.redact_text("x secret!", shapes=True) == NOT_CUT
    assert broken.redact_bytes(b"x secret!", shapes=True) == json.dumps(NOT_CUT).encode()
    assert broken.redact_json(["x"], shapes=True) == NOT_CUT
    while deep:  # taken apart by hand: the interpreter's own way is recursive
        deep = deep[0]  # type: ignore[index]


def test_own_shapes_replace_ours() -> None:
    redactor = Redactor([], [KeyShape("ours", ("bx-",), r"[0-9]{4}")])
    assert redactor.redact_text(f"bx-1234 {KEYS['an AWS key']}", shapes=True) == f"[redacted] {KEYS['an AWS key']}"


def test_every_shape_has_a_name_and_is_tried() -> None:
    assert {shape.name for shape in KEY_SHAPES} == {*KEYS, "a bearer token", "basic credentials", "a password in a URL"}


def test_a_megabyte_without_secrets_costs_milliseconds() -> None:
    data = json.dumps({"text": ["lorem ipsum dolor sit amet"] * 38_000}).encode()
    redactor = Redactor(["p4ssw0rd-of-the-day"])
    best = min(_seconds(redactor, data) for _ in range(5))
    assert best < 0.02, "measured 0.0015 s"


def test_a_megabyte_of_hostile_text_costs_less_than_seconds() -> None:
    redactor = Redactor([])
    for text in (
        "sk-" * 350_000,
        "eyJ" * 350_000,
        "://a:" * 200_000,
        "-----BEGIN PRIVATE KEY-----\n" * 35_000,
        "Bearer " * 150_000,
        "eyJaaaaaaaa-" * 80_000,
        "eyJaaaaaaaa.eyJbbbbbbbb-" * 40_000,
        "-----BEGIN PRIVATE KEY-----" + "a\n" * 500_000,
    ):
        start = time.process_time()
        redactor.redact_text(text, shapes=True)
        assert time.process_time() - start < 5, text[:30]


def _seconds(redactor: Redactor, data: bytes) -> float:
    start = time.perf_counter()
    assert redactor.redact_bytes(data) is data
    return time.perf_counter() - start


def test_a_text_that_was_clean_is_cut_once_its_value_is_known() -> None:
    redactor = Redactor(())
    assert redactor.redact_text("GET /canary-0123456789", shapes=True) == "GET /canary-0123456789"
    redactor.add(["canary-0123456789"])
    assert redactor.redact_text("GET /canary-0123456789", shapes=True) == "GET /[redacted]"


@settings(deadline=None)  # the machine may be busy
@given(JSON, st.lists(SECRETS, max_size=3), st.integers(0, 2))
def test_what_is_surely_left_is_left(value: JsonValue, secrets: list[str], escapes: int) -> None:
    for _ in range(escapes):
        value = [json.dumps(value), *secrets[:1]]
    redactor = Redactor(secrets)
    if redactor.leaves(encode_json(value)):
        assert redactor.redact_json(value) == value


def test_own_patterns_are_never_surely_left() -> None:
    assert Redactor(["hunter-of-two"]).leaves(b'{"a": 1}')
    assert not Redactor([], custom=["tok-[0-9]+"]).leaves(b'{"a": 1}')
