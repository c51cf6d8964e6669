"""What the disk takes for the same bytes: temporary file, write, fsync if asked, rename.

python bare_write.py --files 100 --bytes 1000000 --folder FOLDER [--sync]
"""

import argparse
import os
import random
from pathlib import Path


def write_files(files: int, size: int, folder: Path, sync: bool) -> None:
    """Write *files* different files of *size* bytes."""
    folder.mkdir(parents=True)
    text = random.Random(1).randbytes(size // 2).hex()
    temporary = folder / "temporary"
    for number in range(files):
        text = text[1:] + text[0]
        with temporary.open("w") as stream:
            stream.write(text)
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.rename(folder / f"{number}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sync", action="store_true")
    options = parser.parse_args()
    write_files(options.files, options.bytes, options.folder, options.sync)
