"""Which marks stand out, measured on images that did not choose them.

A candidate was the best of hundreds of marks on some images. What is told of it is
measured on others, where it is one mark for each class that is tested: its share has
Wilson's interval, and the probability that a mark as good as the best one elsewhere
would turn as many, a binomial tail, is corrected for the classes tested (Benjamini and
Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x). That alone is not enough: in
every network some place counts more than others. So its push must lie far out among
those of all marks, places and classes; it must be larger by a factor than what any mark
does elsewhere, and any piece of another image anywhere; and so must the share be,
beside marks elsewhere, unless the push is far larger. A mark that images at hand show
is therefore no finding here: covering it shows what it does.

The factors were set on networks that are not among those whose alarms are reported
(`experiments/experiment2/marks.ipynb`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from happymaps.diagnosis.marks.probing import Candidate
from happymaps.evidence.claims import proportion_interval


class Limits(NamedTuple):
    """From where a mark is told as a finding.

    Attributes:
        times: Its push over the largest of other marks and of real content.
        times_alone: The same, from where the share elsewhere does not matter: where
            images lie near the border of two classes, anything turns them.
        z: Deviations of its push from the median of all.
        share: Lowest end of the interval of the share that it turns.
        share_times: That end over the largest share that a mark turns elsewhere.
        significant: Highest corrected probability by chance.
        index: Deviations by which a searched mask is smaller than those of the other
            classes, as in Neural Cleanse.
        searched_share: Lowest end of the interval of what a searched mark turns.
    """

    times: float = 1.4
    times_alone: float = 2.5
    z: float = 5.0
    share: float = 0.1
    share_times: float = 2.0
    significant: float = 0.05
    index: float = 2.0
    searched_share: float = 0.5


LIMITS = Limits()


def measure_candidates(
    candidates: Sequence[Candidate], turned: np.ndarray, totals: np.ndarray
) -> list[dict]:
    """Return what candidates do on images that did not choose them.

    Args:
        candidates: One for each class at most.
        turned: How many images each turns into its class.
        totals: Of how many that were not named so.

    Returns:
        `share` with its 95 % `interval`, `chance` (largest share of a mark elsewhere),
        `p` (corrected), `z` and `times`, see `Candidate`.
    """
    tails = [
        stats.binom.sf(count - 1, total, candidate.chance) if total else 1.0
        for candidate, count, total in zip(candidates, turned, totals, strict=True)
    ]
    ends = [
        proportion_interval(count, total) if total else (0.0, 1.0)
        for count, total in zip(turned, totals, strict=True)
    ]
    corrected = stats.false_discovery_control(tails) if tails else []
    return [
        {
            "share": count / total if total else 0.0,
            "interval": list(interval),
            "num_images": int(total),
            "chance": candidate.chance,
            "p": float(p),
            "z": candidate.z,
            "times": candidate.times,
        }
        for candidate, count, total, p, interval in zip(
            candidates, turned.tolist(), totals.tolist(), corrected, ends, strict=True
        )
    ]  # fmt: skip


def is_outstanding(measured: dict, limits: Limits = LIMITS) -> bool:
    """Return whether a pasted mark is told as a finding."""
    low, times = measured["interval"][0], measured["times"]
    if low < limits.share or measured["z"] < limits.z:
        return False
    is_alone = (
        low >= limits.share_times * measured["chance"]
        and measured["p"] <= limits.significant
    )
    return times >= (limits.times if is_alone else limits.times_alone)


def is_small(measured: dict, limits: Limits = LIMITS) -> bool:
    """Return whether a searched mark is told as a finding."""
    index = measured["index"]
    return (
        index is not None
        and index >= limits.index
        and measured["interval"][0] >= limits.searched_share
    )
