"""The least that a durable step can cost: one file by rename and one WAL commit per node, in bare Python.

python limit.py --nodes 1000 --synchronous NORMAL --folder FOLDER
"""

import argparse
import json
import sqlite3
from pathlib import Path


def run_chain(nodes: int, synchronous: str, folder: Path) -> None:
    """Write *nodes* artifacts and records, one after the other."""
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    database = sqlite3.connect(folder / "limit.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    database.execute("CREATE TABLE records (id TEXT PRIMARY KEY, run_id TEXT, document TEXT) WITHOUT ROWID")
    for number in range(nodes):
        envelope = {
            "id": f"artifact-{number}",
            "run_id": "run-1",
            "name": "output",
            "lineage": {"produced_by": f"n{number}", "derived_from": [f"artifact-{number - 1}"]},
            "created_at": "2026-01-01T00:00:00.000000Z",
            "content": number + 1,
        }
        text = json.dumps(envelope)
        temporary = artifacts / "temporary"
        temporary.write_text(text)
        temporary.rename(artifacts / f"{number}.json")
        record = {"task": f"n{number}", "state": "completed", "attempt": 1, "artifacts": [envelope["id"]]}
        row = (f"n{number}", "run-1", json.dumps(record))
        database.execute("INSERT INTO records VALUES (?, ?, ?)", row)
    database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--synchronous", choices=["NORMAL", "FULL"], required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    run_chain(options.nodes, options.synchronous, options.folder)
