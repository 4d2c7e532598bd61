"""What single units add up to: units to spare, maps without a pattern, brightness."""

from collections.abc import Mapping

from happymaps.diagnosis.advice.thresholds import Thresholds
from happymaps.diagnosis.advice.wording import count, finding, listing


def find_units(findings: Mapping, thresholds: Thresholds) -> list[dict]:
    """Return findings on layers.

    Args:
        findings: As `diagnose` gathers them: `removal`, `units`, `brightness`.
        thresholds: From which sizes a finding counts.
    """
    layers = findings["units"]["layers"]
    return [
        *_find_spare(findings["removal"], thresholds),
        *_find_noise(layers, thresholds),
        *_find_brightness(layers, thresholds),
    ]


def _find_spare(removal: Mapping, thresholds: Thresholds) -> list[dict]:
    spare = [
        layer
        for layer in removal["layers"]
        if _num_spare(layer) >= thresholds.spare_share * layer["num_units"]
    ]
    harmless = [
        layer
        for layer in spare
        if layer["accuracy_after"] - removal["accuracy"] >= -thresholds.harmless
    ]
    needed = [layer["layer"] for layer in spare if layer not in harmless]
    found = []
    if harmless:
        found.append(_find_smaller(harmless, removal, thresholds))
    if needed:
        found.append(
            finding(
                "units",
                "note",
                f"Leave the units of {listing(needed)} as they are.",
                "Some look dead or double, but together the network needs them.",
                {"accuracy": removal["accuracy"]}
                | {
                    f"without those of {layer['layer']}": layer["accuracy_after"]
                    for layer in spare
                    if layer not in harmless
                },
            )
        )
    return found


def _find_smaller(
    layers: list[Mapping], removal: Mapping, thresholds: Thresholds
) -> dict:
    total = sum(layer["num_units"] for layer in layers)
    spare = count(sum(map(_num_spare, layers)), "unit")
    where = layers[0]["layer"] if len(layers) == 1 else f"{len(layers)} layers"
    together = removal["together"]["accuracy_after"]
    advice = (
        "They are dead, or double another unit. Train a network with so many fewer, or "
        "prune them: on images like these it does the same, and is smaller."
    )
    if together - removal["accuracy"] < -thresholds.harmless:
        advice = (
            "They are dead, or double another unit. Each layer alone does without "
            "them, all at once do not. Take out those of one layer at a time."
        )
    numbers = {
        "dead": sum(len(layer["dead"]) for layer in layers),
        "doubles": sum(len(layer["doubles"]) for layer in layers),
        "accuracy": removal["accuracy"],
        "without any of them": together,
    }
    controls = [layer["control_accuracy"] for layer in layers]
    known = [accuracy for accuracy in controls if accuracy is not None]
    if known:
        numbers["without as many others of a layer, at worst"] = min(known)
    # A note: so it was of all 50 sound networks of experiment 7.
    return finding(
        "units",
        "note",
        f"{spare} of {total} in {where} could go.",
        advice,
        numbers,
    )


def _num_spare(layer: Mapping) -> int:
    return len(layer["dead"]) + len(layer["doubles"])


def _find_noise(layers: list[Mapping], thresholds: Thresholds) -> list[dict]:
    noisy = [
        layer
        for layer in layers
        if layer["kinds"].get("noise", 0)
        >= thresholds.unclear_share * max(layer["num_mapped"], 1)
    ]
    if not noisy:
        return []
    return [
        finding(
            "maps",
            "note",
            f"Do not read the maps of {listing([layer['name'] for layer in noisy])}.",
            "Half of them or more change with the random start: they show the start "
            "and not the unit. That alone does not make the units useless. A smoother "
            "map, or a longer training, may show more.",
            {
                f"{layer['name']}: maps that do not repeat": layer["kinds"]["noise"]
                / layer["num_mapped"]
                for layer in noisy
            },
        )
    ]


def _find_brightness(layers: list[Mapping], thresholds: Thresholds) -> list[dict]:
    shares = {
        layer["name"]: layer["kinds"]["brightness"] / layer["num_mapped"]
        for layer in layers
        if layer["kinds"].get("brightness", 0)
        >= max(2, thresholds.brightness_share * layer["num_mapped"])
    }
    if not shares:
        return []
    return [
        finding(
            "maps",
            "note",
            f"Many units of {listing(list(shares))} look at brightness.",
            "That is common in a first layer, and harmless as long as the predictions "
            "do not follow the light.",
            {f"{name}: units for brightness": share for name, share in shares.items()},
        )
    ]
