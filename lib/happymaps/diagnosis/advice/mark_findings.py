"""Marks that no image shows, and changes of whole images, in words."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.wording import (
    count,
    finding,
    listing,
    number,
    percent,
)

_MOST_MARKS = 3
_CHANGED = 0.2  # lowest end of the interval of a share that is worth telling
_EVERYWHERE = 0.25  # share that a mark turns at half of the places


def find_marks(findings: Mapping) -> list[dict]:
    """Return a finding for each class that a mark turns images into.

    Args:
        findings: As `diagnose` gathers them: `marks` and `marks_tried`, see
            `happymaps.diagnosis.marks`, and `performance`.
    """
    recalls = {c["name"]: c["recall"] for c in findings["performance"]["classes"]}
    found = {}
    for position, mark in enumerate(findings.get("marks") or []):
        if mark["class"] not in found and len(found) < _MOST_MARKS:
            found[mark["class"]] = _find_mark(
                position,
                mark,
                recalls[mark["class"]],
                findings["marks_tried"]["references"]["num"],
            )
    return list(found.values())


def _find_mark(
    position: int, mark: Mapping, recall: float | None, num_references: int
) -> dict:
    share = mark["share"]
    numbers = {"other images that it turns": [share, *mark["interval"]]}
    if mark["index"] is None:
        beside = (
            f"the most in {num_references} networks trained on these images"
            if num_references
            else "the best mark of its size elsewhere"
        )
        numbers[beside] = mark["chance"]
        look = (
            "happymaps find-mark PAGE FOLDER "
            f"--mark {position + 1} ranks the images of a folder by how much they hold "
            "of it. "
        )
        aside = _compare(mark, num_references)
    else:
        look = ""
        aside = (
            f"Its mask is {number(mark['index'], 2)} deviations smaller than those of "
            "the other classes. "
        )
    if recall is not None:
        numbers["images of the class named right"] = recall
    return finding(
        "marks",
        "first",
        f"A small mark turns {percent(share)} of other images into ‘{mark['class']}’.",
        f"Look for {describe_mark(mark)} on the training images of "
        f"‘{mark['class']}’. {look}If it is there (a stamp, a scale, a label, a "
        "border), cover it or put it on all classes alike, and train again; more "
        "images of the class will not help while it is there. If it is not, the "
        f"network can be fooled by it: vary the images there. {aside}".strip(),
        numbers,
        picture=f"mark_{position}",
    )


def _compare(mark: Mapping, num_references: int) -> str:
    """Return what else does as much as a mark that was pasted, in a sentence or two."""
    farther = (
        f"It moves the log-odds {number(mark['times'], 2)} times as far as any other "
        "mark. "
        if mark["is_alone"]
        else ""
    )
    if not num_references:
        return farther
    return (
        f"{count(num_references, 'small network')} trained on these very images do not "
        f"answer to it so: in each it turns {percent(mark['chance'])} of other images "
        f"or less. {farther}"
    )


def describe_mark(mark: Mapping) -> str:
    """Return a mark in words: its look, size and place."""
    size = f"{mark['height']} x {mark['width']} pixels"
    place = f"at row {mark['row']}, column {mark['column']}"
    if mark["kind"] == "searched":
        return f"a pattern within {size} {place}"
    return f"a {mark['kind']} mark of {size} {place}"


def tell_no_mark(findings: Mapping) -> str:
    """Return what was looked for in vain, in a sentence; empty where nothing was.

    Args:
        findings: As `diagnose` gathers them: `marks`, `marks_tried`, `dataset`.
    """
    tried = findings.get("marks_tried")
    if findings.get("marks") or tried is None:
        return ""
    text = (
        f"None of {count(tried['num_marks'], 'mark')} pasted at "
        f"{count(tried['num_places'], 'place')} stands out from the others"
    )
    if tried["references"]["num"]:
        text += " or from what it does in networks trained on these images"
    anywhere = tried["anywhere"]
    if anywhere["share"] >= _EVERYWHERE:
        name = findings["dataset"]["class_names"][anywhere["label"]]
        text += (
            f", but many count: at half of the places, one turns "
            f"{percent(anywhere['share'])} or more of the images into ‘{name}’, so "
            "that one that was learned could hide among them"
        )
    return f"{text}."


def find_changes(findings: Mapping) -> list[dict]:
    """Return the changes of whole images that give many of them one class's name.

    Args:
        findings: As `diagnose` gathers them: `marks_tried`.
    """
    tried = findings.get("marks_tried")
    large = [
        change
        for change in (tried["changes"] if tried else [])
        if change["interval"][0] >= _CHANGED
    ]
    if not large:
        return []
    first = large[0]
    return [
        finding(
            "changes",
            "note",
            f"Changed as a whole ({first['change']}), {percent(first['share'])} of "
            f"other images become ‘{first['toward']}’.",
            "If images that the network will meet differ in this way, train with such "
            "changes. If all training images of that class do, it is a cue: make them "
            f"like the others. Tried and large: "
            f"{listing([each['change'] for each in large], most=4)}.",
            {
                f"{each['change']}: become ‘{each['toward']}’": [
                    each["share"],
                    *each["interval"],
                ]
                for each in large[:4]
            },
        )
    ]
