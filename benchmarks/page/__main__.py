"""python -m benchmarks.page WHAT FOLDER RESULT: measure once, and write the figures to the file RESULT."""

import argparse
import json
from pathlib import Path

from benchmarks.page import following, graph, saves, size, tokens, view

MEASURES = {
    "size": size.measure,
    "view": view.measure,
    "graph": graph.measure,
    "following": following.measure,
    "tokens": tokens.measure,
    "saves": saves.measure,
}


def main() -> None:
    """Measure one thing in FOLDER: the store that is looked at, or where one can be made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("result", type=Path)
    options = parser.parse_args()
    options.result.write_text(json.dumps(MEASURES[options.what](options.folder)))


if __name__ == "__main__":
    main()
