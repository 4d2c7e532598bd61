"""What a sweep may run, and the arguments that most of these functions share."""

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, get_args


@dataclasses.dataclass(frozen=True)
class Source:
    """The images and the network that a function looks into.

    Attributes:
        dataset: As in `load_dataset`.
        model: Path of a saved network; empty for one that is trained on the data set.
        image_size: `"HEIGHTxWIDTH"`; empty as in `open_study`.
        target: What the faces are labeled for, as in `load_dataset`.
        lowest_pixel: Black for the network, and the lower bound of a map.
        highest_pixel: White for the network, and the upper bound of a map.
        seed: Of the network, and of whatever else the function draws.
    """

    dataset: str = "synthetic_faces"
    model: str = ""
    image_size: str = ""
    target: str = "facing_left"
    lowest_pixel: float = 0.0
    highest_pixel: float = 1.0
    seed: int = 0

    @property
    def pixel_range(self) -> tuple[float, float]:
        """What black and white are for the network."""
        return self.lowest_pixel, self.highest_pixel

    def arguments(self) -> dict[str, object]:
        """Return it as the arguments of `open_study`."""
        found = dataclasses.asdict(self)
        del found["lowest_pixel"], found["highest_pixel"]
        return found | {"pixel_range": self.pixel_range}


# Of a function that looks into networks of its own training alone.
TrainedSource = Annotated[Source, "dataset", "image_size", "target", "seed"]


def sweepable(function: Callable) -> Callable:
    """Mark a function as one that a sweep file may name, and return it.

    Such a function takes the parameters of a notebook, by name, and returns an
    `xarray.Dataset`: its numbers without dimensions are the metrics of the run.

    A parameter that is annotated as `Source` stands for the arguments of that name, or
    for those that `Annotated` names: the function that is returned takes each by its
    own name, with the value in the parameter's default as its default. What the
    function declares itself is its own, and does not go into the source.

    Args:
        function: All its parameters are keyword-only and annotated.

    Raises:
        TypeError: A parameter that can be given by position, gathers others (`*args`,
            `**options`), or has no annotation.
    """
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
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
    for name, parameter in parameters.items():
        if Source in (parameter.annotation, *get_args(parameter.annotation)):
            function = _spread(function, name)
    function.is_sweepable = True
    return function


def _spread(function: Callable, source: str) -> Callable:
    """Return a function that takes the fields of its source by their names."""
    signature = inspect.signature(function)
    own = dict(signature.parameters)
    declared = own.pop(source)
    has_default = declared.default is not inspect.Parameter.empty
    default = declared.default if has_default else Source()
    fields = {field.name: field.type for field in dataclasses.fields(Source)}
    names = set(get_args(declared.annotation)[1:] or fields) - set(own)
    spread = [
        declared.replace(name=name, annotation=kind, default=getattr(default, name))
        for name, kind in fields.items()
        if name in names
    ]
    # As in the notebooks: images and network first, pixel bounds and seeds last.
    flat = sorted(
        [*spread, *own.values()],
        key=lambda each: (each.name.endswith("seed"), each.name.endswith("_pixel")),
    )
    signature = signature.replace(parameters=flat)

    @functools.wraps(function)
    def call(**given):
        signature.bind(**given)
        of_source = {name: given.pop(name) for name in names & given.keys()}
        return function(**given, **{source: dataclasses.replace(default, **of_source)})

    call.__signature__ = signature
    return call


def parse_image_size(text: str, name: str = "image_size") -> tuple[int, int] | None:
    """Return (height, width) of `"HEIGHTxWIDTH"`, None of an empty text.

    Args:
        text: What was given.
        name: What it was given for, to be told of in an error.

    Raises:
        ValueError: The text has another form.
    """
    if not text:
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
    if not match:
        raise ValueError(
            f"{name} must be HEIGHTxWIDTH in pixels, as in 60x64. Received: {text!r}."
        )
    return int(match[1]), int(match[2])
