"""The names under which models know tools."""

import re

from binex.adapters.tools.naming import unique_names


def test_a_tool_keeps_its_own_name() -> None:
    assert unique_names([("kit", "search"), ("library", "add")]) == ["search", "add"]


def test_tools_that_are_called_alike_get_their_origin_in_front() -> None:
    tools = [("kit.web", "search"), ("library", "search"), ("library", "add")]
    assert unique_names(tools) == ["kit_web_search", "library_search", "add"]


def test_what_models_do_not_allow_is_replaced() -> None:
    assert unique_names([("s", "files/read file"), ("s", "größe")]) == ["files_read_file", "gr__e"]


def test_names_are_unique_and_short_whatever_they_are_made_of() -> None:
    names = unique_names([("s", "a" * 80 + tail) for tail in "xyz"] + [("s", "ä"), ("s", "ö"), ("s", "_")])
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
