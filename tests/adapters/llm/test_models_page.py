"""The page on models names every provider, every setting and every key of a script."""

import re
from pathlib import Path

import pytest

from binex.adapters.llm.mock_script import ScriptedAnswer
from binex.adapters.llm.providers import PROVIDERS
from binex.adapters.llm.settings import COMMON_KEYS
from binex.adapters.llm.settings_tables import RULES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text("utf-8")


def row(name: str) -> str:
    found = re.search(rf"^\| `{re.escape(name)}` \|(.*)$", PAGE, re.M)
    assert found is not None, f"the page has no row for '{name}'"
    return found[1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_a_row_with_its_variables(provider: str) -> None:
    known = PROVIDERS[provider]
    for variable in known.key_variables if known.is_key_needed else ():
        assert f"`{variable}`" in row(provider)


@pytest.mark.parametrize("setting", dict.fromkeys(key for rules in RULES.values() for key in rules))
def test_every_setting_has_a_row_that_says_who_takes_it(setting: str) -> None:
    columns = row(setting).split("|")[1:5]
    assert [column.strip() == "✓" for column in columns] == [setting in rules for rules in RULES.values()]


@pytest.mark.parametrize("key", COMMON_KEYS)
def test_every_common_key_has_a_row(key: str) -> None:
    assert row(key)


@pytest.mark.parametrize("key", [field.alias or name for name, field in ScriptedAnswer.model_fields.items()])
def test_every_key_of_an_answer_has_a_row(key: str) -> None:
    assert row(key)
