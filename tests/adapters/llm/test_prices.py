"""Prices: every token is paid once, and what is not known stays unknown."""

import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data import providers
from hypothesis import given, settings
from hypothesis import strategies as st

from binex.adapters.llm.prices import estimate_cost, price_line, price_of
from binex.models.call import Usage
from binex.models.settings import OwnPrices, Rates

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def usage(read: int | None, wrote: int | None, cached: int | None = None, reasoned: int | None = None) -> Usage:
    return Usage(input_tokens=read, output_tokens=wrote, cached_tokens=cached, reasoning_tokens=reasoned)


def unchecked(**tokens: Any) -> Usage:
    """What a library might make of a strange reply."""
    return Usage.model_construct(**tokens)


def cost(provider: str, model: str, used: Usage | None) -> float | None:
    return price_of(provider, model, used, AT)[0]


# --- sums by hand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "model", "used", "by_hand"),
    [
        # $0.15 in, $0.075 cached, $0.60 out
        ("openai", "gpt-4o-mini", usage(1000, 500), 1000 * 0.15e-6 + 500 * 0.60e-6),
        ("openai", "gpt-4o-mini", usage(1000, 500, cached=400), 600 * 0.15e-6 + 400 * 0.075e-6 + 500 * 0.60e-6),
        ("openai", "gpt-4o-mini", usage(1000, 500, cached=1000), 1000 * 0.075e-6 + 500 * 0.60e-6),
        # $0.25 in, $0.025 cached, $2 out: reasoning is output, and paid with it
        ("openai", "gpt-5-mini", usage(2000, 900, reasoned=700), 2000 * 0.25e-6 + 900 * 2e-6),
        # $3 in, $0.30 read from the cache, $15 out
        ("anthropic", "claude-sonnet-4-5", usage(10_000, 200, cached=9000), 1000 * 3e-6 + 9000 * 0.3e-6 + 200 * 15e-6),
        # $0.30 in, $0.03 cached, $2.50 out
        ("gemini", "gemini-2.5-flash", usage(4000, 1000, 1000, 600), 3000 * 0.3e-6 + 1000 * 0.03e-6 + 1000 * 2.5e-6),
        # $1.25 / $10, and above 200,000 tokens of input $2.50 / $15 for all of them
        ("google", "gemini-2.5-pro", usage(200_000, 1000), 200_000 * 1.25e-6 + 1000 * 10e-6),
        ("google", "gemini-2.5-pro", usage(200_001, 1000), 200_001 * 2.5e-6 + 1000 * 15e-6),
    ],
)
def test_a_call_costs_what_the_price_list_says(provider: str, model: str, used: Usage, by_hand: float) -> None:
    assert cost(provider, model, used) == pytest.approx(by_hand, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), read=st.integers(0, 400_000), wrote=st.integers(0, 100_000))
def test_every_model_costs_what_the_library_itself_says(data: st.DataObject, read: int, wrote: int) -> None:
    provider = data.draw(st.sampled_from([one for one in providers if one.models]), "provider")
    model = data.draw(st.sampled_from([one.id for one in provider.models]), "model")
    cached, reasoned = data.draw(st.integers(0, read)), data.draw(st.integers(0, wrote))
    ours = cost(provider.id, model, usage(read, wrote, cached, reasoned))
    if ours is None:
        return
    found = provider.find_model(model, all_providers=providers)
    assert found is not None
    theirs = TheirUsage(
        input_tokens=read, output_tokens=wrote, cache_read_tokens=cached, output_reasoning_tokens=reasoned
    )
    total = found.calc_price(theirs, provider, genai_request_timestamp=AT).total_price
    assert ours == pytest.approx(float(total), abs=1e-9)


def test_the_price_is_that_of_the_time_of_the_call() -> None:
    before, after = (
        price_of("anthropic", "claude-sonnet-4-5", usage(300_000, 10), at)[0]
        for at in (datetime(2025, 10, 1, tzinfo=UTC), AT)
    )
    assert before is not None
    assert after is not None


def test_who_says_so_is_told_with_version_and_date() -> None:
    _, by = price_of("openai", "gpt-4o-mini", usage(1, 1), AT)
    assert by.startswith(f"genai-prices {version('genai-prices')} (data of 20")
    assert datetime.fromisoformat(by[-11:-1]).replace(tzinfo=UTC) <= AT


