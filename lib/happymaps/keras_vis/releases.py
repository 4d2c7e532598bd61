"""Which release of keras-vis is imitated."""

import functools
import inspect
from collections.abc import Callable

from happymaps.base.messages import unknown_name

RELEASES = ("0.4.1", "0.5.0")
_state = {"release": "0.5.0"}


def use(release: str) -> None:
    """Select the release of keras-vis whose behavior is wanted, for the whole process.

    In 0.4.1, as it is on the package index,

    - gradients are divided by their root mean square, not by their L2 norm;
    - saliency and CAM come back as uint8 RGB in the colors of jet, not as floats;
    - `visualize_*` have neither `wrt_tensor` nor `keepdims`;
    - tuples and arrays of filter indices are lists of them;
    - a backprop modifier first turns every activation but that of the first layer into
      ReLU; CAM enlarges by Pillow's bicubic filter.

    Args:
        release: `"0.4.1"` or `"0.5.0"`, which is the default.

    Raises:
        ValueError: Another release.
    """
    if release not in RELEASES:
        raise ValueError(unknown_name("release of keras-vis", release, RELEASES))
    _state["release"] = release


def is_legacy() -> bool:
    """Return whether 0.4.1 is imitated."""
    return _state["release"] == "0.4.1"


def added_later(*names: str) -> Callable:
    """Return a decorator for functions whose named arguments 0.4.1 did not have.

    Under `use("0.4.1")` the function takes the positional arguments of 0.4.1.
    """

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        old = signature.replace(
            parameters=[p for n, p in signature.parameters.items() if n not in names]
        )

        @functools.wraps(function)
        def wrapped(*arguments, **options):
            if not is_legacy():
                return function(*arguments, **options)
            for name in names:
                default = signature.parameters[name].default
                value = options.pop(name, default)
                if value is not default:
                    raise TypeError(
                        f"{function.__name__} of keras-vis 0.4.1 has no argument "
                        f"{name!r}. Received: {value!r}. Call "
                        "happymaps.keras_vis.use('0.5.0') first."
                    )
            old.bind(*arguments, **options)
            named = dict(zip(old.parameters, arguments, strict=False))
            return function(**named, **options)

        return wrapped

    return decorate
