"""How many tasks may run at a time."""

import pytest

from binex.graph.capacity import DEFAULT_CONCURRENCY, Capacity


def room(capacity: Capacity, bucket: str) -> int:
    """How many more fit in; they stay."""
    count = 0
    while capacity.has_room(bucket):
        capacity.take(bucket)
        count += 1
    return count


def test_eight_tasks_run_at_a_time_unless_something_is_said() -> None:
    assert room(Capacity(None), "default") == DEFAULT_CONCURRENCY == 8
    assert room(Capacity(3), "default") == 3
    assert room(Capacity({"openai": 2}), "default") == 8


def test_every_bucket_has_its_own_limit() -> None:
    capacity = Capacity({"default": 4, "openai": 2})
    assert sorted(capacity.buckets) == ["default", "human", "openai"]
    assert room(capacity, "openai") == 2
    assert room(capacity, "default") == 4
    capacity.give_back("openai")
    assert capacity.has_room("openai")
    assert not capacity.has_room("default")


@pytest.mark.parametrize(
    ("agent", "bucket"),
    [
        ("llm://openai/gpt-4o-mini", "openai"),
        ("llm://anthropic/claude", "llm"),
        ("local://research.search", "default"),
        ("a2a://openai", "openai"),
        ("nonsense", "default"),
    ],
)
def test_an_agent_falls_under_its_provider_or_else_its_scheme_or_else_the_default(agent: str, bucket: str) -> None:
    assert Capacity({"openai": 1, "llm": 2}).bucket_of(agent) == bucket
    assert Capacity(5).bucket_of(agent) == "default"


def test_people_have_no_limit_unless_one_is_named() -> None:
    capacity = Capacity({"default": 1, "approve": 1})
    assert capacity.bucket_of("human://approve") == "human"
    assert capacity.bucket_of("a2a://human/agent") == "default"
    for _ in range(1000):
        assert capacity.has_room("human")
        capacity.take("human")
    assert room(Capacity({"human": 2}), "human") == 2
