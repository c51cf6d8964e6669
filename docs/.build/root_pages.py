"""Brings pages that live in the root of the repository into the site, links included.

In the root they are found by everybody who opens the repository; a copy below ``docs/`` would grow old.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_PAGES = ("RELIABILITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"\[([^\]\[]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, each under its own name."""
    root = Path(config.config_file_path).parent
    for name in _PAGES:
        text = (root / name).read_text("utf-8")
        files.append(File.generated(config, name, content=_LINK.sub(_moved, text)))
    return files


def _moved(link: re.Match[str]) -> str:
    """A link as it reads on the site: into ``docs/`` without that folder, and to other files only their names."""
    text, target = link.groups()
    path = target.partition("#")[0]
    if "://" in target or not path or path in _PAGES:
        return link.group()
    if path.startswith("docs/"):
        return f"[{text}]({target.removeprefix('docs/')})"
    return text
