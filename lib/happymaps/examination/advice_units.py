"""Advice that follows from the diagnosis of single units."""

from collections.abc import Mapping

from happymaps.examination.thresholds import Thresholds
from happymaps.examination.wording import count, listing, number, percent, points


def advise_units(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return advice about layers: units to spare, units without a pattern, brightness.

    Args:
        findings: As `examine` gathers them: `removal`, `units`, `brightness`.
        thresholds: From which sizes a finding counts.
    """
    found = [_advise_removal(each, thresholds) for each in findings["removal"]]
    for layer in findings["units"]["layers"]:
        found.append(_advise_noise(layer, thresholds))
        found.append(_advise_light(layer, findings["brightness"], thresholds))
    return [each for each in found if each is not None]


def _advise_removal(removal: Mapping, thresholds: Thresholds) -> dict | None:
    spare = len(removal["dead"]) + len(removal["doubles"])
    if spare < thresholds.spare_share * removal["num_units"]:
        return None
    parts = []
    if removal["dead"]:
        parts.append(f"{count(len(removal['dead']), 'unit')} never fire" + (
            "s" if len(removal["dead"]) == 1 else ""))  # fmt: skip
    if removal["doubles"]:
        doubles = len(removal["doubles"])
        parts.append(
            f"{count(doubles, 'unit')} double{'s' if doubles == 1 else ''} another"
        )
    told = f"{listing(parts)} of {removal['num_units']} examined."
    if removal["accuracy"] is None:
        return _advice(
            f"See whether {removal['layer']} needs all its units",
            "Units of this layer could not be taken out one by one, so whether the "
            "network does without them cannot be told here.",
            f"In {removal['layer']}, {told}",
            "note",
        )
    change = removal["accuracy_after"] - removal["accuracy"]
    measured = (
        f"In {removal['layer']}, {told} Taking all of them out at once changed the "
        f"accuracy by {points(change)} and {percent(removal['changed'])} of the "
        f"predictions"
    )
    if removal["control_accuracy"] is not None:
        control = removal["control_accuracy"] - removal["accuracy"]
        measured += f"; taking out {spare} others at random, by {points(control)}"
    if change < -thresholds.harmless:
        return _advice(
            f"Leave the units of {removal['layer']} as they are",
            "Some look dead or double, but together the network needs them.",
            f"{measured}.",
            "note",
        )
    return _advice(
        f"{spare} of {removal['num_units']} units of {removal['layer']} could go",
        "Train a network with so many fewer, or prune them: it would be smaller and "
        "do the same on images like these.",
        f"{measured}.",
        "worth doing",
    )


def _advise_noise(layer: Mapping, thresholds: Thresholds) -> dict | None:
    noisy = layer["kinds"].get("noise", 0)
    if noisy < thresholds.unclear_share * layer["num_examined"]:
        return None
    change = layer["median_loss_change"]
    used = (
        "Whether they are of use cannot be told: taking single units out was not "
        "measured."
        if change is None
        else "Taking one unit of the layer out changes the cross-entropy by "
        f"{number(change, 2)} nat (median)."
    )
    return _advice(
        f"Do not read the maps of {layer['name']}",
        "Most of its maps change with the random start, so that they show the start "
        "and not the unit. That alone does not make the units useless. A smoother map "
        "(more weight on total variation) or a longer training may show more.",
        f"{noisy} of {layer['num_examined']} units examined have maps that do not "
        f"repeat. {used}",
        "note",
    )


def _advise_light(
    layer: Mapping, changes: list[Mapping], thresholds: Thresholds
) -> dict | None:
    bright = layer["kinds"].get("brightness", 0)
    if not bright or bright < thresholds.brightness_share * layer["num_examined"]:
        return None
    most = max(changes, key=lambda each: each["changed"])
    return _advice(
        f"{layer['name']} looks at brightness",
        "Many of its units answer to how bright the image is. That is common in a "
        "first layer and harmless as long as the predictions do not follow the light.",
        f"{bright} of {layer['num_examined']} units examined are of the kind "
        f"brightness; a change of the light by {percent(abs(most['change']))} of the "
        f"range turns up to {percent(most['changed'])} of the predictions.",
        "note",
    )


def _advice(title: str, advice: str, rests_on: str, weight: str) -> dict:
    return {"title": title, "advice": advice, "rests_on": rests_on, "weight": weight}