# --- unknown, never 0 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "used",
    [
        None,
        Usage(),
        usage(None, 5),
        usage(5, None),
        usage(0, 0),
        usage(-1, 5),
        usage(5, -1),
        usage(5, 5, cached=-1),
        usage(5, 5, cached=6),
        usage(5, 5, reasoned=6),
        unchecked(input_tokens=float("nan"), output_tokens=5),
        unchecked(input_tokens=5, output_tokens=float("nan")),
        unchecked(input_tokens=float("inf"), output_tokens=5),
    ],
)
def test_usage_that_is_missing_or_makes_no_sense_leaves_the_cost_unknown(used: Usage | None) -> None:
    assert price_of("openai", "gpt-4o-mini", used, AT) == (None, "")


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("ollama", "llama3"),
        ("openai", "no-such-model-at-all"),
        ("nobody", "gpt-4o-mini"),
        ("openai-compatible", "gpt-4o-mini"),
        ("", ""),
        ("cerebras", "qwen-3-coder-480b"),  # it stands in the table without any price
    ],
)
def test_a_model_without_a_price_is_unknown(provider: str, model: str) -> None:
    assert price_of(provider, model, usage(10, 10), AT) == (None, "")
    assert estimate_cost(provider, model, 1000, None) is None
    assert price_line(provider, model) == "unknown"


def test_no_model_of_the_table_is_free_because_nothing_is_said_about_it() -> None:
    for provider in providers:
        for model in provider.models:
            if cost(provider.id, model.id, usage(1000, 1000)) == 0:
                given = model.get_prices(AT)
                assert given.input_mtok == 0
                assert given.output_mtok == 0


# --- what the project says ------------------------------------------------------------------------------------

OWN: OwnPrices = {
    "ollama/*": Rates(input=0, output=0),
    "ollama/big*": Rates(input=1, output=2),
    "openai/gpt-4o-mini": Rates(input=10, cached_input=1, output=20),
    "mock/dear": Rates(input=100, output=200),
}


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-4o-mini", 600 * 10e-6 + 400 * 1e-6 + 100 * 20e-6),
        ("ollama", "llama3", 0.0),
        ("ollama", "big-one", 1000 * 1e-6 + 100 * 2e-6),
        ("mock", "dear", 1000 * 100e-6 + 100 * 200e-6),
    ],
)
def test_own_prices_go_first_the_most_exact_of_them(provider: str, model: str, expected: float) -> None:
    found, by = price_of(provider, model, usage(1000, 100, cached=400), AT, own=OWN)
    assert found == pytest.approx(expected, abs=1e-12)
    assert by == "binex.toml"


def test_a_scripted_model_costs_nothing() -> None:
    assert price_of("mock", "anything", usage(10, 10), AT) == (0.0, "llm://mock is free")
    assert price_line("mock", "anything") == "free"


# --- estimates, and the price in words --------------------------------------------------------------------------


def test_an_estimate_is_for_three_bytes_a_token_and_the_largest_answer() -> None:
    assert estimate_cost("openai", "gpt-4o-mini", 3001, 1000) == pytest.approx(1001 * 0.15e-6 + 1000 * 0.6e-6)
    assert estimate_cost("openai", "gpt-4o-mini", 0, None) == pytest.approx(1 * 0.15e-6 + 4096 * 0.6e-6)
    assert estimate_cost("mock", "m", 3000, None) == 0.0


@pytest.mark.parametrize(
    ("provider", "model", "line"),
    [
        ("openai", "gpt-4o-mini", "$0.15 / $0.60 per million tokens in/out"),
        ("google", "gemini-2.5-pro", "$1.25 / $10.00 per million tokens in/out, more for long inputs"),
        ("ollama", "llama3", "free"),
    ],
)
def test_the_price_is_told_in_one_line(provider: str, model: str, line: str) -> None:
    assert price_line(provider, model, own={"ollama/*": Rates(input=0, output=0)}) == line


def test_the_table_is_loaded_at_first_use_and_never_fetched() -> None:
    program = """
import sys, datetime
from binex.adapters.llm import prices
from binex.models.call import Usage
assert not any(name.startswith("genai_prices") for name in sys.modules)
prices.price_of("mock", "m", Usage(input_tokens=1, output_tokens=1), datetime.datetime.now(datetime.UTC))
assert not any(name.startswith("genai_prices") for name in sys.modules)
import socket
def refuse(*_): raise AssertionError("somebody wants to connect")
socket.socket.connect = refuse
prices.load_table()
print(prices.price_line("openai", "gpt-4o-mini"))
import threading
assert threading.active_count() == 1
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "$0.15 / $0.60 per million tokens in/out\n"
