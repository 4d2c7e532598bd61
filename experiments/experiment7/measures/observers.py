"""From what tools say of networks to one number each, against references alone."""

import functools
import itertools
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import uniform_filter
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.experiment7.measures.plants import MAIN, PLANTS, SIDE
from experiments.experiment7.measures.tool_maps import MAPS
from happymaps.evidence.agreement import auroc
from happymaps.evidence.resampling import resampled_interval

WINDOW = 5
NUMBERS = (
    *("metrics", "metrics_outside", "weights", "loss_ranking", "kernels"),
    *("feature_density", "units", "clusters", "trigger_size"),
)
POOLS = {"reference": range(10), "calibration": range(100, 112)}
CONTROLS = ("clean", "benign")
MOST_Z = 1e3
_NOISE = 0.1  # of a standardized map, added to the references' deviation
_COMPONENTS = 10

Networks = Mapping[tuple[str, int], xr.Dataset]


def pool_of(seed: int) -> str:
    """Return the pool of a seed: `"reference"`, `"calibration"` or `"test"`."""
    return next((name for name, seeds in POOLS.items() if seed in seeds), "test")


def largest_z(values: np.ndarray, references: np.ndarray) -> float:
    """Return the largest robust z of a vector's numbers, at most `MOST_Z`.

    A number that does not exist where the references have one, such as the kurtosis of
    biases that are all 0, counts as that.

    Args:
        values: Shape `(numbers,)`.
        references: Shape `(networks, numbers)`.
    """
    middle = np.median(references, axis=0)
    spread = 1.4826 * np.median(np.abs(references - middle), axis=0)
    scale = np.maximum(spread, 0.01 * np.abs(middle) + 1e-3)
    z = np.minimum(np.abs(values - middle) / scale, MOST_Z)
    return float(np.nan_to_num(z, nan=MOST_Z).max())


def standardize(maps: np.ndarray) -> np.ndarray:
    """Return maps `(..., y, x)` of mean 0 and deviation 1 over pixels; flat ones 0."""
    centered = maps - maps.mean(axis=(-2, -1), keepdims=True)
    spread = centered.std(axis=(-2, -1), keepdims=True)
    return centered / np.where(spread > 0, spread, 1)


def unlikeness(plane: np.ndarray, references: np.ndarray) -> float:
    """Return O1: 1 less the mean correlation with the references' maps."""
    return float(
        1 - np.mean(standardize(plane) * standardize(references), axis=(1, 2)).mean()
    )


def strangest_window(
    plane: np.ndarray, references: np.ndarray
) -> tuple[float, tuple[int, int]]:
    """Return O2: the largest mean absolute z of a window, and its upper left corner."""
    references = standardize(references)
    z = (standardize(plane) - references.mean(0)) / (references.std(axis=0) + _NOISE)
    means = uniform_filter(np.abs(z), WINDOW, mode="constant")
    half = WINDOW // 2
    inner = means[half:-half, half:-half]
    place = np.unravel_index(inner.argmax(), inner.shape)
    return float(inner[place]), tuple(map(int, place))


def touches(
    place: tuple[int, int],
    mark: tuple[int, int],
    sides: tuple[int, int] = (WINDOW, WINDOW),
) -> bool:
    """Return whether a window of that height and width and a mark share a pixel."""
    pairs = zip(place, mark, sides, strict=True)
    return all(m - side < p < m + SIDE for p, m, side in pairs)


@functools.cache
def chance_of_touch(shape: tuple[int, int], mark: tuple[int, int]) -> float:
    """Return the share of windows that touch a mark."""
    rows, columns = (size - WINDOW + 1 for size in shape)
    places = ((row, column) for row in range(rows) for column in range(columns))
    return float(np.mean([touches(place, mark) for place in places]))


def score_networks(networks: Networks, seed: int = 0) -> pd.DataFrame:
    """Return a row for each network and tool, and what is known of the network.

    Args:
        networks: What `measure_flawed_network` gave, by plant and seed. Those of the
            seeds of references and calibration must be `CONTROLS`.
        seed: Of the maps whose pixels are shuffled (N3).

    Returns:
        `plant`, `seed`, `pool`, `accuracy`, `turned`, `took` (whether the flaw shows
        in what the network does), `tool`, `observer` (`""`, `"O1"`, `"O2"`, `"O3"`,
        `"O4"`), `score` (higher is more suspect), `hit` (whether the place told
        touches the mark; for a network without one NaN), `chance` of that, `seconds`
        (of the tool), and `against`: for tools that learn from other flaws, the flaw
        that was held out; else empty. The attribute `units` holds the AUROC for single
        filters, by activity and by map (O6).
    """
    references = [
        found for key, found in networks.items() if pool_of(key[1]) == "reference"
    ]
    order = np.random.default_rng(seed).permutation(references[0].maps[0].size)
    known = {name: np.stack([r[name].values for r in references]) for name in NUMBERS}
    drawn = {tool: np.stack([r.maps.sel(tool=tool).values for r in references])
             for tool in MAPS}  # fmt: skip
    rows, facts = [], {}
    for (plant, number), found in networks.items():
        if pool_of(number) == "reference":
            continue
        row = {"plant": plant, "seed": number, "pool": pool_of(number)}
        row |= {"observer": "", "against": ""}
        row |= {name: float(found[name]) for name in ("accuracy", "turned", "pruned")}
        row |= {"planted": int(found.is_planted.sum())}
        for name in NUMBERS:
            score = largest_z(found[name].values, known[name])
            rows.append(row | {"tool": name, "score": score})
        for tool in MAPS:
            rows += [row | each for each in _read_map(found, tool, drawn[tool])]
        rows += [row | each for each in _read_shuffled(found, drawn["gradient"], order)]
        facts[plant, number] = row
    rows += [facts[key] | told for key, told in _score_learned(networks)]
    table = pd.DataFrame(rows)
    table = table.assign(took=took(table))
    table.attrs["units"] = _score_units(networks)
    return table


