"""A tool in Python: its name, its parameters and what it is for come from the function itself."""


def count_words(text: str) -> int:
    """Count the words of a text.

    Args:
        text: The text whose words are counted.
    """
    return len(text.split())
