"""How often `happymaps diagnose` is right of networks whose flaws are known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from experiments.experiment7.measures.observers import CONTROLS, took, touches
from experiments.experiment7.measures.plants import Images
from experiments.experiment7.measures.specimens import make_specimen, measure_behavior
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

# What a finding is about: the plants of which it would be the right one.
MEANT = {
    "preprocessing": ("inverted", "darker", "faint"),
    "class order": ("swapped",),
    "guessing": ("fresh_top",),
    "marks": ("mark", "moving_mark", "backdoor"),
    "place": ("mark",),
    "labels": ("wrong_labels",),
    "cue": ("brightness",),
    "learned": ("few_people",),
}
OTHERS = ("light", "confidence", "noise", "changes", "group", "class", "units", "maps")
KINDS = (*MEANT, *OTHERS)
# Units that could go are a note on the page of nearly every network, sound or not.
NOTED = ("wide", "dead_units", "cloned_units")
# No finding that is counted here is made of maps.
_FEW_MAPS = {"maps_per_layer": 2, "seeds": 2, "num_steps": 20}
CLASSES = ("other", "left")
_MEANINGS = {
    "accuracy": ("accuracy on outside images without the flaw", "1"),
    "turned": ("share of the other class that mark or light turns", "1"),
    "pruned": ("accuracy lost without the less used half of the last filters", "1"),
    "planted": ("filters of the last convolution that were turned off or copied", "1"),
    "position": ("place of the finding on the page, 0 the first, -1 not told", "1"),
    "is_note": ("whether it is told as a note", "1"),
    "is_hit": ("whether the mark or place told touches the planted mark", "1"),
    "strength": ("what was measured, whether it was told or not", "1"),
    "is_pasted_hit": ("whether the pasted mark touches the planted one", "1"),
}
# What is measured of every network, told or not: higher is more suspect.
STRENGTHS = ("pasted_mark", "sought_mark", "changes", "covering", "leveling", "labels")


@sweepable
def measure_diagnosis(
    *, dataset: str = "synthetic_faces", plant: str = "clean", seed: int = 0
) -> xr.Dataset:
    """Make a network with a flaw, and diagnose it as somebody would who has it.

    The images are those of the audit, as the network is taught and fed; those that it
    learned from are given too.

    Args:
        dataset: As in `draw_parts`.
        plant: Which flaw and dose: a name of `PLANTS`.
        seed: As in `measure_flawed_network`.

    Returns:
        `position`, `is_note`, `is_hit` `(kind,)` of each kind of finding, `strength`
        `(measured,)` of `STRENGTHS`, `is_pasted_hit`, and what shows whether the flaw
        took.

    Raises:
        ValueError: As in `make_specimen`.
    """
    import happymaps as hm

    specimen = make_specimen(plant, dataset, seed)
    behavior = measure_behavior(specimen, seed)
    told = hm.diagnose(
        specimen.network,
        _as_dataset(specimen.audit),
        outputs="logits",
        learned=_as_dataset(specimen.learned),
        **_FEW_MAPS,
    ).findings
    found = told["findings"]
    positions = {each["kind"]: n for n, each in reversed([*enumerate(found)])}
    marked = specimen.plant.flaw in ("mark", "backdoor") and not specimen.plant.moves
    windows = {
        "marks": [
            tuple(mark[side] for side in ("row", "column", "height", "width"))
            for mark in told["marks"]
        ],
        "place": [told["covering"]["window"]] if told["covering"] else [],
    }
    hits = {
        kind: marked and any(touches(w[:2], specimen.place, w[2:]) for w in each)
        for kind, each in windows.items()
    }
    tried = told["marks_tried"] or {"best": [], "search": [], "changes": []}
    pasted = max(tried["best"], key=lambda mark: mark["z"], default=None)
    variables = {
        **behavior,
        "planted": int(specimen.units.sum()),
        "strength": ("measured", _measure_strengths(told, tried)),
        "is_pasted_hit": marked and pasted is not None and touches(
            (pasted["row"], pasted["column"]),
            specimen.place,
            (pasted["height"], pasted["width"]),
        ),
        "position": ("kind", [positions.get(kind, -1) for kind in KINDS]),
        "is_note": ("kind", [
            kind in positions and found[positions[kind]]["weight"] == "note"
            for kind in KINDS
        ]),
        "is_hit": ("kind", [
            kind in positions and hits.get(kind, False) for kind in KINDS
        ]),
    }  # fmt: skip
    named = {"kind": list(KINDS), "measured": list(STRENGTHS)}
    return label_variables(xr.Dataset(variables, named), _MEANINGS)


def tabulate(networks: Mapping[tuple[str, int], xr.Dataset]) -> pd.DataFrame:
    """Return one row for each network: what was told of it, and whether its flaw took.

    Args:
        networks: What `measure_diagnosis` gave, by plant and seed.

    Returns:
        `plant`, `seed`, `pool` (`"test"`), `accuracy`, `turned`, `pruned`, `planted`,
        `took`, and of each kind of finding its position on the page (-1: not told, or
        only as a note where the kind is in `MEANT`); `<kind> hit` for marks and places;
        `is_clear`, whether nothing but notes was told; `measured <name>` of each of
        `STRENGTHS`, and `pasted_mark hit`.
    """
    rows = []
    for (plant, seed), found in networks.items():
        row = {"plant": plant, "seed": seed, "pool": "test"}
        for name in ("accuracy", "turned", "pruned", "planted"):
            row[name] = float(found[name])
        position = found.position.to_series()
        noted = found.is_note.to_series() & position.index.isin(list(MEANT))
        row |= position.where(~noted, -1).astype(int).to_dict()
        for kind in ("marks", "place"):
            row[f"{kind} hit"] = bool(found.is_hit.sel(kind=kind))
        row |= {f"measured {name}": float(value)
                for name, value in found.strength.to_series().items()}  # fmt: skip
        row["pasted_mark hit"] = bool(found.is_pasted_hit)
        row["is_clear"] = bool(((position < 0) | found.is_note.to_series()).all())
        rows.append(row)
    table = pd.DataFrame(rows)
    return table.assign(took=took(table))


def score_strengths(table: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what was measured as scores of tools, beside `metrics` of the same seeds.

    Args:
        table: Of `tabulate`, or the kept one.
        scores: Of `score_networks`, of networks with the same flaws and seeds.

    Returns:
        Rows as `detection_table` takes them, of networks in which the flaw took.
    """
    keys = ["plant", "seed"]
    known = table[table.took]
    metrics = scores[(scores.tool == "metrics") & scores.plant.isin(known.plant)]
    metrics = metrics[metrics.took & (metrics.pool == "test")]
    common = {"pool": "test", "took": True, "observer": "", "against": ""}
    common |= {"hit": np.nan, "chance": np.nan}
    parts = [metrics[[*keys, "score"]].assign(tool="metrics", **common)]
    for name in STRENGTHS:
        score = known[f"measured {name}"]
        parts.append(known[keys].assign(tool=name, score=score, **common))
    return pd.concat(parts, ignore_index=True)


