"""``--limit NAME=VALUE``, for every limit there is."""

from collections.abc import Sequence

from pydantic import ValidationError

from binex.errors import InputError, suggest
from binex.models.limits import Limits

_UNITS = {
    "": 1,
    "k": 1000,
    "kb": 1000,
    "kib": 1024,
    "m": 10**6,
    "mb": 10**6,
    "mib": 1024**2,
    "g": 10**9,
    "gb": 10**9,
    "gib": 1024**3,
}


def read_limits(given: Sequence[str]) -> Limits:
    """The limits, changed by texts such as ``output_bytes=20MiB``.

    Raises:
        InputError: there is no such limit, or the value is none.
    """
    values: dict[str, int] = {}
    for text in given:
        name, is_there, value = text.partition("=")
        name = name.strip().removeprefix("limits.")
        if not is_there:
            raise InputError(f"--limit {text:.80}: there is no '='", fix="write --limit NAME=VALUE")
        if name not in Limits.model_fields:
            raise InputError(f"no limit '{name:.80}'", fix=suggest(name, Limits.model_fields, "limits"))
        values[name] = _number(name, value.strip())
    try:
        return Limits(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--limit {first['loc'][0]}: {first['msg'].lower()}") from error


def read_size(text: str) -> int | None:
    """The number of bytes in a text such as ``20MiB``; None where it is none."""
    digits = text.rstrip("aAbBiIkKmMgG")
    unit = _UNITS.get(text[len(digits) :].lower())
    plain = digits.strip().replace("_", "")
    return None if unit is None or not plain.isdecimal() or len(plain) > 18 else int(plain) * unit


def _number(name: str, text: str) -> int:
    number = read_size(text)
    if number is None:
        raise InputError(f"--limit {name}: '{text:.80}' is not a number", fix=f"write for example {name}=20MiB")
    return number
