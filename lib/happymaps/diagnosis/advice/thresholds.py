"""The numbers from which a finding is worth telling, in one place.

They are conventions, not laws: each is a size below which a careful reader would not
act, chosen before the networks of this repository were looked at. A share is a part of
1, and `significant` is a probability after Bonferroni's correction for the number of
places, groups or readings that were tried.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """When a finding is told as one.

    Attributes:
        significant: Highest probability that chance alone would do as much.
        least_gain: Balanced accuracy by which another reading of the pixels or another
            order of the classes must be better; accuracy that the same light must cost.
        least_ece: Expected calibration error that is worth mending.
        low_recall: Recall of a class below which it is called weak, if the others are
            clearly better.
        least_images: Images of a class or group below which nothing is said of it.
        many_labels: Lowest share of labels that seem wrong to be told though the
            interval holds 0: no network tried whose labels are right had as much.
        wrong_labels: Lowest share of labels that are wrong, by the lower end of its
            interval,
        labels_by_chance: and highest probability that chance alone would contradict as
            many labels confidently, for fewer to be told.
        covering: Share of predictions that covering one window must change to count.
        outstanding: Times the median of all windows that it must change.
        brightness: Share of predictions that a change of brightness by a tenth of the
            range must change, or light, contrast or color brought to the same.
        spare_share: Share of a layer's units that must be dead or double.
        harmless: Loss of accuracy up to which taking units out is called harmless.
        unclear_share: Share of units of a layer whose maps are noise or cannot be told.
        brightness_share: Share of a layer's units that follow brightness.
    """

    significant: float = 0.05
    least_gain: float = 0.05
    least_ece: float = 0.05
    low_recall: float = 0.8
    least_images: int = 10
    many_labels: float = 0.05
    wrong_labels: float = 0.005
    labels_by_chance: float = 0.01
    covering: float = 0.1
    outstanding: float = 3.0
    brightness: float = 0.1
    spare_share: float = 0.05
    harmless: float = 0.01
    unclear_share: float = 0.5
    brightness_share: float = 0.25


THRESHOLDS = Thresholds()
