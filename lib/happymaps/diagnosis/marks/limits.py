"""From where marks are told; `judging` says how."""

from typing import NamedTuple


class Limits(NamedTuple):
    """From where a mark is told as a finding.

    Attributes:
        share: Lowest end of the interval of the share that it turns.
        z: Deviations from the references, see `Candidate`,
        z_share_times: if that end is so many times the largest share in them.
        times: Or its push over the largest of marks elsewhere,
        beyond: if this is so many times what it is in any reference,
        share_times: and that end so many times the largest share in them.
        significant: Highest corrected probability by chance.
        index: Deviations by which a searched mask is smaller than those of the other
            classes, as in Neural Cleanse.
        searched_share: Lowest end of the interval of what a searched mark turns.
    """

    share: float = 0.1
    z: float = 6.0
    z_share_times: float = 2.0
    times: float = 3.0
    beyond: float = 2.0
    share_times: float = 1.2
    significant: float = 0.05
    index: float = 2.0
    searched_share: float = 0.5


LIMITS = Limits()
