"""What keys follow: the code that a run can reach, and none that it cannot."""

import importlib
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import happymaps as hm
from happymaps_runs.store import closure, identity
from happymaps_runs.store.closure import reached_modules, reached_sha256

TABLE = """\
import importlib
from tiny.marks import mark
_HOMES = {
    "draw": "art.pens", "count": "sums", "tools": "art.tools", "recall": "store.keeping"
}
def __getattr__(name):
    return getattr(importlib.import_module(f"tiny.{_HOMES[name]}"), name)
"""
SOURCES = {
    "lib/tiny/__init__.py": TABLE,
    "lib/tiny/marks.py": "def mark(f): return f",
    "lib/tiny/art/__init__.py": "from tiny.art.colors import red",
    "lib/tiny/art/colors.py": "red = 1",
    "lib/tiny/art/pens.py": "import tiny.paper\ndef draw():\n    from tiny import ink",
    "lib/tiny/art/tools.py": "knife = 1",
    "lib/tiny/ink.py": "import numpy",
    "lib/tiny/paper.py": "",
    "lib/tiny/paper.csv": "white,1",
    "lib/tiny/sums.py": "PROGRAM = 'tiny.program'\ndef count(): return 1",
    "lib/tiny/program.py": "",
    "lib/tiny/store/__init__.py": "",
    "lib/tiny/store/keeping.py": "import tiny.paper",
    "trials/__init__.py": "",
    "trials/one/__init__.py": "",
    "trials/one/measures.py": "import tiny as t\nt.count()",
    "strange.py": "from trials.one import measures\ndef f(): ...",
}
ART = ["tiny", "tiny.art", "tiny.art.colors", "tiny.marks"]
PENS = sorted([*ART, "tiny.art.pens", "tiny.ink", "tiny.paper"])
SUMS = ["tiny", "tiny.marks", "tiny.program", "tiny.sums"]
TRIAL = [*SUMS, "trials", "trials.one", "trials.one.measures"]


def forget():
    """Let this process look at the sources anew, as another process would."""
    for module in (closure, identity):
        for each in vars(module).values():
            getattr(each, "cache_clear", int)()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two packages in two folders, one of which loads its names on first use."""
    for name, source in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.setattr(closure, "TOP_LEVEL", ("tiny", "trials", "absent"))
    monkeypatch.setattr(closure, "_WITHOUT_INFLUENCE", ("tiny.store",))
    importlib.invalidate_caches()
    forget()
    yield tmp_path
    forget()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import tiny as hm\nhm.draw(hm)", PENS),
        ("import tiny\ntiny.draw().count", PENS),
        ("def f():\n    from tiny import draw", PENS),
        ("from tiny.art.pens import draw as d", PENS),
        ("from tiny import art\nart.colors.red", ART),
        ("import tiny as hm\nhm.tools.knife", sorted([*ART, "tiny.art.tools"])),
        ("import tiny as hm\nhm.recall('tiny.sums:count', a=1)", SUMS),
        ("from trials.one.measures import f", TRIAL),
        ("%matplotlib inline\n!ls\nimport tiny.sums", SUMS),
        ("import tiny.store.keeping", ["tiny", "tiny.marks"]),
        ("import numpy\nprint('tiny.sums is no name')", []),
    ],
)
def test_code_reaches_what_it_imports_and_what_that_imports(root, code, expected):
    assert reached_modules(code) == expected


@pytest.mark.parametrize(
    "code", ["import tiny as hm\nhm.unknown", "from tiny import *"]
)
def test_a_name_without_a_home_could_be_anywhere_in_its_package(root, code):
    inside = [name for name in closure.own_modules() if name.startswith("tiny")]
    assert set(inside) - set(reached_modules(code)) == {
        "tiny.store",
        "tiny.store.keeping",
    }


def test_what_is_no_python_could_reach_everything(root):
    found = reached_modules("import tiny\n?tiny")
    assert {"tiny.art.tools", "trials.one.measures"} <= set(found)


def keys(root):
    """Return the keys of two functions, of a notebook and of a strange function."""
    path = root / "draw.ipynb"
    cell = new_code_cell("import tiny as hm\nhm.draw()")
    prose = new_markdown_cell("In `tiny.sums`.")
    nbformat.write(new_notebook(cells=[prose, cell]), path)
    functions = ("tiny.art.pens:draw", "trials.one.measures:f", "strange:f")
    made = [identity.function_identity(name, {}) for name in functions]
    made.insert(1, identity.notebook_identity(path, {}))
    return [identity.key_of(each) for each in made]


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("lib/tiny/__init__.py", [False] * 4),
        ("lib/tiny/store/keeping.py", [False] * 4),
        ("lib/tiny/ink.py", [True, True, False, False]),
        ("lib/tiny/art/colors.py", [True, True, False, False]),
        ("lib/tiny/paper.csv", [True, True, True, True]),
        ("lib/tiny/marks.py", [True] * 4),
        ("lib/tiny/sums.py", [False, False, True, True]),
        ("trials/one/measures.py", [False, False, True, True]),
        ("strange.py", [False, False, False, True]),
    ],
)
def test_an_edit_makes_new_keys_of_what_can_reach_it_alone(root, file, changed):
    before = keys(root)
    with (root / file).open("a") as opened:
        opened.write("\n# more")
    # What has been imported stays as it is in this process.
    assert keys(root) == before
    forget()
    after = keys(root)
    assert [a != b for a, b in zip(before, after, strict=True)] == changed


def test_every_public_name_has_a_home_that_keys_follow():
    for name in hm.__all__:
        found = reached_modules(f"import happymaps as hm\nhm.{name}.a")
        # A name without a home could be anywhere, and reach even these.
        assert "happymaps.keras_vis.traps" not in found, name
    tables = reached_modules("import happymaps as hm\nhm.evidence.claims_table")
    assert tables == [
        *("happymaps", "happymaps.base", "happymaps.base.namespaces"),
        *("happymaps.evidence", "happymaps.evidence.claims"),
    ]
    # What keeps results makes none.
    kept = reached_modules("import happymaps_runs as runs\nruns.load_or_run")
    assert not [name for name in kept if name.startswith("happymaps_runs.")]


def test_keys_of_maps_follow_the_engine_and_not_the_tests_of_attribution():
    found = reached_modules("import happymaps.maps.layer_maps")
    assert {
        "happymaps.maps.engine.gradient_ascent",
        "happymaps.datasets.cmu_faces",
    } <= set(found)
    assert not [n for n in found if n.startswith("happymaps.attribution")]
    assert reached_sha256("import happymaps.maps.layer_maps") != reached_sha256(
        "import json"
    )
    assert json.dumps(identity.function_identity("happymaps.maps.layer_maps:f", {}))
