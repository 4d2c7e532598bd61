"""Whether a network is fed as it was trained: its pixels, the order of its classes."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import (
    best_reading,
    better_readings,
    is_near_chance,
    reorders_classes,
)
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import finding, listing


def find_feeding(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return a finding on pixels or the order of classes, or that neither helps.

    Where both would help, that with which more images are named right: to exchange
    black and white can look like to exchange two classes, and the other way round.

    Args:
        findings: As `diagnose` gathers them: `readings`, `class_order`, `performance`.
        thresholds: From which sizes a finding counts.
    """
    reading = best_reading(findings, thresholds)
    ordered = reorders_classes(findings, thresholds)
    if reading and ordered:
        ordered = findings["class_order"]["accuracy_reordered"] > reading["accuracy"]
    if ordered:
        return [_find_order(findings)]
    if reading:
        return [_find_reading(findings, reading, thresholds)]
    return [_find_guessing(findings)] if is_near_chance(findings) else []


def _find_reading(findings: Mapping, reading: Mapping, thresholds: Thresholds) -> dict:
    others = [e for e in better_readings(findings, thresholds) if e is not reading]
    certain = "does better" if others else "was most likely trained so"
    advice = (
        "Find out how its training images were scaled, and do the same wherever it is "
        "used. "
    )
    if others:
        advice += f"As {listing([e['name'] for e in others])} it does about as well. "
    command = f"{findings['options']['command']} {reading['options']}"
    advice += "Then diagnose it again:" if reading["options"] else (
        "There is no option for it here: scale the image files themselves."
    )  # fmt: skip
    tried = findings["readings"]
    return finding(
        "preprocessing",
        "first",
        f"Feed its pixels as {reading['name']}: it {certain}.",
        advice,
        {
            "balanced accuracy so": reading["balanced_accuracy"],
            "as it is fed now": tried["balanced_accuracy"],
            "other readings tried": tried["num_tried"],
        }
        | {each["name"]: each["balanced_accuracy"] for each in others},
        command=command if reading["options"] else "",
        images=_mistakes(findings),
    )


def _find_order(findings: Mapping) -> dict:
    order, names = findings["class_order"], findings["dataset"]["class_names"]
    moved = [
        f"output {k} means ‘{names[true]}’, not ‘{names[k]}’"
        for k, true in enumerate(order["order"])
        if true != k
    ]
    return finding(
        "class order",
        "first",
        "Its predictions fit another order of the classes.",
        f"There {listing(moved)}. Classes are counted in the alphabetical order of the "
        "subfolders; a ground_truth.csv with the columns file and label can give "
        "another.",
        {
            "accuracy in that order": order["accuracy_reordered"],
            "in the given order": order["accuracy"],
        },
        images=_mistakes(findings),
    )


def _find_guessing(findings: Mapping) -> dict:
    measured, tried = findings["performance"], findings["readings"]
    return finding(
        "guessing",
        "first",
        "It does no better than guessing, however its pixels are read.",
        "Measure it on the images that it was trained with. If it is right there, it "
        "has not learned what these images need. If it is wrong there too, it was not "
        "trained, or not saved whole.",
        {
            "balanced accuracy": [
                measured["balanced_accuracy"],
                *measured["balanced_interval"],
            ],
            "guessing": measured["chance"],
            "best of the other readings": tried["readings"][0]["balanced_accuracy"],
            "other readings tried": tried["num_tried"],
        },
        images=_mistakes(findings),
    )


def _mistakes(findings: Mapping) -> list[int]:
    """Return the images that are named wrong with the most confidence."""
    return [each["index"] for each in findings["mistakes"]["shown"]]
