"""What docstrings say about functions and parameters, in three styles."""

import pytest

from binex.adapters.tools.docstring import read_docstring

GOOGLE = """Searches the web
    and more.

    Not shown.

    Args:
        query: What to
            look for.

        limit (int, optional): How many: at most.
        **rest: Anything.

    Returns:
        list: The hits.
    """

SPHINX = """Searches the web
    and more.

    :param query: What to
        look for.
    :param int limit: How many: at most.
    :param rest: Anything.
    :returns: The hits.
    """

NUMPY = """Searches the web
    and more.

    Parameters
    ----------
    query : str
        What to
        look for.
    limit : int, optional
        How many: at most.
    **rest
        Anything.

    Returns
    -------
    hits : list
        The hits.
    """


@pytest.mark.parametrize("text", [GOOGLE, SPHINX, NUMPY], ids=["google", "sphinx", "numpy"])
def test_the_first_paragraph_and_the_parameters_are_read(text: str) -> None:
    assert read_docstring(text) == (
        "Searches the web and more.",
        {"query": "What to look for.", "limit": "How many: at most.", "rest": "Anything."},
    )


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", ""),
        ("Only this.", "Only this."),
        ("\n    Args:\n        a: x\n    ", ""),
        (":param a: x", ""),
        ("Do it.\n:param a: x", "Do it."),
    ],
)
def test_what_is_not_there_is_empty(text: str, description: str) -> None:
    assert read_docstring(text)[0] == description
