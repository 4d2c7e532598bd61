"""The findings in sentences, and what cannot be told from them."""

from collections.abc import Mapping

from happymaps.examination.recommendations import (
    best_reading,
    follows_brightness,
    is_near_chance,
    is_suspicious,
    reorders_classes,
)
from happymaps.examination.thresholds import Thresholds
from happymaps.examination.wording import (
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
        findings: As `examine` gathers them, see there.
        thresholds: From which sizes a finding counts.
    """
    return [
        _tell_accuracy(findings),
        _tell_classes(findings),
        _tell_confidence(findings),
        _tell_reading(findings, thresholds),
        _tell_window(findings, thresholds),
        _tell_light(findings, thresholds),
        _tell_units(findings["units"]),
    ]


def list_unknown(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return what cannot be told, and why: `question` and `why`."""
    found = [
        (
            "Whether all this holds for new images",
            "A saved network does not say which images it learned from. If it has seen "
            "these, its accuracy here says nothing about others: bring images that it "
            "has not seen.",
        ),
        (
            "Whether it answers to a mark that is on none of these images",
            "What no image shows cannot be covered, and no heat map shows it.",
        ),
    ]
    if not findings["dataset"]["regions"]:
        found.append(
            (
                "Which part of the subject the decisions rest on",
                "Nothing says which pixels show what: only synthetic_faces has masks. "
                "Shares are given for the frame and for windows instead.",
            )
        )
    found += _unknown_mistakes(findings, thresholds)
    found += _unknown_places(findings, thresholds)
    found += _unknown_units(findings)
    return [{"question": question, "why": why} for question, why in found]


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
            f"{percent(tried['balanced_accuracy'])}: it was most likely trained so."
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
    if found["changed"] == 0:
        return (
            f"Covering any one of {found['num_windows']} windows with the average "
            "image changes next to none of the predictions: no single place decides."
        )
    text = (
        f"Covering the {place} ({height} x {width} pixels, {percent(found['area'])} of "
        f"the image) changes {percent(found['changed'])} of the predictions, more than "
        f"any other window; {percent(found['median_changed'])} is the median"
    )
    if is_suspicious(findings, thresholds):
        most = "Most" if found["changed"] > 0.5 else "Many"
        return f"{text}. {most} decisions rest on it."
    if found["interval"][0] < thresholds.covering:
        return f"{text}. No single place decides."
    return f"{text}. Other places count nearly as much."


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
    return f"{text}: brightness is a cue." if change else f"{text}."


def _tell_units(found: Mapping) -> str:
    parts = []
    for kind, quantity in found["kinds"].items():
        words = _KINDS.get(kind, (f"is of kind {kind}", f"are of kind {kind}"))
        text = words[quantity != 1]
        if text.startswith("for ") and not any(" for " in part for part in parts):
            text = f"look{'s' if quantity == 1 else ''} {text}"
        parts.append(f"{quantity} {text}")
    looked = f"Of {count(found['num_examined'], 'unit')} examined"
    if found["num_examined"] < found["num_units"]:
        looked += f" (of {found['num_units']} in these layers)"
    return f"{looked}, {listing(parts, most=99)}."


def _unknown_mistakes(findings: Mapping, thresholds: Thresholds) -> list[tuple]:
    performance = findings["performance"]
    wrong = performance["num_images"] - performance["num_right"]
    found = []
    if wrong < thresholds.least_images:
        found.append(
            (
                "What the mistakes have in common",
                f"There {'is' if wrong == 1 else 'are'} {count(wrong, 'mistake')}; "
                f"fewer than {thresholds.least_images} show no pattern.",
            )
        )
    few = [
        each["name"]
        for each in performance["classes"]
        if each["images"] < thresholds.least_images
    ]
    if few:
        found.append(
            (
                f"How well {listing([quote(name) for name in few])} is recognized",
                f"Fewer than {thresholds.least_images} images show it.",
            )
        )
    return found


def _unknown_places(findings: Mapping, thresholds: Thresholds) -> list[tuple]:
    covering = findings["covering"]
    if covering is None:
        return []  # told in the summary
    if covering["interval"][1] < thresholds.covering:
        return [
            (
                "Whether the network has learned a shortcut at one place",
                "Covering any window changes next to nothing, so a cue would have to "
                "stand in several places at once, or be as large as the image.",
            )
        ]
    return []


def _unknown_units(findings: Mapping) -> list[tuple]:
    found, units = [], findings["units"]
    if units["num_examined"] < units["num_units"]:
        left = units["num_units"] - units["num_examined"]
        found.append(
            (
                f"What {count(left, 'unit')} of these layers "
                f"{'does' if left == 1 else 'do'}",
                "They were left out to end in minutes, evenly in each layer. Ask for "
                "more with --units.",
            )
        )
    for why, quantity in list(units["reasons"].items())[:3]:
        found.append((f"What {count(quantity, 'unit')} looked at respond to", why))
    return found
