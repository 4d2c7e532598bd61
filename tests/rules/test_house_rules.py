"""The rules that a program can check: imports, safety, notebooks, files."""

import ast
import functools
import graphlib
import itertools
import json
import re
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from places import ROOT

import happymaps as hm
import happymaps_runs as runs
from experiments import benchmarks
from happymaps_pages.html.anatomy import read_anatomy
from happymaps_runs.notebooks.parameters import read_parameters
from happymaps_runs.plans.refresh import timed_notebooks
from happymaps_runs.store import closure

LIB = ROOT / "lib"
PACKAGES, MODULES = closure.TOP_LEVEL, closure.own_modules()
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
    "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "conftest.py",
    "constraints.txt", "data", "environment.yml", "experiments", "lib", "notebooks",
    "pyproject.toml",
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
# A file of tensors is a pickle, which this one reads without running anything.
ALLOWED_LOADERS = {"happymaps.networks.torch_files": {"pickle"}}
# These know no network: all that they may import of ours.
WITHOUT_KERAS = {
    "happymaps.base": set(),
    "happymaps.evidence": {"happymaps.base"},
    "happymaps.plots": {"happymaps.base"},
    "happymaps.datasets": {"happymaps.base"},
    "happymaps_runs": {"happymaps.base", "happymaps.datasets"},
    "happymaps_pages": {"happymaps.base", "happymaps.evidence", "happymaps_runs"},
}


@functools.cache
def source(module: str) -> str:
    return MODULES[module].read_text()


@functools.cache
def nodes(module: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source(module))))


@functools.cache
def imports(module: str) -> set[str]:
    """Return the modules that a module names in imports, lazy ones too."""
    assert not any(getattr(node, "level", 0) for node in nodes(module)), module
    return {
        f"{name}.{part}" if f"{name}.{part}" in MODULES else name
        for name, part in closure.imports(ast.parse(source(module)))
    }


def room(module: str) -> str:
    """Return the room of a module of ours: its package, of `happymaps` a part of it."""
    return ".".join(module.split(".")[: 1 + module.startswith("happymaps.")])


def own_imports(module: str) -> set[str]:
    """Return the other rooms that a module imports from."""
    found = {room(name) for name in imports(module) if name.split(".")[0] in PACKAGES}
    return found - {room(module), "happymaps"}


