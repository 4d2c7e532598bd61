"""From the numbers of a unit to one word and its reason.

The first that holds, in this order:

1. dead: the output never changes, or is above 0 at less than 0.1 % of the positions;
2. duplicate: its outputs correlate with those of an earlier unit of the layer at 0.99
   and more. The earliest of several stays what it is. The reason says if it is
   always-on, too;
3. always-on: it is above 0 at more than 99.9 % of them, so that its activation never
   bends. Only of layers whose activation can switch off; a linear output never is;
4. cannot tell: no map was made, or its score did not rise;
5. brightness, edge, line of a first convolution of 3x3: its kernel has more than half
   of its energy in the mean, in edges or in lines. That is exact, and its map may be
   bright all the same: half of the energy is not half of the effect;
6. brightness: uniform gray reaches more than half of the map's gain, and total
   variation of ten times the weight leaves more than half of it;
7. edge, line of later convolutions: the map has one orientation and more than 60 % of
   the energy of its small patches there;
8. stable pattern: the pixels repeat, above the limit of chance and above 0.3;
9. texture: of convolutions, the power spectrum repeats above the limit of chance;
10. noise: neither does;
11. cannot tell: repeatability could not be measured.

The limits are those of `Thresholds`.
"""

from collections.abc import Mapping

import numpy as np

from happymaps.diagnosis.units.kernel_classes import GROUPS
from happymaps.diagnosis.units.thresholds import Thresholds

KINDS = (
    "dead", "always-on", "brightness", "edge", "line", "texture", "stable pattern",
    "noise", "duplicate", "cannot tell",
)  # fmt: skip
# Activations below which a unit is off: at 0 or near it.
GATES = ("relu", "relu6", "elu", "selu", "gelu", "silu", "leaky_relu", "hard_silu")


def find_duplicates(
    correlations: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each unit whose duplicate it is, and its highest correlation.

    Units are taken in order; a unit that correlates with an earlier one that is no
    duplicate itself, at `limit` or more, is a duplicate of the one most like it.

    Args:
        correlations: Shape (units, units); NaN where one never changes.
        limit: Correlation from which a unit is a duplicate.

    Returns:
        Positions, -1 for no duplicate, and correlations, NaN for none.
    """
    others = np.where(np.eye(len(correlations), dtype=bool), np.nan, correlations)
    others = np.where(np.isnan(others), -np.inf, others)
    highest = others.max(axis=1, initial=-np.inf)
    originals = np.full(len(others), -1)
    for unit in range(1, len(others)):
        earlier = np.where(originals[:unit] < 0, others[unit, :unit], -np.inf)
        if earlier.max() >= limit:
            originals[unit] = earlier.argmax()
    return originals, np.where(np.isinf(highest), np.nan, highest)


def decide(unit: Mapping, thresholds: Thresholds) -> tuple[str, str]:
    """Return the kind of a unit and the reason, with the numbers that decided.

    Args:
        unit: The variables of `diagnose_units` of one unit, besides `kind` and
            `reason`; and `is_gated`, `is_still`, `is_dense`, and `is_mapped` where it
            is not.
        thresholds: Limits.
    """
    by_looks = (_by_kernel, _by_light, _by_shape, _by_repetition)
    for rule in (_by_activity, _by_absence, _by_gain, *by_looks):
        found = rule(unit, thresholds)
        if found:
            return found
    return "cannot tell", "repeatability could not be measured"


def is_brightness(response: float, sensitivity: float, thresholds: Thresholds) -> bool:
    """Return whether gray alone does what the map does, at any smoothness."""
    smooth = np.isnan(sensitivity) or sensitivity > thresholds.tv_sensitivity
    return bool(response > thresholds.brightness and smooth)


def _by_activity(unit: Mapping, limits: Thresholds):
    on = unit["on_rate"]
    if unit["is_still"]:
        return "dead", "the output never changes on the data"
    if unit["is_gated"] and on < limits.dead:
        return "dead", f"on at {on:.2%} of positions (limit {limits.dead:.1%})"
    always_on = ""
    if unit["is_gated"] and on > limits.always_on:
        always_on = f"on at {on:.2%} of positions (limit {limits.always_on:.1%})"
    if unit["duplicate_of"]:
        found = unit["duplicate_correlation"]
        also = f"; always {always_on}, too" if always_on else ""
        return "duplicate", f"of {unit['duplicate_of']}, correlation {found:.3f}{also}"
    return ("always-on", always_on) if always_on else None


def _by_absence(unit: Mapping, limits: Thresholds):
    if unit.get("is_mapped", True):
        return None
    return "cannot tell", "no map was made; it is neither dead nor a double"


def _by_gain(unit: Mapping, limits: Thresholds):
    if np.isfinite(unit["happy_gain"]) and unit["happy_gain"] > 0:
        return None
    return (
        "cannot tell",
        f"the map's score did not rise (gain {unit['happy_gain']:.2g})",
    )


def _by_kernel(unit: Mapping, limits: Thresholds):
    name = unit["kernel_class"]
    if name not in GROUPS:
        return None
    share, response = unit[f"{name}_share"], unit["brightness_response"]
    kind = "brightness" if name == "mean" else name
    return kind, (
        f"{share:.0%} of the kernel's energy is {name}; gray alone gives "
        f"{response:.0%} of the map's gain"
    )


def _by_light(unit: Mapping, limits: Thresholds):
    response, left = unit["brightness_response"], unit["tv_sensitivity"]
    if not is_brightness(response, left, limits):
        return None
    return "brightness", (
        f"gray alone gives {response:.0%} of the gain; {left:.0%} of it is left under "
        "ten times the total variation"
    )


def _by_shape(unit: Mapping, limits: Thresholds):
    name, coherence = unit["map_class"], unit["coherence"]
    if unit["is_dense"] or unit["kernel_class"] or name not in ("edge", "line"):
        return None
    if not coherence >= limits.coherence:
        return None
    return name, f"one orientation ({coherence:.2f}), and small patches of {name}s"


def _by_repetition(unit: Mapping, limits: Thresholds):
    raw, chance = unit["repeatability_raw"], unit["null_raw"]
    limit = np.fmax(chance, limits.repeats)
    if np.isnan(raw):
        return None
    if raw > limit:
        return "stable pattern", f"pixels repeat: {raw:.2f} (limit {limit:.2f})"
    spectral, chance = unit["repeatability_spectral"], unit["null_spectral"]
    if unit["is_dense"]:
        return "noise", f"pixels do not repeat: {raw:.2f} (limit {limit:.2f})"
    if np.isnan(chance):
        return None
    if spectral > chance:
        return "texture", f"spectrum repeats: {spectral:.2f} (chance {chance:.2f})"
    return "noise", (
        f"neither pixels ({raw:.2f}, limit {limit:.2f}) nor spectrum "
        f"({spectral:.2f}, chance {chance:.2f}) repeat"
    )
