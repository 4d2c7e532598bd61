"""Build the site of one folder: `python -m happymaps.report reports`."""

import sys
from pathlib import Path

from happymaps.report.site import build_site


def main(arguments: list[str]) -> int:
    """Build the site, print where it starts, and return the exit status."""
    if len(arguments) != 1:
        print("Expected one argument, the folder of runs: python -m happymaps.report")
        return 2
    print(build_site(Path(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
