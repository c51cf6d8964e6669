"""``python -m binex``."""

import sys

from binex.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
