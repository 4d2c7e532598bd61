"""Where the tests find their files, whatever folder a test lies in."""

from pathlib import Path

ROOT = next(p for p in Path(__file__).parents if (p / "pyproject.toml").is_file())
TESTS = ROOT / "tests"
NOTEBOOKS = TESTS / "notebooks"
