"""Changing a value with the editor of whoever sits at this terminal."""

import asyncio
import os
import shlex
import tempfile
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.cli.render.text import escape
from binex.errors import InputError
from binex.models.json_value import decode_json, is_same_json

_DEFAULT: Final = "vi"


class Draft:
    """A JSON value on its way through an editor; what is no JSON is there again the next time."""

    def __init__(self, value: JsonValue) -> None:
        from binex.cli.render.text import pretty_json

        self._before = value
        self._text = pretty_json(value).rstrip("\n") + "\n"

    async def edit(self) -> JsonValue:
        """The value, as it comes out of the editor.

        Raises:
            InputError: it is no JSON, nothing was changed, or there is no editor.
        """
        self._text = await _edited(self._text)
        try:
            value = decode_json(self._text.encode())
        except (ValueError, RecursionError) as error:
            raise InputError(f"that is not JSON: {error}", fix="e opens it again") from error
        if is_same_json(value, self._before):
            raise InputError("nothing was changed")
        return value


async def _edited(text: str) -> str:
    """What an editor makes of *text*; $VISUAL, $EDITOR or vi."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _DEFAULT
    with tempfile.TemporaryDirectory(prefix="binex-") as folder:  # which only its owner may enter
        file = Path(folder) / "edit.json"
        file.write_text(text, "utf-8", "surrogateescape")
        try:
            process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(file))
        except (OSError, ValueError) as error:
            raise InputError(f"the editor '{escape(editor)}' cannot be started: {error}", fix="set EDITOR") from error
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:  # somebody else has answered meanwhile
                process.kill()
                await process.wait()
        if code != 0:
            raise InputError(f"the editor ended with exit code {code}, so nothing is changed")
        try:
            return file.read_text("utf-8", "surrogateescape")
        except OSError as error:  # it was removed, or something else has its name now
            raise InputError("the editor left no file to read, so nothing is changed") from error