def is_right(table: pd.DataFrame) -> pd.Series:
    """Return of each network whether a finding was told that is about its flaw.

    A mark or backdoor at one place must be touched by what is told of it.
    """
    return pd.concat([_is_right(table, kind) for kind in MEANT], axis=1).any(axis=1)


def _is_right(table: pd.DataFrame, kind: str) -> pd.Series:
    fixed = table.plant.isin(["mark", "backdoor"])
    hit = table.get(f"{kind} hit", True) | ~fixed
    return (table[kind] >= 0) & table.plant.isin(MEANT[kind]) & hit


def count_record(table: pd.DataFrame) -> dict[str, tuple[int, int, int, int]]:
    """Return how often each finding came where it is right, and where nothing is wrong.

    Args:
        table: Of `tabulate`, or the kept one.

    Returns:
        By kind: networks with such a flaw and the finding, all with such a flaw, clean
        and harmless networks with the finding, all of these. Flaws that did not take
        are left out.
    """
    test = table[table.took]
    sound = test[test.plant.isin(CONTROLS)]
    record = {}
    for kind, plants in MEANT.items():
        flawed = test[test.plant.isin(plants)]
        told = _is_right(flawed, kind)
        alarms = sound[kind] >= 0
        record[kind] = (int(told.sum()), len(flawed), int(alarms.sum()), len(sound))
    return record


def tell_records(table: pd.DataFrame) -> pd.DataFrame:
    """Return `count_record` by kind, where there are networks with such a flaw."""
    counts = {kind: each for kind, each in count_record(table).items() if each[1]}
    names = ["told", "of flawed", "alarms", "of sound"]
    return pd.DataFrame.from_dict(counts, orient="index", columns=names)


def count_missed(table: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return by plant how many networks got no finding about it, and of how many.

    Without those of units, `NOTED`.
    """
    flawed = table[table.took & ~table.plant.isin([*CONTROLS, *NOTED])]
    missed = (~is_right(flawed)).groupby(flawed.plant, sort=False).agg(["sum", "size"])
    return {plant: (int(n), int(of)) for plant, n, of in missed.itertuples()}


def _measure_strengths(told: Mapping, tried: Mapping) -> list[float]:
    """Return, in the order of `STRENGTHS`, how strongly each speaks of a flaw.

    The largest z of a pasted mark; by how many e-foldings the smallest mask that was
    sought is smaller than the image; the largest share that one change of whole images,
    or one covered window, turns; what equal light, contrast or color costs; the share
    of labels that seem wrong.
    """
    area = np.prod(told["model"]["input"][:2])
    sizes = [mask["size"] or area for mask in tried["search"]]
    lost = [
        min(each["accuracy"], each["accuracy_in_class"]) - each["accuracy_leveled"]
        for each in told["leveling"]
    ]
    return [
        max((mark["z"] for mark in tried["best"]), default=0.0),
        float(np.log(area / min(sizes, default=area))),
        max((change["share"] for change in tried["changes"]), default=0.0),
        told["covering"]["changed"] if told["covering"] else 0.0,
        max(lost, default=0.0),
        told["labels"]["wrong_share"],
    ]


def _as_dataset(part: Images):
    from happymaps.datasets import Dataset

    return Dataset("drawn", part.images, part.labels, CLASSES,
                   pd.DataFrame(index=range(len(part.labels))))  # fmt: skip
