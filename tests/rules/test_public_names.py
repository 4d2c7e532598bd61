"""The names of `import happymaps as hm`, of its namespaces, and of what is beside."""

import inspect
import re
import types

import pytest
from places import ROOT

import happymaps as hm
import happymaps_runs as runs
from experiments import benchmarks


def test_public_names_resolve():
    assert [name for name in hm.__all__ if getattr(hm, name, None) is None] == []
    assert set(hm.__all__) <= set(dir(hm))


def test_flat_names_are_few():
    flat = [n for n in hm.__all__ if not isinstance(getattr(hm, n), types.ModuleType)]
    assert len(flat) <= 54


def test_public_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'maximise'$"):
        _ = hm.maximise


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("build_cnn", "happymaps.networks.build_cnn"),
        ("curve_area", "happymaps.attribution.evaluation.curve_area"),
        ("recall", "happymaps_runs.load_or_run"),
        ("examine", "happymaps.diagnose"),
    ],
)
def test_name_that_has_moved_says_where_to(name, place):
    with pytest.raises(AttributeError, match=f"{name}': it is {re.escape(place)} now"):
        getattr(hm, name)


def public_rows() -> list[str]:
    """Return the rows of the table of public names: each with its first sentence."""
    spaces = {"hm": hm, "hm.attribution.evaluation": hm.attribution.evaluation}
    spaces |= {f"hm.{name}": getattr(hm, name) for name in hm.__all__}
    spaces |= {"runs": runs, "benchmarks": benchmarks}
    rows = []
    for path, space in spaces.items():
        if not isinstance(space, types.ModuleType):
            continue
        for name in space.__all__:
            value = getattr(space, name)
            if isinstance(value, types.ModuleType) or (
                path == "hm.datasets" and name in hm.__all__
            ):
                continue
            told = inspect.getdoc(value) if callable(value) else ", ".join(value)
            first = " ".join(told.split("\n\n")[0].split())
            rows.append(f"| `{path}.{name}` | {first.replace('|', chr(92) + '|')} |")
    return rows


def test_table_of_public_names_says_what_each_of_them_is():
    page = (ROOT / "notebooks" / "README.md").read_text().splitlines()
    rows = [row for row in page if row.startswith(("| `hm", "| `runs", "| `bench"))]
    assert rows == public_rows()
