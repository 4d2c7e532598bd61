"""A diagnosis made by hand, for the tests of pages and sentences; no TensorFlow."""

import numpy as np
import pandas as pd
import xarray as xr

from happymaps.datasets import Dataset
from happymaps.diagnosis.advice.findings import conclude
from happymaps.diagnosis.advice.thresholds import THRESHOLDS
from happymaps.diagnosis.behavior.brightness import measure_brightness
from happymaps.diagnosis.behavior.calibration import measure_calibration
from happymaps.diagnosis.behavior.errors import (
    confident_mistakes,
    mistake_groups,
    show_examples,
)
from happymaps.diagnosis.behavior.labels import measure_labels
from happymaps.diagnosis.behavior.leveling import measure_leveling
from happymaps.diagnosis.behavior.localization import describe_places
from happymaps.diagnosis.behavior.occlusion import measure_covering
from happymaps.diagnosis.behavior.performance import measure_performance
from happymaps.diagnosis.behavior.preprocessing import (
    compare_class_orders,
    compare_readings,
)
from happymaps.diagnosis.behavior.unit_counts import count_units

HOSTILE = "</script><script>window.hacked=1</script>"
KINDS = ("dead", "edge", "brightness", "texture", "noise", "duplicate", "cannot tell")
NUMBERS = (
    "on_rate", "lowest_activation", "highest_activation", "happy_gain", "sad_gain",
    "happy_relative", "sad_relative", "repeatability_raw", "repeatability_shifted",
    "repeatability_spectral", "null_raw", "null_shifted", "null_spectral",
    "brightness_response", "tv_sensitivity", "high_frequency_share", "coherence",
    "mean_shift", "mean_share", "edge_share", "line_share", "ablation_loss_change",
    "ablation_accuracy_change", "duplicate_correlation",
)  # fmt: skip


def make_units(layers=("conv2d_1", "conv2_2"), size=(12, 16), seed=0) -> xr.Dataset:
    """Return a unit of each kind in each layer; channel 5 doubles channel 1."""
    rng = np.random.default_rng(seed)
    count = len(KINDS) * len(layers)
    values = {name: ("unit", rng.random(count)) for name in NUMBERS}
    values["on_rate"][1][:: len(KINDS)] = 0.0
    values["null_spectral"][1][:] = np.nan
    texts = {
        "kind": list(KINDS) * len(layers),
        "reason": [f"because of {kind}" for kind in KINDS] * len(layers),
        "kernel_class": ["", "edge", "mean", "", "", "edge", ""] * len(layers),
        "map_class": [""] * count,
        "duplicate_of": [
            f"{layer}[1]" if kind == "duplicate" else ""
            for layer in layers
            for kind in KINDS
        ],
    }
    values |= {name: ("unit", each) for name, each in texts.items()}
    for side in ("happy", "sad"):
        images = rng.random((count, *size, 1))
        values[f"{side}_image"] = (("unit", "y", "x", "color"), images)
    values["sad_image"][1][6] = np.nan
    coordinates = {
        "layer": ("unit", np.repeat(layers, len(KINDS))),
        "channel": ("unit", np.tile(np.arange(len(KINDS)), len(layers))),
    }
    return xr.Dataset(values, coordinates)


