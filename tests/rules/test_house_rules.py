"""The rules that a program can check: imports, safety, notebooks, files."""

import ast
import graphlib
import inspect
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest

import happymaps as hm
import happymaps_runs as runs
from experiments import benchmarks
from happymaps_pages.html.anatomy import read_anatomy
from happymaps_runs.notebooks.parameters import read_parameters
from happymaps_runs.plans.refresh import timed_notebooks

ROOT = Path(__file__).parents[2]
LIB = ROOT / "lib"
PACKAGES = ("happymaps", "happymaps_runs", "happymaps_pages", "happymaps_cli")
PACKAGES += ("experiments",)
MODULES = {
    ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for root in (LIB, ROOT)
    for package in PACKAGES
    for path in sorted((root / package).rglob("*.py"))
}
NOTEBOOKS = sorted(
    path
    for folder in ("notebooks", "experiments")
    for path in (ROOT / folder).rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)
TIMED = timed_notebooks()
MEGABYTE = 1_000_000
TOP_LEVEL = {
    ".ci", ".gitignore", ".jupyter", "CHANGELOG.md",
    "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "data",
    "environment.yml", "experiments", "lib", "notebooks", "pyproject.toml",
    "requirements.lock", "tests",
}  # fmt: skip
# In two parts each, so that this file does not name them either.
PACKAGE_HOSTS = [
    name + "." + domain
    for name, domain in (
        ("pypi", "org"),
        ("files.pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("deb.debian", "org"),
        ("conda.anaconda", "org"),
    )
]
MACHINE_PATH = re.compile(r"/(?:home|root|Users|tmp|work|mnt|workspace)/|[A-Z]:\\")
MIME_TYPES = {"text/plain", "text/html", "text/markdown", "text/latex"}
MIME_TYPES |= {"image/png", "image/svg+xml"}

# Each room imports from itself and from those above it only.
ROOMS = (
    *("happymaps.base", "happymaps.backend", "happymaps.evidence", "happymaps.plots"),
    *("happymaps.datasets", "happymaps.networks", "happymaps.maps"),
    *("happymaps.attribution", "happymaps.explorer", "happymaps.keras_vis"),
    *("happymaps.diagnosis", "experiments", "happymaps_runs", "happymaps_pages"),
    "happymaps_cli",
)
# These know no network: all that they may import of ours.
WITHOUT_KERAS = {
    "happymaps.base": set(),
    "happymaps.evidence": {"happymaps.base"},
    "happymaps.plots": {"happymaps.base"},
    "happymaps.datasets": {"happymaps.base"},
    "happymaps_runs": {"happymaps.base", "happymaps.datasets"},
    "happymaps_pages": {"happymaps.base", "happymaps.evidence", "happymaps_runs"},
}


def imports(module: str) -> set[str]:
    """Return the modules that a module names in imports, lazy ones too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


def room(module: str) -> str:
    """Return the room of a module of ours: its package, of `happymaps` a part of it."""
    return ".".join(module.split(".")[: 1 + module.startswith("happymaps.")])


def own_imports(module: str) -> set[str]:
    """Return the other rooms that a module imports from."""
    found = {room(name) for name in imports(module) if name.split(".")[0] in PACKAGES}
    return found - {room(module), "happymaps"}


def listed_files() -> list[Path]:
    """Return the files that are or would be committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = found.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


# ---------------------------------------------------------------- who imports whom


def test_modules_import_from_rooms_above_their_own():
    wrong = {
        module: above
        for module in MODULES
        if room(module) != "happymaps"
        and (above := own_imports(module) - set(ROOMS[: ROOMS.index(room(module))]))
    }
    assert not wrong


def test_rooms_without_keras_import_no_room_with_it():
    wrong = {
        module: others
        for module in MODULES
        if room(module) in WITHOUT_KERAS
        and (others := own_imports(module) - WITHOUT_KERAS[room(module)])
    }
    assert not wrong


def test_every_room_has_modules():
    assert {room(module) for module in MODULES} == {*ROOMS, "happymaps"}


def test_imports_have_no_cycle():
    graph = {
        module: {name for name in imports(module) if name in MODULES} - {module}
        for module in MODULES
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_only_the_backend_imports_keras_and_tensorflow():
    heavy = {"keras", "tensorflow", "tf_keras", "vis"}
    users = [m for m in MODULES if {n.split(".")[0] for n in imports(m)} & heavy]
    # The program of keras-vis runs in a process of its own, on another Keras.
    assert users == [
        "happymaps.backend",
        "experiments.benchmarks.measures.keras_vis_program",
    ]


def test_plots_import_numpy_and_matplotlib_only():
    for module in MODULES:
        if module.startswith("happymaps.plots."):
            outside = {name.split(".")[0] for name in imports(module)}
            allowed = {"numpy", "matplotlib", "imageio", "PIL"}
            assert outside - sys.stdlib_module_names <= allowed, module


def test_nothing_imports_notebooks_or_tests():
    for module in MODULES:
        roots = {name.split(".")[0] for name in imports(module)}
        assert not roots & {"notebooks", "tests", "IPython"}, module


def test_commands_start_without_tensorflow():
    # What experiments measure is named, and its parameters read, before it is run.
    parts = {*WITHOUT_KERAS, "happymaps_cli", "experiments"}
    modules = [
        module
        for module in MODULES
        if room(module) in parts and ".benchmarks.measures" not in module
    ]
    code = f"import sys, {', '.join(modules)}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert set(modules) <= loaded
    assert not loaded & {"tensorflow", "keras", "happymaps.backend"}


# ------------------------------------------------------------------ code that is safe


def calls(tree: ast.AST) -> list[tuple[str, dict[str, object]]]:
    """Return the last name and the literal keywords of every call."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            keywords = {k.arg: getattr(k.value, "value", ...) for k in node.keywords}
            found.append((name, keywords))
    return found


def unsafe_calls(source: str) -> list[str]:
    """Return the calls that would run, or write outside, whatever a file says."""
    found = []
    for name, keywords in calls(ast.parse(source)):
        loose = {"safe_mode": False, "allow_pickle": True, "shell": True}
        found += [f"{name}({k}={v})" for k, v in loose.items() if keywords.get(k) is v]
        if name == "extractall" and "filter" not in keywords:
            found.append("extractall without filter")
        if name in ("eval", "exec", "enable_unsafe_deserialization", "system"):
            found.append(name)
    return found


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("keras.models.load_model(p, safe_mode=False)", 1),
        ("keras.models.load_model(p, safe_mode=True)", 0),
        ("np.load(p, allow_pickle=True)", 1),
        ("archive.extractall(folder)", 1),
        ("archive.extractall(folder, filter='data')", 0),
        ("subprocess.run('ls', shell=True)", 1),
        ("eval(text); ast.literal_eval(text)", 1),
    ],
)
def test_unsafe_calls_are_recognized(source, number):
    assert len(unsafe_calls(source)) == number


@pytest.mark.parametrize("module", MODULES)
def test_module_makes_no_unsafe_call_and_validates_without_assert(module):
    source = MODULES[module].read_text()
    assert unsafe_calls(source) == []
    asserts = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assert)]
    assert asserts == []
    assert not imports(module) & {"pickle", "dill", "cloudpickle", "shelve"}


@pytest.mark.parametrize("module", MODULES)
def test_module_has_at_most_300_lines(module):
    assert len(MODULES[module].read_text().splitlines()) <= 300


@pytest.mark.parametrize("name", hm.__all__)
def test_public_name_resolves(name):
    assert getattr(hm, name) is not None
    assert name in dir(hm)


def test_no_public_name_is_taken_by_a_module():
    # Importing a module would put it in the place of the name.
    rooms = {name.removeprefix("happymaps.") for name in ROOMS}
    assert set(hm.__all__) & rooms == {
        *("attribution", "datasets", "evidence", "networks", "plots")
    }


def test_public_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'maximise'"):
        _ = hm.maximise


# -------------------------------------------------------------------- notebook anatomy


def notebook_id(path: Path) -> str:
    return path.stem


@pytest.fixture(params=NOTEBOOKS, ids=notebook_id)
def path(request) -> Path:
    return request.param


@pytest.fixture
def cells(path) -> list[dict]:
    found = json.loads(path.read_text())["cells"]
    for cell in found:
        cell["source"] = "".join(cell["source"])
        cell["tags"] = cell["metadata"].get("tags", [])
    return found


@pytest.fixture
def code(cells) -> list[dict]:
    return [cell for cell in cells if cell["cell_type"] == "code"]


def outputs(cells: list[dict]) -> list[dict]:
    return [output for cell in cells for output in cell.get("outputs", [])]


def texts(value: object) -> list[str]:
    """Return all strings in a notebook but for pictures."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return ["".join(value)] if all(isinstance(v, str) for v in value) else [
            text for item in value for text in texts(item)
        ]  # fmt: skip
    if isinstance(value, dict):
        return [
            text
            for key, item in value.items()
            if not key.startswith("image/")
            for text in texts(item)
        ]
    return []


def test_there_are_notebooks_to_check():
    folders = {path.relative_to(ROOT).parts[0] for path in NOTEBOOKS}
    assert folders == {"notebooks", "experiments"}


def read_opening(cells: list[dict]):
    return read_anatomy(nbformat.from_dict({"cells": cells[:1]}))


def test_notebook_opens_with_title_question_and_answer(path, cells):
    opening = read_opening(cells)
    assert cells[0]["cell_type"] == "markdown"
    assert opening.title
    assert opening.question.endswith("?")
    assert opening.answer.endswith((".", "!"))
    if "experiments" in path.parts:
        assert opening.prediction.endswith(".")


def test_notebook_imports_in_its_setup_cell_alone(code, cells):
    assert cells[1]["tags"] == ["setup"]
    kinds = (ast.Import, ast.ImportFrom)
    assert all(isinstance(node, kinds) for node in ast.parse(cells[1]["source"]).body)
    for cell in code:
        if cell is not cells[1]:
            nodes = ast.walk(ast.parse(cell["source"]))  # no magics: this would raise
            assert not [node for node in nodes if isinstance(node, kinds)]


def test_notebook_parameters_are_annotated_and_explained(path, cells):
    assert cells[2]["tags"] == ["parameters"]
    parameters = read_parameters(path)
    assert parameters
    unexplained = [name for name, p in parameters.items() if not p.help]
    assert unexplained == [], "the comment has to stand at the end of the statement"


def test_notebook_ends_with_conclusion_references_and_provenance(cells):
    conclusion, references, provenance = cells[-3:]
    assert conclusion["source"].startswith("## Conclusion\n")
    assert references["source"].startswith("## References\n")
    assert len(conclusion["source"].split()) > 20
    assert {"nbval-ignore-output", "hide-input"} <= set(provenance["tags"])
    assert provenance["cell_type"] == "code"
    assert "hm.print_provenance(" in provenance["source"]


def test_notebook_has_no_placeholder(cells):
    for cell in cells:
        for line in cell["source"].splitlines():
            bare = re.sub(r"^\*\*(Answer|Question|Prediction)\.\*\*", "", line).strip()
            assert not re.fullmatch(r"[*_]*[A-Z][A-Z_]{3,}[*_.]*", bare), bare
            assert not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", line), line


def test_notebook_is_executed_from_top_to_bottom(code):
    counts = [cell["execution_count"] for cell in code]
    assert counts == list(range(1, len(code) + 1))
    assert outputs(code)


def test_notebook_shows_no_error_and_no_warning(code):
    kinds = {output["output_type"] for output in outputs(code)}
    assert "error" not in kinds
    streams = {output["name"] for output in outputs(code) if "name" in output}
    assert "stderr" not in streams


def test_notebook_shows_what_a_static_page_can_show(code):
    kinds = {kind for output in outputs(code) for kind in output.get("data", {})}
    assert kinds <= MIME_TYPES


def test_notebook_ignores_no_output_but_that_of_its_last_cell(path, code):
    ignoring = [cell for cell in code if "nbval-ignore-output" in cell["tags"]]
    # Times never come out again; what such a notebook can check, it does.
    checked = outputs([cell for cell in code if cell not in ignoring])
    assert ignoring == code[-1:] or (path in TIMED and len(checked) >= 5)
    skipping = {"nbval-skip", "raises-exception", "nbval-raises-exception"}
    assert not [cell for cell in code if skipping & set(cell["tags"])]


def test_notebook_is_short_and_light(path, cells):
    assert len(cells) <= 32
    assert path.stat().st_size < MEGABYTE


def test_notebook_holds_no_path_of_a_machine(path):
    for text in texts(json.loads(path.read_text())):
        assert not MACHINE_PATH.search(text), text
        assert str(ROOT) not in text or len(ROOT.parts) < 3


PUBLIC = {"hm": hm, "runs": runs, "benchmarks": benchmarks}
USE = re.compile(rf"(?<![\w.])({'|'.join(PUBLIC)})\.(\w+(?:\.\w+)*)")


def uses(source: str) -> set[str]:
    """Return the public names in a source, such as `hm.networks.train`.

    Raises:
        AssertionError: A name that is not public.
    """
    found = set()
    for root, path in USE.findall(source):
        space, name = PUBLIC[root], root
        for part in path.split("."):
            if isinstance(space, types.ModuleType):
                assert part in space.__all__, f"{name}.{part}"
                space, name = getattr(space, part), f"{name}.{part}"
        found.add(name)
    return found


def test_notebook_uses_public_names_only(code):
    for cell in code:
        assert unsafe_calls(cell["source"]) == []
        uses(cell["source"])
        for node in ast.walk(ast.parse(cell["source"])):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("sys", "path")
            if isinstance(node, ast.Import):
                for alias in node.names:
                    is_ours = alias.name.split(".")[0] in PACKAGES
                    ours = (("happymaps", "hm"), ("happymaps_runs", "runs"))
                    assert not is_ours or (alias.name, alias.asname) in ours
            if isinstance(node, ast.ImportFrom):
                is_ours = node.module.split(".")[0] in PACKAGES
                # The drop-in's modules are public: they are those of keras-vis.
                public = ("happymaps.keras_vis", "experiments")
                assert not is_ours or node.module.startswith(public)


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


@pytest.mark.parametrize("table", ["README.md", "experiments/README.md"])
def test_table_of_experiments_tells_what_the_notebooks_found(table):
    page = ROOT / table
    rows = [row for row in page.read_text().splitlines() if ".ipynb) |" in row]
    assert len(rows) == len(list((ROOT / "experiments").rglob("*.ipynb")))
    for row in rows:
        notebook = page.parent / re.search(r"\(([^)]+\.ipynb)\)", row)[1]
        cells = json.loads(notebook.read_text())["cells"]
        (cell,) = (c for c in cells if "record_answer(" in "".join(c["source"]))
        printed = "".join("".join(out.get("text", "")) for out in cell["outputs"])
        assert f"| {printed.strip()} |" in row, notebook


def test_experiments_hold_python_files_where_they_measure():
    assert list((ROOT / "notebooks").rglob("*.py")) == []
    for path in (ROOT / "experiments").rglob("*.py"):
        assert path.name == "__init__.py" or path.parent.name in ("measures", "shared")


# ------------------------------------------------------------------------------- files


def test_files_are_under_one_megabyte():
    heavy = [path for path in listed_files() if path.stat().st_size >= MEGABYTE]
    assert heavy == []


def test_files_lie_where_the_map_of_folders_says():
    assert {path.relative_to(ROOT).parts[0] for path in listed_files()} <= TOP_LEVEL


def test_data_holds_descriptions_only():
    names = {p.name for p in listed_files() if p.relative_to(ROOT).parts[0] == "data"}
    assert names == {"README.md"}


def test_files_name_no_package_host():
    for path in listed_files():
        content = path.read_bytes()
        for host in PACKAGE_HOSTS:
            assert host.encode() not in content, path
