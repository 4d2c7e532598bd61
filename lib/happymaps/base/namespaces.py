"""Public names that are loaded on first use.

So the command line, and notebooks that only read results, do not wait for TensorFlow.
"""

import importlib
from collections.abc import Callable, Mapping


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: Its full name.
        homes: Public name to the module below the package that holds it; with a "."
            before, the module is what the name means.
    """

    def find(name: str):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = importlib.import_module(f"{package}.{homes[name].lstrip('.')}")
        return home if homes[name].startswith(".") else getattr(home, name)

    return find, lambda: sorted(homes), list(homes)
