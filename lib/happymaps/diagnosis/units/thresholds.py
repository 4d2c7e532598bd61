"""The limits by which a unit is called what it is called."""

import dataclasses
import math
import numbers


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Limits of the kinds; none of them was fitted to a test.

    Those of dead, always-on and of the kernels' shares are those of the experiments'
    design, written before any run; 0.3 is the floor of the study's repeatability; the
    others are conventions of this project.

    Args:
        dead: On-rate below which a unit is dead.
        always_on: On-rate above which it is always on.
        duplicate: Correlation of outputs from which a unit is a duplicate.
        brightness: Share of a map's gain that uniform gray has to reach alone.
        tv_sensitivity: Share of the gain that has to be left at ten times the weight of
            total variation, for a unit to be called a brightness detector.
        kernel_share: Share of a kernel's energy above which it is of a class.
        map_share: The same of a map's small patches, less their mean. Edges and lines
            share all of it between them, so this lies above one half.
        coherence: From here a map has one orientation.
        repeats: Correlation below which maps are not called the same, whatever chance
            would give.

    Raises:
        ValueError: A limit outside [0, 1].
    """

    dead: float = 0.001
    always_on: float = 0.999
    duplicate: float = 0.99
    brightness: float = 0.5
    tv_sensitivity: float = 0.5
    kernel_share: float = 0.5
    map_share: float = 0.6
    coherence: float = 0.5
    repeats: float = 0.3

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            is_number = isinstance(value, numbers.Real) and math.isfinite(value)
            if not is_number or not 0 <= value <= 1:
                raise ValueError(
                    f"A threshold must be a number in [0, 1]. Received: {name}="
                    f"{value!r}. The default is {type(self).__dict__[name]}."
                )