@functools.cache
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
    # The program of keras-vis runs in a process of its own, on another Keras; what a
    # profile is written in has no name in TensorFlow's public module.
    assert users == [
        "happymaps.backend",
        "experiments.benchmarks.measures.keras_vis_program",
        "experiments.benchmarks.measures.step_profile",
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


# ------------------------------------------------------------------ code that is safe


def calls(nodes: list[ast.AST]) -> list[tuple[str, dict[str, object]]]:
    """Return the last name and the literal keywords of every call."""
    found = []
    for node in nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            keywords = {k.arg: getattr(k.value, "value", ...) for k in node.keywords}
            found.append((name, keywords))
    return found


def unsafe_calls(nodes: list[ast.AST]) -> list[str]:
    """Return the calls that would run, or write outside, whatever a file says."""
    found = []
    for name, keywords in calls(nodes):
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
    assert len(unsafe_calls(list(ast.walk(ast.parse(source))))) == number


def test_modules_make_no_unsafe_call_and_validate_without_assert():
    faults = {}
    for module in MODULES:
        found = unsafe_calls(nodes(module))
        found += ["assert" for node in nodes(module) if isinstance(node, ast.Assert)]
        loaders = {"pickle", "dill", "cloudpickle", "shelve"}
        found += imports(module) & (loaders - ALLOWED_LOADERS.get(module, set()))
        faults[module] = found
    assert {module: found for module, found in faults.items() if found} == {}


def test_tensors_are_unpickled_by_a_class_that_says_what_it_may_find():
    (module,) = ALLOWED_LOADERS
    used = {ast.unparse(n) for n in nodes(module) if isinstance(n, ast.Attribute)}
    of_pickle = {name for name in used if name.startswith("pickle.")}
    assert of_pickle == {"pickle.Unpickler", "pickle.UnpicklingError"}
    called = {name for name, _ in calls(nodes(module))}
    assert "Unpickler" not in called, "only its subclass, which refuses, may read"
    (reader,) = (n for n in nodes(module) if isinstance(n, ast.ClassDef) and any(
        ast.unparse(base) == "pickle.Unpickler" for base in n.bases))  # fmt: skip
    methods = {n.name for n in reader.body if isinstance(n, ast.FunctionDef)}
    assert "find_class" in methods


def test_modules_have_at_most_300_lines():
    lines = {module: len(source(module).splitlines()) for module in MODULES}
    assert {module: count for module, count in lines.items() if count > 300} == {}


# -------------------------------------------------------------------- notebook anatomy


@dataclass(frozen=True)
class Notebook:
    """A notebook as its file says it."""

    path: Path
    content: dict

    @property
    def cells(self) -> list[dict]:
        return self.content["cells"]

    @property
    def code(self) -> list[dict]:
        return [cell for cell in self.cells if cell["cell_type"] == "code"]


@functools.cache
def read_notebook(path: Path) -> Notebook:
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["tags"] = cell["metadata"].get("tags", [])
    return Notebook(path, content)


def each_notebook(check):
    """Make a check of one notebook a test of all: a fault of one hides no other's."""

    def test(subtests):
        for path in NOTEBOOKS:
            with subtests.test(path.stem):
                check(read_notebook(path))

    return test


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


@each_notebook
def test_notebook_opens_with_title_question_and_answer(notebook):
    opening = read_opening(notebook.cells)
    assert notebook.cells[0]["cell_type"] == "markdown"
    assert opening.title
    assert opening.question.endswith("?")
    assert opening.answer.endswith((".", "!"))
    if "experiments" in notebook.path.parts:
        assert opening.prediction.endswith(".")


@each_notebook
def test_notebook_imports_in_its_setup_cell_alone(notebook):
    setup = notebook.cells[1]
    assert setup["tags"] == ["setup"]
    kinds = (ast.Import, ast.ImportFrom)
    assert all(isinstance(node, kinds) for node in ast.parse(setup["source"]).body)
    for cell in notebook.code:
        if cell is not setup:
            nodes = ast.walk(ast.parse(cell["source"]))  # no magics: this would raise
            assert not [node for node in nodes if isinstance(node, kinds)]


@each_notebook
def test_notebook_parameters_are_annotated_and_explained(notebook):
    assert notebook.cells[2]["tags"] == ["parameters"]
    parameters = read_parameters(notebook.path)
    assert parameters
    unexplained = [name for name, p in parameters.items() if not p.help]
    assert unexplained == [], "the comment has to stand at the end of the statement"


@each_notebook
def test_notebook_ends_with_conclusion_references_and_provenance(notebook):
    conclusion, references, provenance = notebook.cells[-3:]
    assert conclusion["source"].startswith("## Conclusion\n")
    assert references["source"].startswith("## References\n")
    assert len(conclusion["source"].split()) > 20
    assert {"nbval-ignore-output", "hide-input"} <= set(provenance["tags"])
    assert provenance["cell_type"] == "code"
    assert "hm.print_provenance(" in provenance["source"]


@each_notebook
def test_notebook_has_no_placeholder(notebook):
    for cell in notebook.cells:
        for line in cell["source"].splitlines():
            bare = re.sub(r"^\*\*(Answer|Question|Prediction)\.\*\*", "", line).strip()
            assert not re.fullmatch(r"[*_]*[A-Z][A-Z_]{3,}[*_.]*", bare), bare
            assert not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", line), line


@each_notebook
def test_notebook_is_executed_from_top_to_bottom(notebook):
    counts = [cell["execution_count"] for cell in notebook.code]
    assert counts == list(range(1, len(notebook.code) + 1))
    assert outputs(notebook.code)


@each_notebook
def test_notebook_shows_no_error_and_no_warning(notebook):
    found = outputs(notebook.code)
    assert "error" not in {output["output_type"] for output in found}
    streams = {output["name"] for output in found if "name" in output}
    assert "stderr" not in streams


@each_notebook
def test_notebook_shows_what_a_static_page_can_show(notebook):
    kinds = [set(output.get("data", {})) for output in outputs(notebook.code)]
    assert set().union(*kinds) <= MIME_TYPES


@each_notebook
def test_notebook_ignores_no_output_but_that_of_its_last_cell(notebook):
    code = notebook.code
    ignoring = [cell for cell in code if "nbval-ignore-output" in cell["tags"]]
    # The bytes of a sound hang on rounding; cells beside print what it holds.
    ignoring = [cell for cell in ignoring if "<audio" not in "".join(texts(cell))]
    # Times never come out again; what such a notebook can check, it does.
    checked = outputs([cell for cell in code if cell not in ignoring])
    assert ignoring == code[-1:] or (notebook.path in TIMED and len(checked) >= 5)
    skipping = {"nbval-skip", "raises-exception", "nbval-raises-exception"}
    assert not [cell for cell in code if skipping & set(cell["tags"])]


@each_notebook
def test_notebook_is_short_and_light(notebook):
    assert len(notebook.cells) <= 32
    assert notebook.path.stat().st_size < MEGABYTE


@each_notebook
def test_notebook_holds_no_path_of_a_machine(notebook):
    for text in texts(notebook.content):
        assert not MACHINE_PATH.search(text), text
        assert str(ROOT) not in text or len(ROOT.parts) < 3


PUBLIC = {"hm": hm, "runs": runs, "benchmarks": benchmarks}
USE = re.compile(rf"(?<![\w.])({'|'.join(PUBLIC)})\.(\w+(?:\.\w+)*)")


def check_public(source: str) -> None:
    """Assert that the names of ours in a source are public: `hm.networks.train`."""
    for root, path in USE.findall(source):
        space, name = PUBLIC[root], root
        for part in path.split("."):
            if isinstance(space, types.ModuleType):
                assert part in space.__all__, f"{name}.{part}"
                space, name = getattr(space, part), f"{name}.{part}"


@each_notebook
def test_notebook_uses_public_names_only(notebook):
    for cell in notebook.code:
        check_public(cell["source"])
        found = list(ast.walk(ast.parse(cell["source"])))
        assert unsafe_calls(found) == []
        for node in found:
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


def possible_texts(node: ast.AST, names: dict[str, ast.AST]) -> set[str]:
    """Return all texts that an expression can give; what is computed is a 0."""
    tell = functools.partial(possible_texts, names=names)
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.JoinedStr):
        parts = itertools.product(*(tell(part) for part in node.values))
        return {"".join(part) for part in parts}
    if isinstance(node, ast.FormattedValue):
        return tell(node.value)
    if isinstance(node, ast.IfExp):
        return tell(node.body) | tell(node.orelse)
    if isinstance(node, ast.Dict):
        return set().union(*(tell(value) for value in node.values))
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        return tell(node.value)
    is_get = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".get")
    if is_get:
        return tell(node.func.value).union(*(tell(one) for one in node.args[1:]))
    if isinstance(node, ast.Name):
        return tell(names[node.id]) if node.id in names else {node.id}
    return {"0"}


