"""The findings in sentences."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import (
    best_reading,
    better_readings,
    follows_brightness,
    follows_noise,
    is_near_chance,
    is_suspicious,
    reorders_classes,
)
from happymaps.diagnosis.advice.mark_advice import tell_marks
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    percent,
    percent_range,
    quote,
)

_KINDS = {
    "dead": ("never fires on these images", "never fire on these images"),
    "always-on": ("is on everywhere", "are on everywhere"),
    "duplicate": ("doubles another one", "double another one"),
    "brightness": ("for brightness", "for brightness"),
    "edge": ("for an edge", "for edges"),
    "line": ("for a line", "for lines"),
    "texture": ("for a texture", "for textures"),
    "stable pattern": (
        "for a pattern that comes out again from any start",
        "for patterns that come out again from any start",
    ),
    "noise": (
        "has a map that changes with the random start",
        "have maps that change with the random start",
    ),
    "cannot tell": ("cannot be told", "cannot be told"),
}


def summarize(findings: Mapping, thresholds: Thresholds) -> list[str]:
    """Return the findings as sentences, each with its numbers.

    Args:
        findings: As `diagnose` gathers them, see there.
        thresholds: From which sizes a finding counts.
    """
    reading = _tell_reading(findings, thresholds)
    behavior = [_tell_classes(findings), _tell_confidence(findings)]
    # What makes all else doubtful comes before it.
    is_wrong = best_reading(findings, thresholds) or reorders_classes(
        findings, thresholds
    )
    marks = tell_marks(findings)
    return [
        _tell_accuracy(findings),
        *([marks] if findings["marks"] else []),
        *([reading, *behavior] if is_wrong else [*behavior, reading]),
        _tell_window(findings, thresholds),
        _tell_light(findings, thresholds),
        *([] if findings["marks"] else [marks]),
        _tell_units(findings["units"]),
    ]


def _tell_accuracy(findings: Mapping) -> str:
    found = findings["performance"]
    low, high = found["interval"]
    text = (
        f"The network names {percent(found['accuracy'])} of "
        f"{count(found['num_images'], 'image')} right (95 % interval "
        f"{percent_range(low, high)}); always guessing ‘{found['majority_class']}’ "
        f"would be right on {percent(found['majority_guess'])}. Each class counted "
        f"alike it is {percent(found['balanced_accuracy'])}, where guessing reaches "
        f"{percent(found['chance'])}"
    )
    if is_near_chance(findings):
        return f"{text}: it cannot be told from guessing."
    return f"{text}."


def _tell_classes(findings: Mapping) -> str:
    classes = [c for c in findings["performance"]["classes"] if c["images"]]
    worst = min(classes, key=lambda each: each["recall"])
    if worst["recall"] == 1:
        return "No image of any class is named wrong."
    text = (
        f"The weakest class is ‘{worst['name']}’: "
        f"{percent(worst['recall'])} of its {count(worst['images'], 'image')} are "
        "named right"
    )
    if worst["mistaken_for"]:
        text += f", {worst['mistaken_count']} are taken for ‘{worst['mistaken_for']}’"
    never = [c["name"] for c in classes if not c["predicted"]]
    if never:
        text += f"; the network never says {listing([quote(n) for n in never])}"
    return f"{text}."


def _tell_confidence(findings: Mapping) -> str:
    found = findings["calibration"]
    text = (
        f"It is {percent(found['mean_confidence'])} sure on average, and right on "
        f"{percent(findings['performance']['accuracy'])}. Its expected calibration "
        f"error is {percent(found['ece'])}"
    )
    if found["ece"] <= found["chance_high"]:
        return f"{text}, no more than chance makes with so many images."
    way = "overconfident" if found["gap"] > 0 else "underconfident"
    return f"{text}, where chance makes {percent(found['chance'])}: {way}."


def _tell_reading(findings: Mapping, thresholds: Thresholds) -> str:
    tried = findings["readings"]
    reading = best_reading(findings, thresholds)
    if reading:
        return (
            f"With its pixels read as {reading['name']}, balanced accuracy is "
            f"{percent(reading['balanced_accuracy'])} in the place of "
            f"{percent(tried['balanced_accuracy'])}: "
            + (
                "it was most likely trained so."
                if len(better_readings(findings, thresholds)) == 1
                else "it may have been trained so, though others do about as well."
            )
        )
    if reorders_classes(findings, thresholds):
        order = findings["class_order"]
        return (
            "The predictions fit another order of the classes better: accuracy "
            f"{percent(order['accuracy_reordered'])} in the place of "
            f"{percent(order['accuracy'])}."
        )
    return (
        f"None of {count(tried['num_tried'], 'other way', 'other ways')} to read the "
        "pixels, and no other order of the classes, makes it clearly better."
    )


def _tell_window(findings: Mapping, thresholds: Thresholds) -> str:
    found = findings["covering"]
    if found is None:
        return "What the decisions rest on cannot be told: there are too few images."
    top, left, height, width = found["window"]
    place = (
        f"{found['corner']} corner"
        if found["corner"]
        else f"window at row {top}, column {left}"
    )
    low, high = found["interval"]
    if found["changed"] == 0:
        said = "no single place decides"
        if high >= thresholds.covering:
            said = f"with so few, one that decides up to {percent(high)} may go unseen"
        return (
            f"Covering one of {found['num_windows']} windows with the average image "
            f"changes none of the predictions for {count(found['num_images'], 'image')}"
            f": {said}."
        )
    text = (
        f"Covering the {place} ({height} x {width} pixels, {percent(found['area'])} of "
        f"the image) changes {percent(found['changed'])} of the predictions, more than "
        f"any other window; {percent(found['median_changed'])} is the median"
    )
    if is_suspicious(findings, thresholds):
        most = "Most" if found["changed"] > 0.5 else "Many"
        return f"{text}. {most} decisions rest on it."
    if high < thresholds.covering:
        return f"{text}. No single place decides."
    if found["changed"] < thresholds.outstanding * found["median_changed"]:
        return f"{text}. Other places count nearly as much."
    return (
        f"{text}. Whether decisions rest on it cannot be told from "
        f"{count(found['num_images'], 'image')} (95 % interval "
        f"{percent_range(low, high)})."
    )


def _tell_light(findings: Mapping, thresholds: Thresholds) -> str:
    change = follows_brightness(findings, thresholds)
    small = [each for each in findings["brightness"] if abs(each["change"]) <= 0.1]
    most = change or max(small, key=lambda each: each["changed"])
    if not (most["changed"] or most["changed_by_noise"]):
        return (
            "Making whole images brighter or darker by 10 % of the range changes no "
            "prediction, and noise of that size changes none either."
        )
    text = (
        f"Making whole images brighter or darker by {percent(abs(most['change']))} of "
        f"the range changes up to {percent(most['changed'])} of the predictions, noise "
        f"of that size {percent(most['changed_by_noise'])}"
    )
    if change:
        return f"{text}: brightness is a cue."
    if follows_noise(findings, thresholds):
        return f"{text}: it is sensitive to change, and not to light above all."
    return f"{text}."


def _tell_units(found: Mapping) -> str:
    parts = []
    for kind, quantity in found["kinds"].items():
        if kind == "cannot tell":
            quantity -= found["num_untold"]
        if not quantity:
            continue
        words = _KINDS.get(kind, (f"is of kind {kind}", f"are of kind {kind}"))
        text = words[quantity != 1]
        if text.startswith("for ") and not any(" for " in part for part in parts):
            text = f"look{'s' if quantity == 1 else ''} {text}"
        parts.append(f"{quantity} {text}")
    looked = f"Of {count(found['num_examined'], 'unit')} examined"
    if found["num_examined"] < found["num_units"]:
        looked += f" (of {found['num_units']} in these layers)"
    if found["num_untold"]:
        lacks = "has no map" if found["num_untold"] == 1 else "have no map"
        parts.append(f"{found['num_untold']} {lacks} and cannot be told")
    return f"{looked}, {listing(parts, most=99)}."
