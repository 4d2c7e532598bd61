"""Which findings are large and sure enough to be told as such."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.behavior.preprocessing import READINGS


def best_reading(findings: Mapping, thresholds: Thresholds) -> dict | None:
    """Return the reading of the pixels that is better than the present one, if any.

    Of several that do about as well as the best, it is the most usual one.
    """
    found = better_readings(findings, thresholds)
    return min(found, key=_unusual, default=None)


def better_readings(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return all readings that are better than the present one and near the best."""
    better = [
        each
        for each in findings["readings"]["readings"]
        if each["gain"] >= thresholds.least_gain
        and each["probability"] <= thresholds.significant
    ]
    best = max((each["balanced_accuracy"] for each in better), default=0.0)
    near = best - thresholds.least_gain
    return [each for each in better if each["balanced_accuracy"] >= near]


def _unusual(reading: Mapping) -> int:
    """Return the place of a reading in the order in which they are tried."""
    return list(READINGS).index(reading["name"])


def is_near_chance(findings: Mapping) -> bool:
    """Return whether balanced accuracy cannot be told from guessing."""
    measured = findings["performance"]
    return measured["balanced_interval"][0] <= measured["chance"]


def reorders_classes(findings: Mapping, thresholds: Thresholds) -> bool:
    """Return whether another order of the classes fits the predictions better."""
    found = findings["class_order"]
    gain = found["accuracy_reordered"] - found["accuracy"]
    sure = found["probability"] <= thresholds.significant
    return not found["is_given"] and sure and gain >= thresholds.least_gain


def is_suspicious(findings: Mapping, thresholds: Thresholds) -> bool:
    """Return whether one window decides far more than any other does."""
    covering = findings["covering"]
    if covering is None:
        return False
    floor = max(covering["median_changed"], 1 / covering["num_images"])
    return covering["interval"][0] >= thresholds.covering and (
        covering["changed"] >= thresholds.outstanding * floor
    )


def follows_brightness(findings: Mapping, thresholds: Thresholds) -> dict | None:
    """Return the small change of brightness that moves the predictions, if any.

    Noise of its size must not move more of them: such a network is sensitive to
    whatever is changed, and light is no cue of its own.
    """
    changes = sorted(findings["brightness"], key=lambda each: -each["changed"])
    for each in changes:
        is_small = abs(each["change"]) <= 0.1
        enough = each["changed"] >= max(thresholds.brightness, each["changed_by_noise"])
        if is_small and enough:
            return each
    return None


def follows_noise(findings: Mapping, thresholds: Thresholds) -> dict | None:
    """Return the small noise that moves more predictions than light does, if any."""
    small = [each for each in findings["brightness"] if abs(each["change"]) <= 0.1]
    most = max(small, key=lambda each: each["changed_by_noise"])
    enough = most["changed_by_noise"] >= thresholds.brightness
    return most if enough and most["changed_by_noise"] > most["changed"] else None


def rests_on_whole(findings: Mapping, thresholds: Thresholds) -> dict | None:
    """Return the light, contrast or color that tells classes to the network, if any.

    Of those in which the classes differ and without which it is right less often, the
    one without which it is right least. The same change within the classes must cost
    clearly less: else it is any change that does.
    """
    found = [
        each
        for each in findings["leveling"]
        if each["interval"][0] >= thresholds.brightness
        and each["differs"] <= thresholds.significant / len(findings["leveling"])
        and each["probability"] <= thresholds.significant / len(findings["leveling"])
        and min(each["accuracy"], each["accuracy_in_class"]) - each["accuracy_leveled"]
        >= thresholds.least_gain
    ]
    return min(found, key=lambda each: each["accuracy_leveled"], default=None)


def told_groups(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return the groups in which more mistakes gather than chance would bring."""
    return [
        group
        for group in findings["mistakes"]["groups"]
        if group["column"] != "true class"  # told with the recall of the class
        and group["probability"] <= thresholds.significant
    ]


def doubts_labels(findings: Mapping, thresholds: Thresholds) -> bool:
    """Return whether more labels look wrong than chance and hard images would bring.

    Many do, or surely some and more confidently than by chance.
    """
    labels = findings["labels"]
    sure = labels["wrong_interval"][0] >= thresholds.wrong_labels
    sure = sure and labels["by_chance"] <= thresholds.labels_by_chance
    many = labels["wrong_share"] >= thresholds.many_labels
    return bool(labels["suspected"]) and (sure or many)
