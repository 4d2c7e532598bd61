"""What code can reach: the modules of our own that it imports, and those that they do.

All of it is read from the source, and nothing is imported: imports inside functions
count, and texts such as "happymaps.maps.layer_maps:layer_maps". What only runs code,
keeps results or draws pages makes no result; it is left out, with what it imports.
"""

import ast
import functools
import hashlib
import importlib.util
import re
from pathlib import Path

# The packages of our own, wherever they lie.
TOP_LEVEL = (
    *("happymaps", "happymaps_runs", "happymaps_pages", "happymaps_cli"),
    "experiments",
)
_WITHOUT_INFLUENCE = (
    *("happymaps_cli", "happymaps_pages", "happymaps_runs.notebooks"),
    *("happymaps_runs.plans", "happymaps_runs.store", "happymaps_runs.sweeps"),
)
# Tables that a module reads elsewhere: the kept networks are files beside theirs.
_TABLES = {"happymaps.networks.kept_networks": "networks.csv"}
_MAGIC = re.compile(r"^[%!].*$", re.MULTILINE)
_NAMES_MODULE = re.compile(r"(\w+(?:\.\w+)+)(?::\w+)?")


def imports(tree: ast.AST) -> set[tuple[str, str]]:
    """Return module and name of each import, lazy ones too; "" for all of a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
    return found


def reached_modules(code: str) -> list[str]:
    """Return the modules of our own that code can reach, sorted.

    A package that loads its names on first use (`__getattr__`) counts by the names
    that the code asks of it; any other by its `__init__`, which Python runs. Code that
    cannot be parsed could reach all modules.

    Args:
        code: Python; lines with magics and shell commands of IPython are passed over.
    """
    waiting, found = _references(code), set()
    while waiting:
        for module in _resolve(waiting.pop()) - found:
            if not f"{module}.".startswith(tuple(f"{m}." for m in _WITHOUT_INFLUENCE)):
                found.add(module)
                waiting |= _module_references(module)
    return sorted(found)


def reached_sha256(code: str) -> str:
    """Return the sha256 of the source of `reached_modules`, and of data beside it.

    Data are `.csv` files, and what `_TABLES` names. All is as it was when this process
    first asked, since that is what it has imported.
    """
    modules = [name for name in reached_modules(code) if not _is_lazy(name)]
    folders = {own_modules()[name].parent for name in modules}
    named = {name: own_modules()[name] for name in modules}
    data = (path for path in _contents() if path.suffix == ".csv")
    tables = {_TABLES.get(name) for name in modules}
    named |= {p.name: p for p in data if p.parent in folders or p.name in tables}
    digest = hashlib.sha256()
    for name, path in sorted(named.items()):
        content = hashlib.sha256(_contents()[path]).hexdigest()
        digest.update(f"{name}\0{content}\0".encode())
    return digest.hexdigest()


def module_code(name: str) -> str:
    """Return code that reaches what a module reaches: the source of a strange one."""
    if name in own_modules():
        return f"import {name}"
    return _strange_source(name)


@functools.cache
def own_modules() -> dict[str, Path]:
    """Return the file of each module of our own by its name."""
    found = {}
    for folder in _folders():
        for path in _contents():
            if path.suffix == ".py" and path.is_relative_to(folder):
                parts = path.relative_to(folder.parent).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


@functools.cache
def _contents() -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for folder in _folders()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".csv")
    }


def _folders() -> list[Path]:
    specs = (importlib.util.find_spec(name) for name in TOP_LEVEL)
    # A folder without `__init__` could be anybody's.
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


@functools.cache
def _strange_source(name: str) -> str:
    try:
        origin = importlib.util.find_spec(name).origin
        return Path(origin).read_text(encoding="utf-8")
    except (AttributeError, ImportError, OSError, TypeError, ValueError):
        return ""  # of no file: typed in, say


def _references(code: str) -> set[str]:
    """Return the dotted names in code that may be of our own: `happymaps.kernels`."""
    try:
        tree = ast.parse(_MAGIC.sub("", code))
    except (SyntaxError, ValueError):
        return set(own_modules())
    found, bound = {f"{m}.{n}".strip(".") for m, n in imports(tree)}, _bound(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base, _, rest = _dotted(node).partition(".")
            found |= {f"{bound[base]}.{rest}"} if base in bound else set()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _NAMES_MODULE.fullmatch(node.value)
            found |= {match[1]} if match and match[1] in own_modules() else set()
    return found


def _bound(tree: ast.AST) -> dict[str, str]:
    """Return what the names that imports bind stand for: `hm` for `happymaps`."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                bound[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                bound[each.asname or each.name] = f"{node.module}.{each.name}"
    return bound


def _dotted(node: ast.expr) -> str:
    """Return `a.b.c`; nothing comes before the first dot of what a call returned."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@functools.cache
def _module_references(module: str) -> frozenset[str]:
    if _is_lazy(module):
        return frozenset(f"{m}.{n}".strip(".") for m, n in imports(_tree(module)))
    return frozenset(_references(_contents()[own_modules()[module]].decode()))


def _resolve(name: str) -> set[str]:
    """Return the modules that Python runs for a dotted name, packages above it too."""
    parts = name.split(".")
    prefixes = [".".join(parts[: i + 1]) for i in range(len(parts))]
    found = [prefix for prefix in prefixes if prefix in own_modules()]
    if not found:
        return set()
    module, rest = found[-1], parts[len(found[-1].split(".")) :]
    if not rest or not _is_lazy(module):
        return set(found)
    home = _homes(module).get(rest[0])
    if home is None:
        inside = f"{module}."
        return {*found, *(each for each in own_modules() if each.startswith(inside))}
    return set(found) | _resolve(".".join([home, *rest]))


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_contents()[own_modules()[module]])


@functools.cache
def _is_lazy(module: str) -> bool:
    for node in _tree(module).body:
        bound = [getattr(node, "name", "")]
        for target in getattr(node, "targets", ()):
            bound += [getattr(each, "id", "") for each in ast.walk(target)]
        if "__getattr__" in bound:
            return True
    return False


@functools.cache
def _homes(package: str) -> dict[str, str]:
    """Return the module of each name that a package's tables, dict literals, hold."""
    pairs = [
        (key.value, str(value.value).lstrip("."))
        for node in ast.walk(_tree(package))
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    ]
    return {
        name: full
        for name, home in pairs
        for full in (f"{package}.{home}", home)
        if full in own_modules()
    }
