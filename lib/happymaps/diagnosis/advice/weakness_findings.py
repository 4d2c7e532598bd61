"""Where a network is weak: its confidence, groups of images, single classes.

A class gets the advice to add images only where other causes were looked for, and none
of them explains its mistakes.
"""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import (
    doubts_labels,
    rests_on_whole,
    told_groups,
)
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import finding, listing, number

_TRUE_CLASS = "true class"


def find_confidence(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return whether confidence and accuracy lie apart.

    Wrong labels look like too much confidence: where there are some, nothing is told.

    Args:
        findings: As `diagnose` gathers them: `calibration`, `labels`.
        thresholds: From which sizes a finding counts.
    """
    found = findings["calibration"]
    if found["ece"] < thresholds.least_ece or found["ece"] <= found["chance_high"]:
        return []
    if doubts_labels(findings, thresholds):
        return []
    helps = found["ece_after"] < found["ece_before"]
    remedy = (
        f"Divide its logits by {number(found['temperature'])} (temperature scaling), "
        "or do not take its confidence at its word."
        if helps
        else "Do not take its confidence at its word. One temperature for all logits "
        "does not mend it here."
    )
    numbers = {
        "calibration error": found["ece"],
        "by chance, 95 % below": found["chance_high"],
        "mean confidence": found["mean_confidence"],
    }
    if helps:
        numbers["error on other images, mended so"] = found["ece_after"]
    way = "surer" if found["gap"] > 0 else "less sure"
    return [
        finding(
            "confidence",
            "worth doing",
            f"It is {way} of its answers than it should be.",
            remedy,
            numbers,
            picture="calibration",
        )
    ]


def find_groups(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return the groups of images in which mistakes gather, as one finding.

    Args:
        findings: As `diagnose` gathers them: `mistakes`.
        thresholds: From which sizes a finding counts.
    """
    groups = told_groups(findings, thresholds)
    if not groups:
        return []
    first = groups[0]
    others = [f"{g['column']} {g['value']}" for g in groups[1:]]
    advice = (
        "Look how these images differ from the others, whether their labels are right, "
        "and whether it learned from enough of their kind. To see how new ones will "
        f"fare, hold out whole values of ‘{first['column']}’ when training, not single "
        "images."
    )
    if others:
        advice += f" Mistakes gather in {listing(others, most=4)}, too."
    return [
        finding(
            "group",
            "worth doing",
            f"Its mistakes gather in {first['column']} {first['value']}.",
            advice,
            {
                "images": first["images"],
                "named wrong": first["mistakes"],
                "share wrong": first["rate"],
                "share wrong elsewhere": first["rate_elsewhere"],
            },
            images={"column": first["column"], "value": first["value"]},
        )
    ]


def find_classes(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return the classes that are clearly weaker and that no other cause explains.

    Args:
        findings: As `diagnose` gathers them: `performance`, `labels`, and `marks` where
            marks were looked for.
        thresholds: From which sizes a finding counts.
    """
    measured = findings["performance"]
    marked = {mark["class"] for mark in findings.get("marks") or []}
    found = []
    for each in measured["classes"]:
        if each["images"] < thresholds.least_images or each["name"] in marked:
            continue
        clearly = each["interval"][1] < measured["balanced_accuracy"]
        weak = each["recall"] < thresholds.low_recall and clearly
        if weak and not _blames_labels(findings, each, thresholds):
            found.append(_find_class(each, findings, thresholds))
    return found


def _blames_labels(findings: Mapping, weak: Mapping, thresholds: Thresholds) -> bool:
    """Return whether half of a class's mistakes or more may be wrong labels."""
    if not doubts_labels(findings, thresholds):
        return False
    wrong = weak["images"] * (1 - weak["recall"])
    return findings["labels"]["by_class"].get(weak["name"], 0) >= wrong / 2


def _find_class(weak: Mapping, findings: Mapping, thresholds: Thresholds) -> dict:
    name, other = weak["name"], weak["mistaken_for"]
    advice = "Look at its mistakes first. "
    if findings.get("marks_tried") is None:
        advice += (
            "Marks were not looked for: more images do not help if it has learned one."
        )
    elif told_groups(findings, thresholds):
        advice += "They may be those of the group above: look there before you add any."
    elif cue := rests_on_whole(findings, thresholds):
        advice += (
            f"They may come of the {cue['property']}: look there before you add any."
        )
    else:
        advice += (
            "Nothing else explains them: not the pixels, the order of the classes, a "
            "mark or the labels. Give the class more to learn from: add images, or "
            "weigh it more in training."
        )
    return finding(
        "class",
        "worth doing",
        f"‘{name}’ is often taken for ‘{other}’.",
        advice,
        {
            "images": weak["images"],
            "named right": [weak["recall"], *weak["interval"]],
            "mean over the classes": findings["performance"]["balanced_accuracy"],
            f"taken for ‘{other}’": weak["mistaken_count"],
        },
        images={"column": _TRUE_CLASS, "value": name},
    )


def find_learned(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return whether the images that it was trained with are named right more often.

    Args:
        findings: As `diagnose` gathers them: `performance`, and `learned` where the
            images of its training are at hand.
        thresholds: From which sizes a finding counts.
    """
    learned, new = findings.get("learned"), findings["performance"]
    if learned is None:
        return []
    gap = learned["balanced_accuracy"] - new["balanced_accuracy"]
    sure = learned["balanced_interval"][0] > new["balanced_interval"][1]
    if not sure or gap < thresholds.least_gain:
        return []
    return [
        finding(
            "learned",
            "worth doing",
            "It does clearly better on its training images than on these.",
            "It has learned some of them by heart, or these are of another kind. Train "
            "with more varied images, with augmentation, or stop earlier, and measure "
            "each on images like these.",
            {
                "balanced accuracy on its training images": [
                    learned["balanced_accuracy"],
                    *learned["balanced_interval"],
                ],
                "on these": [new["balanced_accuracy"], *new["balanced_interval"]],
            },
        )
    ]