@each_notebook
def test_notebook_chooses_a_short_headline_by_what_it_measured(notebook):
    (cell,) = [c for c in notebook.code if "runs.record_answer(" in c["source"]]
    tree = ast.parse(cell["source"])
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "runs.record_answer"
    ]
    assert ast.unparse(call.args[0]) == "headline"
    names, texts = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node.value
            if node.targets[0].id == "headline":
                texts |= possible_texts(node.value, names)
    assert len(texts) > 1
    for text in texts:
        assert len(text.split()) <= 15, text
        assert len(re.findall(r"\d+(?:[.,]\d+)*", text)) <= 1, text
        assert text.endswith("."), text


def rows_of_experiments(page):
    rows = [row for row in page.read_text().splitlines() if ".ipynb) |" in row]
    assert len(rows) == len(list((ROOT / "experiments").rglob("*.ipynb")))
    return {page.parent / re.search(r"\(([^)]+\.ipynb)\)", row)[1]: row for row in rows}


def test_table_of_experiments_tells_what_the_notebooks_found():
    for notebook, row in rows_of_experiments(ROOT / "experiments/README.md").items():
        code = read_notebook(notebook).code
        (cell,) = (c for c in code if "record_answer(" in c["source"])
        printed = "".join("".join(out.get("text", "")) for out in cell["outputs"])
        assert f"{' '.join(printed.split())} |" in row.replace("**", ""), notebook


def test_readme_has_a_headline_for_each_experiment():
    for notebook, row in rows_of_experiments(ROOT / "README.md").items():
        headline = row.split("|")[3].strip()
        assert len(headline.split()) <= 15, notebook
        assert len(re.findall(r"\d+(?:[.,]\d+)*", headline)) <= 1, notebook
        assert headline.endswith("."), notebook


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
