"""Which marks stand out, measured on images that did not choose them.

A candidate was the best of hundreds of marks on some images. What is told of it is
measured on others, where it is one mark for each class that is tested: its share has
Wilson's interval, and the probability that a mark with the share of `chance` would turn
as many, a binomial tail, is corrected for the classes tested (Benjamini and Hochberg
1995, doi:10.1111/j.2517-6161.1995.tb02031.x). That alone is not enough: in every
network some place counts more than others. So either
what the class rests on lies at its place far more than in networks trained on these
images, and it turns twice as many as in any of them; or its push is larger by a factor
than that of any mark elsewhere, and this factor by another than in any of them. A mark
that images at hand show is therefore no finding here, for these networks know it as
well: covering it shows what it does. Where there are no such networks, the factor over
marks elsewhere is all there is.

The factors were set on networks that are not among those whose alarms are reported
(`experiments/experiment2/marks.ipynb`).
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from happymaps.diagnosis.marks.limits import LIMITS, Limits
from happymaps.diagnosis.marks.probing import Candidate, Probe
from happymaps.diagnosis.marks.reading import Asked, Reader
from happymaps.diagnosis.marks.stamps import Ink
from happymaps.evidence.claims import proportion_interval


def measure_candidates(
    candidates: Sequence[Candidate], turned: np.ndarray, totals: np.ndarray
) -> list[dict]:
    """Return how sure the shares are that candidates turn.

    Args:
        candidates: One for each class at most.
        turned: How many images each turns into its class.
        totals: Of how many that were not named so.

    Returns:
        `share` with its 95 % `interval`, `chance` (as of the candidates),
        `p` (corrected), `z`, `times`, `beyond` and `is_alone`, see `Candidate`.
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
            "beyond": candidate.beyond,
            "is_alone": candidate.is_alone,
        }
        for candidate, count, total, p, interval in zip(
            candidates, turned.tolist(), totals.tolist(), corrected, ends, strict=True
        )
    ]  # fmt: skip


def measure_on_others(
    candidates: list[Candidate],
    reader: Reader,
    references: Asked | None,
    images: np.ndarray,
    ink: Ink,
    class_names: Sequence[str],
) -> list[dict]:
    """Return what candidates do on images that did not choose them.

    Args:
        candidates: One for each class at most.
        reader: The network.
        references: Those of which the largest share is the `chance`, or None.
        images: In the range of the ink.
        ink: What marks are drawn with.
        class_names: One name per class.

    Returns:
        For each the numbers of a finding, see `Marks`.
    """
    if not candidates:
        return []
    labels = [each.label for each in candidates]
    marks, at = [each.mark for each in candidates], np.arange(len(candidates))
    measured = Probe(reader, images, ink)
    totals = measured.counts[labels]
    shares = np.nan_to_num(measured.try_marks(marks)[1][at, labels])
    turned = np.rint(shares * totals).astype(int)
    if references is not None:
        beside = Probe(references, images, ink).try_marks(marks)[1][at, :, labels]
        largest = np.nan_to_num(beside).max(axis=1).tolist()
        candidates = [
            each._replace(chance=chance)
            for each, chance in zip(candidates, largest, strict=True)
        ]
    return [
        {"class": class_names[each.label], **each.mark._asdict()}
        | row
        | {"index": None, "size": float(each.mark.height * each.mark.width)}
        for each, row in zip(
            candidates, measure_candidates(candidates, turned, totals), strict=True
        )
    ]


def is_outstanding(measured: dict, limits: Limits = LIMITS) -> bool:
    """Return whether a pasted mark is told as a finding."""
    low, is_alone = measured["interval"][0], measured["is_alone"]
    if measured["beyond"] is None:  # no references
        return low >= limits.share and is_alone
    most, alone = measured["chance"], limits.share_times * measured["chance"]
    beside = measured["z"] >= limits.z and low >= limits.z_share_times * most
    return (
        low >= limits.share
        and measured["p"] <= limits.significant
        and (beside or (is_alone and low >= alone))
    )


def is_small(measured: dict, limits: Limits = LIMITS) -> bool:
    """Return whether a searched mark is told as a finding."""
    index = measured["index"]
    return (
        index is not None
        and index >= limits.index
        and measured["interval"][0] >= limits.searched_share
    )
