"""What a header or a variable hides is told by its name, whoever the header is for."""

from binex.adapters.a2a.settings import Settings as AgentSettings
from binex.adapters.llm.settings import read_settings
from binex.adapters.named_secrets import secrets_in

HEADERS = {"Authorization": "Bearer k-123456", "X-Team": "red", "X-Api-Key": "k-abcdef"}
HIDDEN = ["Bearer k-123456", "k-123456", "k-abcdef"]


def test_models_agents_and_servers_hide_the_same() -> None:
    assert list(secrets_in(HEADERS)) == HIDDEN
    assert list(read_settings({"extra_headers": dict(HEADERS)}).secrets) == HIDDEN
    assert list(AgentSettings.of({"headers": dict(HEADERS)}).secrets) == HIDDEN


def test_common_words_and_counts_are_no_secrets() -> None:
    assert list(secrets_in({"TOKENIZERS_PARALLELISM": "false", "MAX_TOKENS": "4096", "PGPASSWORD": "p4"})) == ["p4"]