def make_images(count=240, size=(12, 16), seed=0) -> Dataset:
    """Return noise; the corner of class 1 is white. Person p2 has wrong labels."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0.2, 0.8, (count, *size, 1)).astype(np.float32)
    labels = np.arange(count) % 3 // 2
    images[labels == 1, :2, :3] = 1
    images[labels == 0, :2, :3] = 0.2
    metadata = pd.DataFrame(
        {
            "file": [f"a/{i}.png" for i in range(count)],
            "person": [f"p{i // 3 % 8}" for i in range(count)],
        }
    )
    labels = np.where(metadata["person"] == "p2", 1 - labels, labels)
    return Dataset("folder:/photos/mine", images, labels, ("no", "yes"), metadata)


def name_by_corner(images: np.ndarray) -> np.ndarray:
    """Return the class whose corner an image has: a network with a shortcut."""
    return (images[:, :2, :3].mean(axis=(1, 2, 3)) > 0.6).astype(int)


def make_findings(dataset=None, units=None, class_names=None) -> dict:
    """Return the findings of a network that names images by their corner."""
    dataset = dataset or make_images()
    units = make_units() if units is None else units
    names = class_names or dataset.class_names
    named = name_by_corner(dataset.images)
    chances = np.where(np.eye(2, dtype=bool)[named], 0.97, 0.03)
    groups, num_groups = mistake_groups(named != dataset.labels, dataset)
    covering = measure_covering(name_by_corner, dataset.images, dataset.labels)
    heat = np.zeros((4, *dataset.images.shape[1:3]))
    heat[:, :2, :3] = 1 / 6
    shuffled = np.full(heat.shape[1:], 1 / heat[0].size)
    calibration = measure_calibration(chances, dataset.labels)
    findings = {
        "performance": measure_performance(chances, dataset.labels, names),
        "calibration": calibration,
        "mistakes": {
            "shown": confident_mistakes(chances, dataset),
            "groups": groups,
            "num_groups": num_groups,
        },
        "labels": measure_labels(
            chances, dataset.images[:, :3, :4].mean(axis=(2, 3)), dataset
        ),
        "readings": compare_readings(name_by_corner, dataset.images, dataset.labels),
        "class_order": compare_class_orders(named, dataset.labels),
        "brightness": measure_brightness(
            name_by_corner, dataset.images, dataset.labels, names
        ),
        "leveling": measure_leveling(
            name_by_corner, dataset.images, dataset.labels, names
        )[0],
        "covering": covering,
        "relevance": describe_places(heat, shuffled, {}, covering["window"]),
        "marks": [],
        "marks_tried": {
            "num_marks": 400, "num_places": 100, "num_images": 32, "sides": [3, 5],
            "kinds": ["bright", "dark"], "anywhere": {"label": 0, "share": 0.0},
            "references": {"num": 8, "accuracy": 0.8, "guess": 0.5},
            "best": [], "search": [], "changes": [],
        },
        "units": count_units(units, {"conv2d_1": 32, "conv2_2": 7}),
        "removal": {
            "accuracy": 0.875,
            "together": {"num_units": 2, "accuracy_after": 0.875, "changed": 0.0},
            "layers": [
                {
                    "layer": "conv2d_1", "num_units": 7, "dead": [0], "doubles": [5],
                    "num_kept": 5, "accuracy_after": 0.875, "changed": 0.0,
                    "control_accuracy": 0.5, "control_changed": 0.4,
                }
            ],
        },
        "model": {
            "name": "net", "fingerprint": "0123456789abcdef", "input": [12, 16, 1],
            "num_parameters": 1234, "num_layers": 5,
            "is_single_logit": False,
            "randomness": [],
        },
        "dataset": {
            "name": "mine", "num_images": len(dataset), "class_names": list(names),
            "class_counts": dataset.class_counts().tolist(), "regions": [],
            "sources": None, "skipped": [],
        },
        "options": {
            "pixel_range": [0.0, 1.0], "seeds": 4, "num_steps": 100,
            "command": "happymaps diagnose net.keras folder:mine",
            "num_looked_at": len(dataset), "left_out": [],
            "maps_per_layer": 7,
            "asked": {"maps_per_layer": 7, "seeds": 4, "num_steps": 100},
        },
    }  # fmt: skip
    findings |= conclude(findings, THRESHOLDS)
    show_examples(findings["findings"], chances, dataset)
    return findings


def make_pictures(dataset=None, findings=None) -> dict[str, np.ndarray]:
    """Return the pictures that belong to `make_findings`."""
    dataset = dataset or make_images()
    findings = findings or make_findings(dataset)
    shown = [each["index"] for each in findings["mistakes"]["shown"]]
    size = dataset.images.shape[1:3]
    heat = np.zeros(size)
    heat[:2, :3] = 1 / 6
    found = {
        f"finding_{i}": dataset.images[[image["index"] for image in each["images"]]]
        for i, each in enumerate(findings["findings"])
        if each["images"]
    }
    return found | {
        "mean_image": dataset.images.mean(axis=0),
        "relevance": heat,
        "shuffled_relevance": np.full(size, 1 / heat.size),
        "mistakes": dataset.images[shown],
        "mistake_relevance": np.repeat(heat[None], len(shown), axis=0),
        "covering": heat,
    }


# As `find_marks` tells it.
MARK = {
    "class": "yes",
    "kind": "bright",
    "row": 0,
    "column": 1,
    "height": 2,
    "width": 3,
    "share": 0.35,
    "interval": [0.3, 0.4],
    "num_images": 200,
    "chance": 0.02,
    "p": 1e-9,
    "z": 9.0,
    "times": 3.0,
    "beyond": 2.0,
    "is_alone": False,
    "index": None,
    "shown": {"image": 0, "before": "no", "after": "yes"},
}
TRIED = {
    "num_marks": 900,
    "num_places": 225,
    "kinds": ["bright", "dark"],
    "sides": [3, 5],
    "anywhere": {"label": 1, "share": 0.02},
    "references": {"num": 8, "accuracy": 0.8, "guess": 0.5},
    "changes": [],
}


def add_marks_and_portraits(findings: dict, pictures: dict[str, np.ndarray]) -> None:
    """Add a mark that makes images ‘yes’, and what that class looks like."""
    findings |= {
        "marks": [MARK],
        "marks_tried": TRIED,
        "portraits": [{"class": "yes", "score_kept": 0.5}],
    }
    findings |= conclude(findings, THRESHOLDS)
    for each in findings["findings"]:
        each["images"] = []
    both = pictures["mistakes"][:2]
    pictures |= {"mark_0": both, "portrait_1": np.repeat(both, 2, axis=0)}
    pictures |= {"portrait_images_1": both}
