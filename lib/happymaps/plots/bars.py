"""Charts of bars with intervals."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

_BAR = 0.24  # inches of height


def bar_chart(
    names: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    x_label: str,
    intervals: Sequence[tuple[float, float]] | None = None,
    beside: dict[str, Sequence[float]] | None = None,
) -> Figure:
    """Return a chart of a bar for each name, the first on top.

    Args:
        names: Left of each bar.
        values: Length of each bar.
        title: Above the chart.
        x_label: With its unit.
        intervals: Lowest and highest plausible value of each bar, as a line.
        beside: Other values of the same bars, by their name, as marks; NaN for none.

    Raises:
        ValueError: There is no bar.
    """
    if len(names) == 0:
        raise ValueError(f"Expected bars for {title!r}. Received: none.")
    places = np.arange(len(names))
    height = 1.3 + _BAR * len(names) + 0.25 * bool(beside)
    figure, axis = plt.subplots(figsize=(7.2, height), layout="constrained", dpi=80)
    bars = axis.barh(places, values, height=0.7, color="#7aa6c2", label="alone")
    if intervals is not None:
        low, high = np.transpose(intervals)
        axis.hlines(places, low, high, color="#333333", linewidth=1.2)
    marks = [
        axis.scatter(others, places, marker=marker, s=26, color=color, zorder=3)
        for others, marker, color in zip(
            (beside or {}).values(), "Dxo", ("#c8553d", "#222222", "#4b8b3b"),
            strict=False,
        )
    ]  # fmt: skip
    axis.axvline(0, color="#333333", linewidth=0.8)
    axis.set_yticks(places, names, fontsize=8)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set(title=title, xlabel=x_label)
    axis.grid(axis="x", alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    if marks:
        axis.legend(
            [bars, *marks], ["alone", *beside], frameon=False, fontsize=8,
            loc="lower right",
        )  # fmt: skip
    return figure
