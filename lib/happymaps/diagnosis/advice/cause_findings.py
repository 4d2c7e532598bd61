"""What may explain the mistakes: one place, the whole image, labels, light, noise."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import (
    doubts_labels,
    follows_brightness,
    follows_noise,
    is_suspicious,
    rests_on_whole,
)
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import count, finding, percent


def find_place(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return the window that decides far more than any other does, if any.

    Where a mark was found there, that one tells more, and nothing is said of the place.

    Args:
        findings: As `diagnose` gathers them: `covering`, and `marks` where looked for.
        thresholds: From which sizes a finding counts.
    """
    if not is_suspicious(findings, thresholds):
        return []
    covering = findings["covering"]
    top, left, height, width = covering["window"]
    for mark in findings.get("marks") or []:
        below = mark["row"] < top + height and top < mark["row"] + mark["height"]
        beside = mark["column"] < left + width and left < mark["column"] + mark["width"]
        if below and beside:
            return []
    where = f"the {covering['corner']} corner" if covering["corner"] else (
        "a place at the edge" if covering["touches_edge"] else "one place"
    )  # fmt: skip
    peripheral = covering["corner"] or covering["touches_edge"]
    return [
        finding(
            "place",
            "first" if peripheral else "worth doing",
            f"Covering {where} changes {percent(covering['changed'])} of its answers.",
            f"Look at rows {top} to {top + height - 1}, columns {left} to "
            f"{left + width - 1}. If what makes the classes is there, all is well. If "
            "it is a mark, a border or a background, crop or cover it in the training "
            "images, and train again.",
            {
                "answers that change": [covering["changed"], *covering["interval"]],
                "the median of all windows": covering["median_changed"],
                "balanced accuracy with nothing but the window": covering[
                    "balanced_alone"
                ],
                "guessing": covering["chance"],
            },
            picture="covering",
        )
    ]


def find_cue(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return whether decisions rest on light, contrast or color of the whole image.

    Args:
        findings: As `diagnose` gathers them: `leveling`.
        thresholds: From which sizes a finding counts.
    """
    cue = rests_on_whole(findings, thresholds)
    if cue is None:
        return []
    name = cue["property"]
    return [
        finding(
            "cue",
            "worth doing",
            f"Brought to the same {name}, {percent(cue['changed'])} of the images get "
            "another name.",
            f"The classes differ in {name}, and the network goes by it. If {name} is "
            "what makes the classes, all is well. If it comes from the camera, the "
            f"room or the day, bring each image to the same {name}, in training and in "
            "use, or vary it in training, and train again.",
            {
                "images with another name": [cue["changed"], *cue["interval"]],
                "named right": cue["accuracy"],
                f"with the same {name}": cue["accuracy_leveled"],
                f"with the {name} of another image of the class": cue[
                    "accuracy_in_class"
                ],
            },
            picture=f"leveled_{name}",
        )
    ]


def find_labels(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return the images whose labels look wrong, if there are more than by chance.

    Args:
        findings: As `diagnose` gathers them: `labels`.
        thresholds: From which sizes a finding counts.
    """
    if not doubts_labels(findings, thresholds):
        return []
    labels = findings["labels"]
    number = count(round(labels["wrong_share"] * labels["num_images"]), "label")
    return [
        finding(
            "labels",
            "worth doing",
            f"About {number} of these images may be wrong.",
            "Look at these images, and mend what is wrong; all are listed in "
            "summary.json, under labels, the most doubtful first. Then measure again: "
            "until then the accuracy is too low by about that share. If these images "
            "were in its training, it may have learned some wrong labels by heart; "
            "those are not found here.",
            {
                "labels that look wrong": [
                    labels["wrong_share"],
                    *labels["wrong_interval"],
                ],
                "confident contradictions": labels["confident"],
                "expected by chance": round(labels["expected"]),
            },
            images=[each["index"] for each in labels["suspected"]],
        )
    ]


def find_light(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return whether predictions follow the light, or noise of that size.

    Args:
        findings: As `diagnose` gathers them: `brightness`.
        thresholds: From which sizes a finding counts.
    """
    if rests_on_whole(findings, thresholds):  # which tells more
        return []
    change = follows_brightness(findings, thresholds)
    noise = change is None and follows_noise(findings, thresholds)
    if change:
        way = "Brighter" if change["change"] > 0 else "Darker"
        return [
            finding(
                "light",
                "worth doing",
                f"{way} images change their name, more often to ‘{change['toward']}’.",
                "Vary brightness and contrast in training, or bring each image to the "
                "same mean before the network sees it.",
                _light_numbers(change),
                picture="brightness",
            )
        ]
    if noise:
        return [
            finding(
                "noise",
                "note",
                "Noise changes its answers more than light does.",
                "If the images that it will meet are noisier than these (a poorer "
                "camera, less light, stronger compression), train with such images. If "
                "not, nothing needs to be done.",
                _light_numbers(noise),
                picture="brightness",
            )
        ]
    return []


def _light_numbers(change: Mapping) -> dict:
    return {
        "change of the light, of the range": abs(change["change"]),
        "answers that change": change["changed"],
        "with noise of that size": change["changed_by_noise"],
    }
