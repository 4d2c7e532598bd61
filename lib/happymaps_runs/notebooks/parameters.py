"""Parameters of a notebook: read from its source, checked before anything runs.

The cell tagged `parameters` holds typed literals, one a line, with their help beside:
`tv_weight: float = 0.01  # strength of total variation`. A plain `tv_weight = 0.01`, as
papermill takes it, has the type of its literal. papermill itself runs with the default
when a name is misspelt, and pastes names unescaped; nothing gets so far here.
"""

import ast
import dataclasses
import io
import json
import math
import re
import tokenize
from collections.abc import Mapping
from pathlib import Path

from happymaps.base.messages import Faults, unknown_name
from happymaps_runs.notebooks.notebooks import cell_tags, check_language, read_notebook

TYPES = ("int", "float", "bool", "str", "list[int]", "list[float]", "list[str]")
TRUE_WORDS = ("true", "True", "1", "yes")
FALSE_WORDS = ("false", "False", "0", "no")
_MOST_SHOWN = 500
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    Attributes:
        name: A Python identifier.
        type: One of `TYPES`.
        default: The value when none is given, of that type.
        help: The comment beside it, or "".
    """

    name: str
    type: str
    default: object
    help: str


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name, in their order.

    Args:
        notebook: Path of the `.ipynb` file.

    Raises:
        ValueError: No cell tagged `parameters`, or one that holds something else than
            typed literals.
    """
    content = read_notebook(notebook)
    check_language(content, Path(notebook).name)
    return declared_parameters(content, Path(notebook).name)


def declared_parameters(content: Mapping, name: str) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, as `read_parameters`.

    Args:
        content: The notebook, each cell's `source` as one string.
        name: What to call it in errors.
    """
    for cell in content["cells"]:
        if cell["cell_type"] == "code" and "parameters" in cell_tags(cell):
            return _parse_cell(cell["source"], name)
    raise ValueError(
        f"{name} must have a code cell tagged 'parameters'. Received: a "
        "notebook without one. Add the tag to the cell of typed literals, e.g. "
        "`seed: int = 0  # of every random choice`; it may be empty."
    )


def _parse_cell(source: str, where: str) -> dict[str, Parameter]:
    try:
        statements = ast.parse(source).body
        comments = {
            token.start[0]: token.string.lstrip("# ").rstrip()
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
    # Python's parser has several ways to say that something is nested too deep.
    except (
        *(SyntaxError, ValueError, MemoryError, RecursionError),
        tokenize.TokenError,
    ) as error:
        reason = getattr(error, "msg", "") or str(error) or "nested too deep"
        line = getattr(error, "lineno", None)
        raise ValueError(
            f"The parameters cell of {where} must be plain Python. Received: "
            f"{reason}{f' in line {line}' if line else ''}. Leave magics and shell "
            "commands out."
        ) from error
    found: dict[str, Parameter] = {}
    for statement in statements:
        help_text = comments.get(statement.end_lineno, "")
        parameter = _parse_statement(statement, help_text, where)
        found[parameter.name] = parameter
    return found


def _parse_statement(statement: ast.stmt, help_text: str, where: str) -> Parameter:
    target, annotation = _split_statement(statement)
    if target is None:
        raise ValueError(
            f"The parameters cell of {where} must hold literals only, e.g. "
            f"`seed: int = 0  # help`. Received: `{_unparse(statement)}`. Annotate "
            f"it with one of {', '.join(TYPES)}, or move it to another cell."
        )
    name, quoted = target.id, isinstance(annotation, ast.Constant)
    if annotation is None:
        type_name = _infer_type(statement.value)
    elif quoted and isinstance(annotation.value, str):
        type_name = annotation.value
    else:
        type_name = _unparse(annotation)
    if annotation is None and not type_name:
        raise ValueError(
            f"Parameter {name!r} of {where} must be a literal whose type can be told. "
            f"Received: `{_unparse(statement)}`. Annotate it with one of "
            f"{', '.join(TYPES)}, e.g. `{name}: list[int] = []`, or move it to another "
            "cell."
        )
    if type_name not in TYPES:
        message = unknown_name("type", type_name, TYPES)
        raise ValueError(f"Parameter {name!r} of {where}: {message}")
    parameter = Parameter(name, type_name, None, help_text)
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        value = _unparse(statement.value)
        raise _mistyped(parameter, value, f"its default in {where} a literal") from None
    if isinstance(value, str) and type_name != "str":
        raise _mistyped(parameter, value, f"its default in {where} so too")
    return dataclasses.replace(parameter, default=coerce_value(parameter, value))


def _split_statement(statement: ast.stmt) -> tuple[ast.Name | None, ast.expr | None]:
    """Return the name and the annotation, if any, of `x: int = 1` or `x = 1`."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, annotation = statement.target, statement.annotation
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, annotation = statement.targets[0], None
    else:
        return None, None
    return (target, annotation) if isinstance(target, ast.Name) else (None, None)


