"""From where marks are told; `judging` says how."""

from typing import NamedTuple


class Limits(NamedTuple):
    """From where a mark is told as a finding.

    Attributes:
        share: Lowest end of the interval of the share that it turns.
        share_times: That end over the largest share in the references.
        z: Deviations from the references, see `Candidate`.
        times: Or its push over the largest of marks elsewhere,
        beyond: if this is so many times what it is in any reference.
        significant: Highest corrected probability by chance.
        index: Deviations by which a searched mask is smaller than those of the other
            classes, as in Neural Cleanse.
        searched_share: Lowest end of the interval of what a searched mark turns.
    """

    share: float = 0.1
    share_times: float = 1.2
    z: float = 6.0
    times: float = 2.5
    beyond: float = 2.0
    significant: float = 0.05
    index: float = 2.0
    searched_share: float = 0.5


LIMITS = Limits()
