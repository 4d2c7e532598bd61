"""What was found, in order of suspicion, and the one sentence that the page opens with.

The order is that in which a careful reader would look for a cause: what makes all else
doubtful comes first, and what a cause explains is not told as one of its own.
"""

import dataclasses
from collections.abc import Mapping

from happymaps.diagnosis.advice.cause_findings import (
    find_cue,
    find_labels,
    find_light,
    find_place,
)
from happymaps.diagnosis.advice.feeding_findings import find_feeding
from happymaps.diagnosis.advice.limitations import list_unknown
from happymaps.diagnosis.advice.mark_findings import (
    find_changes,
    find_marks,
    tell_no_mark,
)
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.track_record import tell_missed, tell_record
from happymaps.diagnosis.advice.unit_findings import find_units
from happymaps.diagnosis.advice.weakness_findings import (
    find_classes,
    find_confidence,
    find_groups,
    find_learned,
)
from happymaps.diagnosis.advice.wording import percent

_FEEDING = ("preprocessing", "class order", "guessing")
_WEIGHTS = ("first", "worth doing", "note")
_NOTHING = "nothing"

# Each with at most one number and 15 words, whatever the classes are called.
HEADLINES = {
    "preprocessing": "Its images are fed wrongly: mend this, then diagnose it again.",
    "class order": "Its classes are in another order than those of these images.",
    "guessing": "On these images it does no better than guessing.",
    "marks": "Do not trust it yet: a small mark can decide its answer.",
    "place": "It names {right} right, and much of that rests on one place.",
    "cue": "It names {right} right, and some of that rests on light or color.",
    "labels": "It names {right} right, and some of the labels look wrong.",
    "confidence": "It names {right} right, but not as often as it says.",
    "light": "It names {right} right, but the light changes its answers.",
    "group": "It names {right} right, and its mistakes gather in one group.",
    "class": "It names {right} right, but one class clearly less often.",
    "learned": "It names {right} right, and its training images clearly more often.",
    _NOTHING: "It names {right} right, and nothing measured here calls for a change.",
}  # fmt: skip


def conclude(findings: Mapping, thresholds: Thresholds) -> dict:
    """Return what follows from the measured facts, as plain data.

    Args:
        findings: As `diagnose` gathers them, see there.
        thresholds: From which sizes a finding counts.

    Returns:
        `headline`: one sentence; `findings`, see `list_findings`; `checked`: what was
        looked at without a finding, in sentences; `missed`: where nothing but notes was
        found, which flaws got no finding in a benchmark, else empty;
        `unknown`: what cannot be told; and the `thresholds`.
    """
    found = list_findings(findings, thresholds)
    return {
        "headline": _open(findings, found),
        "findings": found,
        "checked": _list_checked(findings, found, thresholds),
        "missed": "" if _kinds_told(found) else tell_missed(),
        "unknown": list_unknown(findings, thresholds),
        "thresholds": dataclasses.asdict(thresholds),
    }


def list_findings(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return what was found, the weightiest first, each with what to do about it.

    A network that is fed wrongly shows nothing of what it does when it is fed right:
    then nothing else is told.

    Args:
        findings: As `diagnose` gathers them, see there.
        thresholds: From which sizes a finding counts.

    Returns:
        `kind`; `weight`: `"first"`, `"worth doing"` or `"note"`; `sentence`; `advice`;
        `command`, to be given as it stands, or empty; `numbers`, by what they are: an
        int is a count, a float a share, three floats a share with its 95 % interval;
        `picture`, the name of one among the pictures of the diagnosis, `"calibration"`
        or `"brightness"` for a chart, or empty; `images`: which images show it, as
        `happymaps.diagnosis.behavior.errors.pick_examples` reads it; `record`: how
        often such a finding was right in a benchmark, or empty.
    """
    found = find_feeding(findings, thresholds) or _find_causes(findings, thresholds)
    return [each | {"record": tell_record(each["kind"])} for each in found]


def _find_causes(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    found = [
        *find_marks(findings),
        *find_place(findings, thresholds),
        *find_cue(findings, thresholds),
        *find_labels(findings, thresholds),
        *find_confidence(findings, thresholds),
        *find_light(findings, thresholds),
        *find_changes(findings),
        *find_groups(findings, thresholds),
        *find_classes(findings, thresholds),
        *find_learned(findings, thresholds),
        *find_units(findings, thresholds),
    ]
    return sorted(found, key=lambda each: _WEIGHTS.index(each["weight"]))


def _kinds_told(found: list[dict]) -> list[str]:
    """Return the kinds of findings that are more than notes."""
    return [each["kind"] for each in found if each["weight"] != "note"]


def _open(findings: Mapping, found: list[dict]) -> str:
    told = _kinds_told(found)
    right = percent(findings["performance"]["accuracy"])
    return HEADLINES[told[0] if told else _NOTHING].format(right=right)


def _list_checked(
    findings: Mapping, found: list[dict], thresholds: Thresholds
) -> list[str]:
    kinds = {each["kind"] for each in found}
    if kinds & set(_FEEDING):
        return []
    clear = {
        "preprocessing": "Other ways to read the pixels do not do better.",
        "class order": "No other order of the classes fits better.",
        "labels": "No more images contradict their labels than chance would bring.",
        "confidence": "It is right about as often as it says.",
        "light": "Somewhat brighter or darker, nearly all images keep their names.",
        "noise": "With a little noise, nearly all images keep their names.",
        "group": "No group of images gathers its mistakes.",
        "class": "No class is clearly weaker than the others.",
    }
    changed = [each["changed"] for each in findings["leveling"]]
    if changed and max(changed) < thresholds.brightness:
        clear["cue"] = (
            "Of the same brightness or contrast, nearly all keep their names."
        )
    if sentence := tell_no_mark(findings):
        clear["marks"] = sentence
    if "learned" in findings:
        clear["learned"] = "It does not do clearly better on its training images."
    # What a cause explains, or what is only the smaller of two, is not called fine.
    if kinds & {"labels", "marks"}:
        kinds |= {"class"}
    if "labels" in kinds:
        kinds |= {"confidence"}
    if kinds & {"cue", "noise"}:
        kinds |= {"light"}
    return [sentence for kind, sentence in clear.items() if kind not in kinds]
