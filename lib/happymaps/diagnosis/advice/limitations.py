"""What cannot be told from the findings, and why."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.criteria import is_suspicious, told_groups
from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    percent,
    percent_range,
    quote,
)


def list_unknown(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return what cannot be told, and why: `question` and `why`."""
    found = [
        *_unknown_draws(findings),
        *_unknown_outputs(findings),
        *_unknown_layers(findings),
        _unknown_marks(findings),
        *_unknown_sources(findings),
    ]
    if "learned" not in findings:
        alike = " Hold out whole people, or videos: images of one are alike."
        found.append(
            (
                "Whether all this holds for new images",
                "A saved network does not say which images it learned from. If it has "
                "seen these, its accuracy here says nothing about others: bring images "
                "that it has not seen, and its own with --training-images."
                + (alike if findings["dataset"]["sources"] else ""),
            )
        )
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


def _unknown_marks(findings: Mapping) -> tuple[str, str]:
    tried = findings.get("marks_tried")
    if tried is None:
        return (
            "Whether it answers to a mark that is on none of these images",
            "Marks are tried on one half of the images and measured on the other, and "
            "there are too few.",
        )
    sides = listing([f"{side} x {side}" for side in tried["sides"]])
    return (
        "Whether it answers to a mark of another form",
        f"Tried were {listing(tried['kinds'], most=9)} marks of {sides} pixels. One "
        "that is fainter, larger, of another form, or not always at one place may go "
        "unseen, and so may one among other marks that do as much."
        + _unreferred(tried["references"]),
    )


def _unreferred(about: Mapping) -> str:
    """Return what follows where there are no references, and why; else nothing."""
    if about["num"]:
        return ""
    right, guess = (about[name] for name in ("accuracy", "guess"))
    why = (
        "there are too many classes to train other networks on these images, to "
        "compare with"
        if right is None
        else "other networks, trained on these images to compare with, hardly "
        f"tell them apart ({percent(right)} right, {percent(guess)} by guessing)"
    )
    return f" Only one that does far more than any other is told: {why}."


def _unknown_sources(findings: Mapping) -> list[tuple]:
    sources = findings["dataset"]["sources"]
    if not sources or not sources["num_learned"]:
        return []
    one = "person" if sources["column"] == "person" else "video"
    return [
        (
            f"Whether it knows the class, or the {one}",
            f"It learned from images of {sources['num_learned']} of the "
            f"{sources['number']} (column {sources['column']!r}) that these are of, "
            f"and images of one {one} are alike. Bring images of others, as "
            'split_dataset(by="person") holds them out.',
        )
    ]


def _unknown_mistakes(findings: Mapping, thresholds: Thresholds) -> list[tuple]:
    performance = findings["performance"]
    wrong = performance["num_images"] - performance["num_right"]
    found = []
    if wrong < thresholds.least_images and not told_groups(findings, thresholds):
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
    question = "Whether the network has learned a shortcut at one place"
    if covering is None:
        return [(question, "There are too few images to cover parts of.")]
    if is_suspicious(findings, thresholds):
        return []
    low, high = covering["interval"]
    if high < thresholds.covering:
        return [
            (
                question,
                "Covering any window changes next to nothing, so a cue would have to "
                "stand in several places at once, or be as large as the image.",
            )
        ]
    if covering["changed"] < thresholds.outstanding * covering["median_changed"]:
        return [(question, "Covering other places changes nearly as many answers.")]
    return [
        (
            question,
            f"Covering one window changes {percent(covering['changed'])} of the "
            f"answers for {count(covering['num_images'], 'image')}; by these it may be "
            f"{percent_range(low, high)}.",
        )
    ]


def _unknown_units(findings: Mapping) -> list[tuple]:
    found, units = [], findings["units"]
    left = units["num_untold"] + units["num_units"] - units["num_examined"]
    if left:
        found.append(
            (
                f"What {count(left, 'unit')} of these layers "
                f"{'responds' if left == 1 else 'respond'} to",
                "No map was made of them, to end in minutes; they are neither dead nor "
                "always on nor a double of another. Ask for more maps with --units.",
            )
        )
    for why, quantity in list(units["reasons"].items())[:3]:
        found.append((f"What {count(quantity, 'unit')} looked at respond to", why))
    return found


def _unknown_layers(findings: Mapping) -> list[tuple]:
    asked, found = findings["options"], []
    left, all_images = asked["left_out"], findings["dataset"]["num_images"]
    if left:
        found.append(
            (
                f"What the units of {count(len(left), 'other layer')} do",
                f"A network of this size has a few layers looked into, to end in "
                f"minutes. Left out: {listing(left)}. Ask for them with --layers.",
            )
        )
    fewer = [
        f"{asked[name]} {what}"
        for name, what in (("maps_per_layer", "units of each layer"),
                           ("seeds", "starts"), ("num_steps", "steps"))
        if asked[name] != asked["asked"][name]
    ]  # fmt: skip
    if fewer:
        found.append(
            (
                "How sure the maps of units are",
                f"A network of this size gets fewer maps: {listing(fewer)}. Ask for a "
                "layer with --layers, and it gets all of them.",
            )
        )
    if asked["num_looked_at"] < all_images:
        found.append(
            (
                "Whether all images bear out what some show",
                f"The accuracy is that of all {all_images} images. Where the decisions "
                "rest, other readings, light and units were measured on "
                f"{asked['num_looked_at']} of them, to end in minutes.",
            )
        )
    return found


def _unknown_draws(findings: Mapping) -> list[tuple]:
    question = "What the network answers when it is asked again"
    return [(question, why) for why in findings["model"]["randomness"]]


def _unknown_outputs(findings: Mapping) -> list[tuple]:
    if not findings["model"]["is_single_logit"]:
        return []
    name = findings["dataset"]["class_names"][1]
    return [
        (
            "Whether its one output is a classifier's",
            f"It has no activation, and above 0 was read as {quote(name)}. If the "
            "network estimates a quantity, or was trained for another limit than 0, "
            "nothing on this page holds.",
        )
    ]
