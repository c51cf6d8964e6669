"""Opens the page in a browser without its token in the list of processes, which others who use the machine can read."""

import html
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def has_display() -> bool:
    """Whether there is a screen that a browser could be seen on."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextmanager
def leading_to(url: str) -> Iterator[str]:
    """The address of a file that leads to *url*, and that nobody else can read; at the end of the block it is gone."""
    with tempfile.TemporaryDirectory(prefix="binex-") as folder:
        file = Path(folder) / "open.html"
        file.touch(mode=0o600)
        target = html.escape(url)
        file.write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Binex</title>'
            f'<meta http-equiv="refresh" content="0;url={target}"><p><a href="{target}">Open the page</a>\n',
            encoding="utf-8",
        )
        yield file.as_uri()


def open_in_browser(url: str) -> None:
    """Open *url* in the person's browser, if there is one."""
    try:
        webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return  # the address was printed