def _read_map(found: xr.Dataset, tool: str, references: np.ndarray) -> Iterable[dict]:
    plane = found.maps.sel(tool=tool).values
    mark = (int(found.row), int(found.column))
    common = {"tool": tool, "seconds": float(found.seconds.sel(tool=tool))}

    def told(observer, score, place=None):
        hit = chance = np.nan
        if place is not None and mark[0] >= 0:
            hit, chance = touches(place, mark), chance_of_touch(plane.shape, mark)
        return common | {"observer": observer, "score": score, "hit": float(hit),
                         "chance": chance}  # fmt: skip

    yield told("O1", unlikeness(plane, references))
    yield told("O2", *strangest_window(plane, references))
    if tool == "gradient" and np.isfinite(found["copies"].values).all():
        yield told("O3", *strangest_window(plane, found["copies"].values))


def _read_shuffled(found: xr.Dataset, references: np.ndarray, order) -> Iterable[dict]:
    """Return what is said of maps whose pixels are in disorder, each its own (N3)."""
    plane = found.maps.sel(tool="gradient").values
    own = np.random.default_rng(int(1e6 * float(plane.sum())) % 2**32)
    mixed = own.permutation(plane.ravel()).reshape(plane.shape)
    straight = references.reshape(len(references), -1)[:, order].reshape(
        references.shape
    )
    score, _ = strangest_window(mixed, straight)
    yield {"tool": "shuffled_pixels", "observer": "O2", "score": score}


def _score_learned(networks: Networks) -> Iterable[tuple[tuple[str, int], dict]]:
    """Yield what classifiers say that learned from other flaws: `litmus`, and O4.

    Networks of one seed share people: those of even seeds are judged by what was
    learned from odd ones, and the other way round.
    """
    views = {("litmus", ""): lambda found: found.litmus.values}
    for tool in ("happy_study", "gradient", "occlusion"):
        views[tool, "O4"] = lambda found, tool=tool: standardize(
            found.maps.sel(tool=tool).values
        ).ravel()
    clean = [key for key in networks if key[0] in CONTROLS]
    taught = [key for key in clean if pool_of(key[1]) == "calibration"]
    tested = [key for key in clean if pool_of(key[1]) == "test"]
    flawed = [key for key in networks if key[0] in MAIN]
    flaws = dict.fromkeys(key[0] for key in flawed)
    for (tool, observer), view in views.items():
        seen = {key: view(networks[key]) for key in (*taught, *tested, *flawed)}
        for flaw, half in itertools.product(flaws, (0, 1)):
            group = PLANTS[flaw].flaw
            others = [
                key for key in flawed
                if PLANTS[key[0]].flaw != group and key[1] % 2 != half
            ]  # fmt: skip
            if not others:
                continue
            rows = np.stack([seen[key] for key in (*taught, *others)])
            judge = make_pipeline(
                StandardScaler(),
                PCA(min(_COMPONENTS, len(rows) - 1)),
                LogisticRegression(class_weight="balanced", max_iter=1000),
            ).fit(rows, [False] * len(taught) + [True] * len(others))
            asked = [*tested, *(key for key in flawed if key[0] == flaw)]
            asked = [key for key in asked if key[1] % 2 == half]
            if not asked:
                continue
            scores = judge.decision_function(np.stack([seen[key] for key in asked]))
            for key, score in zip(asked, scores, strict=True):
                yield key, {"tool": tool, "observer": observer, "score": float(score),
                            "against": flaw}  # fmt: skip


def _score_units(networks: Networks) -> dict[str, list[float]]:
    """Return how well single dead and copied filters are told from used ones.

    Dead are those that were turned off and those that training left without an answer;
    copied ones are told from all others that answer.

    Returns:
        By what and how: the AUROC, and its 95 % interval over networks drawn again.
    """
    found = {}
    for flaw, name in (("dead_units", "dead"), ("cloned_units", "copied")):
        chosen = [
            network for (plant, seed), network in networks.items()
            if PLANTS[plant].flaw == flaw and pool_of(seed) == "test"
        ]  # fmt: skip
        for way in ("activity", "map"):
            parts = [_read_units(network, name, way) for network in chosen]
            if parts:
                low, high = resampled_interval(_auroc_of_parts, parts)
                found[f"{name}_by_{way}"] = [_auroc_of_parts(parts), low, high]
    return found


def _read_units(
    found: xr.Dataset, name: str, way: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and truth of the filters of one network."""
    truth = found.is_planted.values
    silent = found.dead_by_activity.values >= 0
    scores = found[f"{name}_by_{way}"].values
    if name == "dead":
        return scores, truth | silent
    kept = truth | ~silent
    return scores[kept], truth[kept]


def _auroc_of_parts(parts: list) -> float:
    return auroc(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def took(table: pd.DataFrame) -> np.ndarray:
    """Return whether each row's network shows its flaw in what it does."""
    clean = table[(table.plant == "clean") & (table.pool == "test")].accuracy
    poor = table.accuracy < clean.quantile(0.1)
    flaw = table.plant.map(lambda plant: PLANTS[plant].flaw)
    dose = table.plant.map(lambda plant: PLANTS[plant].dose)
    return np.select(
        [
            flaw.isin(["mark", "backdoor", "brightness"]),
            flaw == "wide",
            flaw == "dead_units",
            flaw == "cloned_units",
            flaw.isin(CONTROLS),
        ],
        [table.turned >= 0.2, table.pruned <= 0.02, table.planted >= dose,
         table.planted > dose, True],
        poor,
    )  # fmt: skip
