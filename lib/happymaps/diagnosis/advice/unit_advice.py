"""Advice that follows from the diagnosis of single units."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import (
    count,
    listing,
    number,
    percent,
    piece_of_advice,
    points,
)


def advise_units(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return advice about layers: units to spare, units without a pattern, brightness.

    Args:
        findings: As `diagnose` gathers them: `removal`, `units`, `brightness`.
        thresholds: From which sizes a finding counts.
    """
    found = _advise_removal(findings["removal"], thresholds)
    found += _advise_noise(findings["units"]["layers"], thresholds)
    for layer in findings["units"]["layers"]:
        found.append(_advise_light(layer, findings["brightness"], thresholds))
    return [each for each in found if each is not None]


def _advise_removal(removal: Mapping, thresholds: Thresholds) -> list[dict]:
    found, harmless = [], []
    for layer in removal["layers"]:
        spare = len(layer["dead"]) + len(layer["doubles"])
        if spare < thresholds.spare_share * layer["num_units"]:
            continue
        if layer["accuracy_after"] - removal["accuracy"] < -thresholds.harmless:
            found.append(
                piece_of_advice(
                    f"Leave the units of {layer['layer']} as they are",
                    "Some look dead or double, but together the network needs them.",
                    f"{_tell_spare(layer)}{_tell_change(layer, removal['accuracy'])}.",
                    "note",
                )
            )
        else:
            harmless.append(layer)
    if harmless:
        found.insert(0, _advise_smaller(harmless, removal, thresholds))
    return found


def _advise_smaller(
    layers: list[Mapping], removal: Mapping, thresholds: Thresholds
) -> dict:
    sizes = [len(layer["dead"]) + len(layer["doubles"]) for layer in layers]
    parts = [
        f"{size} of {layer['num_units']} units of {layer['layer']}"
        for size, layer in zip(sizes, layers, strict=True)
    ]
    named = listing(parts)
    if len(parts) > 2:
        total = sum(layer["num_units"] for layer in layers)
        named = f"{sum(sizes)} of {total} units of {len(parts)} layers"
    told = "; ".join(
        f"{_tell_spare(layer)}{_tell_change(layer, removal['accuracy'])}"
        for layer in layers
    )
    together = removal["together"]
    change = together["accuracy_after"] - removal["accuracy"]
    if len(removal["layers"]) > 1:
        told += (
            f". Out of all layers at once ({together['num_units']} units): accuracy "
            f"{points(change)}, {percent(together['changed'])} of the predictions"
        )
    advice = (
        "They are dead, or double another unit. Train a network with so many fewer, or "
        "prune them: on images like these it does the same, and is smaller."
    )
    if change < -thresholds.harmless:
        advice = (
            "They are dead, or double another unit, and each layer alone does without "
            "them; the network without all of them at once loses some. Try one layer "
            "at a time."
        )
    return piece_of_advice(f"{named} could go", advice, f"{told}.", "worth doing")


def _tell_spare(layer: Mapping) -> str:
    parts = []
    if layer["dead"]:
        dead = len(layer["dead"])
        parts.append(f"{count(dead, 'unit')} never {'fires' if dead == 1 else 'fire'}")
    if layer["doubles"]:
        doubles = len(layer["doubles"])
        ending = "s" if doubles == 1 else ""
        parts.append(f"{count(doubles, 'unit')} double{ending} another")
    return f"{layer['layer']}: of {layer['num_units']} units, {listing(parts)}"


def _tell_change(layer: Mapping, accuracy: float) -> str:
    text = (
        f"; removing them changed the accuracy by "
        f"{points(layer['accuracy_after'] - accuracy)} and "
        f"{percent(layer['changed'])} of the predictions"
    )
    if layer["control_accuracy"] is None:
        return text
    control = points(layer["control_accuracy"] - accuracy)
    return f"{text} (as many others, drawn at random: {control})"


def _advise_noise(layers: list[Mapping], thresholds: Thresholds) -> list[dict]:
    noisy = [
        layer
        for layer in layers
        if layer["kinds"].get("noise", 0)
        >= thresholds.unclear_share * max(layer["num_mapped"], 1)
    ]
    if not noisy:
        return []
    return [
        piece_of_advice(
            f"Do not read the maps of {listing([layer['name'] for layer in noisy])}",
            "Half of them or more change with the random start, so that they show the "
            "start and not the unit. That alone does not make the units useless. A "
            "smoother map (more weight on total variation) or a longer training may "
            "show more.",
            "; ".join(_tell_noise(layer) for layer in noisy) + ".",
            "note",
        )
    ]


def _tell_noise(layer: Mapping) -> str:
    text = (
        f"{layer['name']}: {layer['kinds']['noise']} of {layer['num_mapped']} units "
        "with maps have maps that do not repeat"
    )
    change = layer["median_loss_change"]
    if change is None:
        return text
    return f"{text}; without one of these the cross-entropy changes by " + (
        f"{number(change, 2)} nat (median)"
    )


def _advise_light(
    layer: Mapping, changes: list[Mapping], thresholds: Thresholds
) -> dict | None:
    bright = layer["kinds"].get("brightness", 0)
    if bright < max(2, thresholds.brightness_share * layer["num_mapped"]):
        return None
    most = max(changes, key=lambda each: each["changed"])
    return piece_of_advice(
        f"{layer['name']} looks at brightness",
        "Many of its units answer to how bright the image is. That is common in a "
        "first layer and harmless as long as the predictions do not follow the light.",
        f"{bright} of {layer['num_mapped']} units with maps are of the kind "
        f"brightness; a change of the light by {percent(abs(most['change']))} of the "
        f"range turns up to {percent(most['changed'])} of the predictions.",
        "note",
    )