def _infer_type(expression: ast.expr) -> str:
    """Return which of `TYPES` a literal has, "" if none or if it cannot be told."""
    try:
        value = ast.literal_eval(expression)
    except ValueError:
        return ""
    kinds = {type(each) for each in value} if isinstance(value, list) else {type(value)}
    if kinds == {int, float}:
        kinds = {float}
    name = kinds.pop().__name__ if len(kinds) == 1 else ""
    name = f"list[{name}]" if isinstance(value, list) else name
    return name if name in TYPES else ""


def _unparse(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return "what is nested too deep"


def coerce_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, object]:
    """Return the full parameters of a run: the given ones coerced, else the defaults.

    Strings stand for values of any type, as on a command line: a bool is one of
    `TRUE_WORDS` or `FALSE_WORDS`, a list is `"1e-3,1e-2"` or JSON. numpy scalars and
    arrays become Python values.

    Args:
        notebook: Path of the `.ipynb` file.
        given: Values by parameter name.

    Raises:
        ValueError: Unknown names, values of another type, NaN or infinity: all of
            them together.
    """
    known, faults = read_parameters(notebook), Faults()
    coerced = {name: parameter.default for name, parameter in known.items()}
    for name, value in given.items():
        with faults.gather():
            if name not in known:
                where = f" {Path(notebook).name} declares none." if not known else ""
                raise ValueError(unknown_name("parameter", name, known) + where)
            coerced[name] = coerce_value(known[name], value)
    faults.tell()
    return coerced


def coerce_value(parameter: Parameter, value: object) -> object:
    """Return `value` as a Python value of the parameter's type.

    Raises:
        ValueError: It cannot be read as that type.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    element = re.fullmatch(r"list\[(\w+)\]", parameter.type)
    try:
        if not element:
            return _coerce_scalar(value, parameter.type)
        items = _split_list(value) if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise TypeError
        return [_coerce_scalar(item, element.group(1)) for item in items]
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise _mistyped(parameter, value, "such a value") from None


def _split_list(text: str) -> list:
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [item.strip() for item in text.split(",")] if text.strip() else []


def _coerce_scalar(value: object, type_name: str) -> object:
    if hasattr(value, "tolist"):
        value = value.tolist()
    text = value.strip() if isinstance(value, str) else None
    if type_name == "str" and text is not None:
        return value
    if type_name == "bool" and (isinstance(value, bool) or text in TRUE_WORDS):
        return bool(value)
    if type_name == "bool" and text in FALSE_WORDS:
        return False
    # bool is an int to Python, but True is no sensible seed.
    if isinstance(value, bool):
        raise TypeError
    whole = isinstance(value, int) or (text is not None and _INTEGER.fullmatch(text))
    if type_name == "int" and whole:
        return int(value)
    number = isinstance(value, int | float) or (text and _NUMBER.fullmatch(text))
    if type_name == "float" and number and math.isfinite(float(value)):
        return float(value)
    raise TypeError


def _mistyped(parameter: Parameter, received: object, remedy: str) -> ValueError:
    described = f" ({parameter.help})" if parameter.help else ""
    examples = {
        "bool": "true or false",
        "float": "a finite number such as 0.01 or 1e-2",
        "int": "a whole number such as 3",
    }
    meaning = examples.get(parameter.type, "e.g. 1,2 or [1, 2]")
    hint = f": {meaning}" if parameter.type != "str" else ""
    return ValueError(
        f"Parameter {parameter.name!r}{described} must be {parameter.type}{hint}. "
        f"Received: {_shorten(received)} ({type(received).__name__}). Give {remedy}."
    )


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
