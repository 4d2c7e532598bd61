"""The mark of a function that a sweep may run."""

import inspect
from collections.abc import Callable


def sweepable(function: Callable) -> Callable:
    """Mark a function as one that a sweep file may name, and return it.

    Such a function takes the parameters of a notebook, by name, and returns an
    `xarray.Dataset`: its numbers without dimensions are the metrics of the run.

    Args:
        function: All its parameters are keyword-only and annotated.

    Raises:
        TypeError: A parameter that can be given by position, gathers others (`*args`,
            `**options`), or has no annotation.
    """
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise TypeError(
                f"{function.__qualname__} must take its parameters by name only. "
                f"Received: {str(parameter)!r}. Put a * before it, and name each."
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise TypeError(
                f"{function.__qualname__} must annotate its parameters. Received: "
                f"{str(parameter)!r}. Write for example '{parameter.name}: float'."
            )
    function.is_sweepable = True
    return function
