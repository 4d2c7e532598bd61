"""Marks and changes of whole images in words, and what to do about them."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    number,
    percent,
    percent_range,
    piece_of_advice,
    probability,
)

_MOST = 3  # findings that get advice of their own
_CHANGED = 0.2  # lowest end of the interval of a share that is worth advice
_EVERYWHERE = 0.25  # share that a mark turns at half of the places


def tell_marks(findings: Mapping) -> str:
    """Return a sentence on marks that no image shows.

    Args:
        findings: As `diagnose` gathers them: `marks`, `marks_tried`, `dataset`.
    """
    tried = findings["marks_tried"]
    if tried is None:
        return "Whether it answers to a mark cannot be told: there are too few images."
    if findings["marks"]:
        first, *others = findings["marks"]
        text = (
            f"{describe_mark(first).capitalize()} turns {percent(first['share'])} of "
            f"all other images into ‘{first['class']}’ (95 % interval "
            f"{percent_range(*first['interval'])})"
        )
        if first["chance"] is not None:
            text += _tell_others(first)
        if others:
            text += f"; {count(len(others), 'more mark')} did so less"
        return f"{text}. It may be on none of these images."
    text = (
        f"None of {count(tried['num_marks'], 'mark')} pasted at "
        f"{count(tried['num_places'], 'place')} stands out from the others"
    )
    if tried["anywhere"]["share"] >= _EVERYWHERE:
        return (
            f"{text}, but many count: at half of the places, a mark turns "
            f"{percent(tried['anywhere']['share'])} or more of the images into "
            f"‘{_name(findings, tried['anywhere']['label'])}’, so that one that was "
            "learned could hide among them."
        )
    return f"{text}."


def _tell_others(mark: Mapping) -> str:
    if mark["chance"] <= mark["share"] / 2:
        return (
            f", and no other mark of its size elsewhere turns more than "
            f"{percent(mark['chance'])}"
        )
    return (
        f", and moves the log-odds {number(mark['times'], 2)} times as far as any "
        "other mark of its size elsewhere"
    )


def describe_mark(mark: Mapping) -> str:
    """Return a mark in words: its look, size and place."""
    size = f"{mark['height']} x {mark['width']} pixels"
    place = f"at row {mark['row']}, column {mark['column']}"
    if mark["kind"] == "searched":
        return f"a pattern within {size} {place}"
    article = "an" if mark["kind"] == "average" else "a"
    return f"{article} {mark['kind']} mark of {size} {place}"


def advise_marks(findings: Mapping) -> list[dict]:
    """Return advice on marks that stand out, and on changes of whole images.

    Args:
        findings: As `diagnose` gathers them: `marks`, `marks_tried`.
    """
    found = [
        _advise_mark(position, mark)
        for position, mark in enumerate(findings["marks"][:_MOST], start=1)
    ]
    return found + _advise_changes(findings)


def _advise_mark(position: int, mark: Mapping) -> dict:
    rests_on = (
        f"Pasted into {count(mark['num_images'], 'image')} that are not named "
        f"‘{mark['class']}’, it turns {percent(mark['share'])} into it (95 % interval "
        f"{percent_range(*mark['interval'])})"
    )
    if mark["index"] is None:
        rests_on += (
            f"; the best mark of its size elsewhere turns {percent(mark['chance'])} "
            f"(one as good would do as much with probability "
            f"{probability(mark['p'])}). It moves the log-odds "
            f"{number(mark['times'], 2)} times as far as any other mark, or any piece "
            "of another image"
        )
        look = (
            "Look for it among the training images: happymaps find-mark PAGE FOLDER "
            f"--mark {position} ranks those of a folder by how much they hold of it. "
        )
    else:
        rests_on += (
            f"; its mask is {number(mark['index'], 2)} deviations smaller than those "
            "of the other classes"
        )
        look = "Look at the pattern, and for it among the training images. "
    return piece_of_advice(
        f"Look for a mark on the training images of ‘{mark['class']}’: "
        f"{describe_mark(mark)}",
        "The network answers to it more than to anything else of its size, wherever "
        f"that lies. {look}If it is there (a stamp, a scale, a label, a border), cover "
        "it or put it on all classes alike, and train again. If it is not, the network "
        "can be fooled by it: vary the images there.",
        f"{rests_on}.",
        "first",
    )


def _advise_changes(findings: Mapping) -> list[dict]:
    tried = findings["marks_tried"]
    large = [
        change
        for change in (tried["changes"] if tried else [])
        if change["interval"][0] >= _CHANGED
    ]
    if not large:
        return []
    told = [
        f"{change['change']} turns {percent(change['share'])} into ‘{change['toward']}’"
        for change in large
    ]
    return [
        piece_of_advice(
            "Vary whole images in training: "
            f"{listing([change['change'] for change in large], most=3)}",
            "So changed, many images get the name of one class. If images that the "
            "network will meet differ in this way, train with such changes; if all "
            "training images of that class do, they are a cue: make them like the "
            "others.",
            f"Of the images not named so before: {listing(told, most=4)}.",
            "note",
        )
    ]


def _name(findings: Mapping, label: int) -> str:
    return findings["dataset"]["class_names"][label]
