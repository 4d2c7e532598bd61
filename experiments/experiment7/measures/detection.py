"""How well scores tell flawed networks from others: the table of flaw and tool."""

import functools
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.experiment7.measures.alarms import thresholds
from experiments.experiment7.measures.observers import CONTROLS
from experiments.experiment7.measures.plants import MAIN
from happymaps.evidence.agreement import auroc
from happymaps.evidence.claims import proportion_interval
from happymaps.evidence.populations import adjust_by_holm
from happymaps.evidence.resampling import resampled_interval

BLIND = ("edges", "shuffled_pixels")  # controls: they never see the network, or a place
_DRAWS = 2000
_LEAST, _LEAST_GAIN = 0.70, 0.05  # of criterion G1


def detection_table(
    scores: pd.DataFrame, seed: int = 0, *, claims: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return one row for each flaw and tool with its observer.

    Args:
        scores: Of `score_networks`.
        seed: Of the bootstrap.
        claims: `plant`, `tool`, `observer` of the rows that are asked about, where not
            all are: Holm's correction is over these alone.

    Returns:
        `plant`, `tool`, `observer`, `num` (networks in which the flaw took), `auroc`
        against clean and benign test networks together, `low`, `high` (95 %, stratified
        bootstrap; where none is out of order as of n of n), `gain_low`, `gain_high` (of
        the gain over `metrics`, paired), `p` (that the AUROC is .70 or less,
        Holm-adjusted over the rows), `detects` (G1), `fails` (it can be ruled out that
        it does), `found` (share beyond the threshold, NaN without one), `hits`,
        `hits_low` and `chance` (G2).

    Raises:
        ValueError: No flaw took in two networks.
    """
    test = scores[(scores.pool == "test") & scores.took]
    test.attrs = {}  # every group would copy them
    names = ["tool", "observer", "against", "plant"]
    groups = {
        key: group.set_index("seed").score.dropna()
        for key, group in test.groupby(names, sort=False)
    }
    rng = np.random.default_rng(seed)
    limits = thresholds(scores)
    keys = ["plant", "tool", "observer"]
    asked = claims if claims is None else set(map(tuple, claims[keys].to_numpy()))

    @functools.cache  # tools are judged by the same draws
    def draw(side: int, n: int) -> np.ndarray:
        return rng.multinomial(n, np.full(n, 1 / n), _DRAWS) / n

    rows = []
    for (tool, observer, against, plant), flawed in groups.items():
        if plant in CONTROLS or len(flawed) < 2:
            continue
        if asked is not None and (plant, tool, observer) not in asked:
            continue
        control = _controls(groups, tool, observer, against)
        draws = [draw(0, len(flawed)), draw(1, len(control))]
        wins, drawn = _compare(flawed, control, draws)
        gains = drawn - _draw_metrics(groups, plant, flawed, control, draws)
        low, high = np.quantile(drawn, [0.025, 0.975])
        # Where none is out of order the bootstrap has no spread.
        fewest = min(len(flawed), len(control))
        low = min(low, 0.025 ** (1 / fewest)) if wins == 1 else low
        high = max(high, 1 - 0.025 ** (1 / fewest)) if wins == 0 else high
        error = max(drawn.std(), 1 / fewest / 3)
        limit = limits.get((tool, observer), np.nan)
        rows.append({
            "plant": plant, "tool": tool, "observer": observer, "num": len(flawed),
            "auroc": wins, "low": low, "high": high,
            "gain_low": np.quantile(gains, 0.025),
            "gain_high": np.quantile(gains, 0.975),
            "p": stats.norm.sf((wins - _LEAST) / error),
            "found": np.mean(flawed > limit) if np.isfinite(limit) else np.nan,
            **_hits(test, plant, tool, observer),
        })  # fmt: skip
    if not rows:
        raise ValueError(
            "A flaw must show in two networks or more to be told from others. Received "
            f"scores of {', '.join(sorted(set(scores.plant)))}, where none does. Make "
            "more networks, or other flaws."
        )
    table = pd.DataFrame(rows)
    table["p"] = adjust_by_holm(table.p)
    return table.assign(
        detects=(table.p < 0.05) & (table.gain_low > _LEAST_GAIN),
        fails=(table.high < _LEAST) | (table.gain_high < _LEAST_GAIN),
    )


def draw_table(
    found: pd.DataFrame, plants: Sequence[str], again: pd.DataFrame | None = None
) -> Figure:
    """Return the table of flaw and tool as a picture.

    What passes has a frame, but for controls; if it was asked again, a dashed one where
    it did not pass.

    Args:
        found: Of `detection_table`.
        plants: The rows, from above.
        again: The same of what passed, on other networks.
    """
    found = found[found.plant.isin(plants)]
    found = found.assign(detects=found.detects & ~found.tool.isin(BLIND))
    if again is not None:
        keys = ["plant", "tool", "observer"]
        found = found.merge(again[[*keys, "detects"]], "left", keys, suffixes=("", "2"))
        found["detects2"] = found.detects2.fillna(False).astype(bool)
    else:
        found = found.assign(detects2=found.detects)
    names = (found.tool + " " + found.observer).str.strip()
    table = found.assign(name=names).pivot_table(
        index="plant", columns="name", values=["auroc", "detects", "detects2"],
        sort=False,
    )  # fmt: skip
    values = table["auroc"].reindex(plants)
    passed, twice = (table[name].reindex(plants).fillna(0)
                     for name in ("detects", "detects2"))  # fmt: skip
    values = values[["metrics", *values.columns.drop("metrics")]]
    height, width = values.shape
    figure, ax = plt.subplots(
        figsize=(0.36 * width + 1.9, 0.36 * height + 2.3), layout="constrained", dpi=90
    )
    ax.imshow(values, cmap="PuOr_r", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(height, width):
        value = values.iat[row, column]
        if not np.isfinite(value):
            continue
        text = f"{value:.2f}".lstrip("0") if value < 0.995 else "1"
        dark = abs(value - 0.5) > 0.35
        ax.text(column, row, text, ha="center", va="center", fontsize=7,
                color="white" if dark else "black")  # fmt: skip
        if passed[values.columns[column]].iat[row]:
            style = "-" if twice[values.columns[column]].iat[row] else (0, (1.5, 1.5))
            box = plt.Rectangle(
                (column - 0.46, row - 0.44), 0.92, 0.88, fill=False, linewidth=2,
                edgecolor="black", linestyle=style,
            )  # fmt: skip
            ax.add_patch(box)
    labels = [name.replace("_", " ") for name in values.columns]
    ax.set_xticks(range(width), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(height), [p.replace("_", " ") for p in plants], fontsize=8)
    frames = "frames pass" if again is None else "frames pass twice, dashed once"
    ax.set_title(f"Which tool sees which flaw (AUROC; {frames})", fontsize=10)
    return figure


def gap_of_aurocs(
    scores: pd.DataFrame, first: Sequence[str], second: Sequence[str]
) -> tuple[float, tuple[float, float]]:
    """Return how much better one tool tells a flaw than another, or of another flaw.

    Args:
        scores: As of `detection_table`.
        first: Plant, tool and observer.
        second: The same of what is taken off.

    Returns:
        The gap, and its 95 % interval over networks drawn again, each with what is said
        of it by both; NaN and an endless one where there are no such networks.
    """
    test = scores[(scores.pool == "test") & scores.took]
    sides = [
        test[(test.tool == tool) & (test.observer == observer)
             & test.plant.isin([plant, *CONTROLS])].set_index(["plant", "seed"]).score
        for plant, tool, observer in (first, second)
    ]  # fmt: skip
    both = pd.concat(sides, axis=1)
    plants = both.index.get_level_values(0)
    if not {first[0], second[0]} <= set(plants):
        return np.nan, (-np.inf, np.inf)
    values, control = both.to_numpy(), plants.isin(CONTROLS)
    flawed = [plants == plant for plant, *_ in (first, second)]

    def gap(rows: list) -> float:
        found = []
        for side, is_flawed in enumerate(flawed):
            mine = np.array(rows)[(control | is_flawed)[rows]]
            found.append(auroc(values[mine, side], is_flawed[mine]))
        return found[0] - found[1]

    rows = list(range(len(both)))
    return gap(rows), resampled_interval(gap, rows)


def name_flaws(scores: pd.DataFrame, tools: Sequence[str] = ()) -> pd.DataFrame:
    """Return which flaw a linear classifier of tools' scores names in each network.

    O5. Networks of even seeds are named by what was learned from odd ones, and the
    other way round; clean and harmless ones are a kind of their own, `"clean"`.

    Args:
        scores: As of `detection_table`; flaws in their main dose are named.
        tools: Whose scores are used; all that see the network if none is given.

    Returns:
        `plant`, `seed`, `kind` (the plant, `"clean"` for controls), `named`.
    """
    test = scores[(scores.pool == "test") & scores.took & (scores.against == "")]
    test = test[
        test.plant.isin([*MAIN, *CONTROLS]) & test.observer.isin(["", "O1", "O2"])
    ]
    test = test[~test.tool.isin(BLIND)]
    if tools:
        test = test[test.tool.isin(tools)]
    table = test.pivot_table(
        index=["plant", "seed"], columns=["tool", "observer"], values="score"
    )
    values = np.log1p(table.to_numpy())
    plants = table.index.get_level_values(0)
    kinds = np.where(plants.isin(CONTROLS), "clean", plants)
    is_even = table.index.get_level_values(1) % 2 == 0
    named = np.empty(len(table), object)
    for half in (is_even, ~is_even):
        judge = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000)
        )
        named[half] = judge.fit(values[~half], kinds[~half]).predict(values[half])
    return table.index.to_frame(index=False).assign(kind=kinds, named=named)


def dealt_at_random(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return `detection_table` where the networks' flaws are dealt anew (N5).

    Of tools that learn from no other flaws: these would have to learn anew.
    """
    is_dealt = (scores.pool == "test") & scores.took & (scores.against == "")
    test, keys = scores[is_dealt], ["plant", "seed"]
    networks = test[keys].drop_duplicates()
    order = np.random.default_rng(seed).permutation(len(networks))
    dealt = dict(zip(map(tuple, networks.to_numpy()),
                     map(tuple, networks.to_numpy()[order]), strict=True))  # fmt: skip
    given = [dealt[key] for key in zip(test.plant, test.seed, strict=True)]
    test = test.assign(plant=[p for p, _ in given], seed=[n for _, n in given])
    kept = scores[(scores.pool == "calibration") & (scores.against == "")]
    return detection_table(pd.concat([kept, test]), seed)


def _controls(groups: dict, tool: str, observer: str, against: str) -> pd.Series:
    """Return the scores of clean and benign networks, by plant and seed."""
    return pd.concat({
        plant: groups[tool, observer, against, plant] for plant in CONTROLS
    })  # fmt: skip


def _draw_metrics(groups: dict, plant: str, flawed, control, draws) -> np.ndarray:
    """Return the AUROC of `metrics` in networks drawn again, NaN where it is unknown.

    Of those among the given that have it.
    """
    basis = groups.get(("metrics", "", "", plant), pd.Series(dtype=float))
    sides = [basis.reindex(flawed.index),
             _controls(groups, "metrics", "", "").reindex(control.index)]  # fmt: skip
    known = [side.notna().to_numpy() for side in sides]
    if not all(each.any() for each in known):
        return np.full(_DRAWS, np.nan)
    drawn = [draw[:, each] for draw, each in zip(draws, known, strict=True)]
    totals = [np.maximum(each.sum(axis=1, keepdims=True), 1e-9) for each in drawn]
    parts = [each / total for each, total in zip(drawn, totals, strict=True)]
    return _compare(*(side.dropna() for side in sides), parts)[1]


def _compare(flawed: pd.Series, control: pd.Series, draws) -> tuple[float, np.ndarray]:
    """Return the AUROC, and that of networks drawn again, flawed and others apart."""
    signs = np.sign(flawed.to_numpy()[:, None] - control.to_numpy()[None])
    wins = (signs + 1) / 2
    drawn = ((draws[0] @ wins) * draws[1]).sum(axis=1)
    return float(wins.mean()), np.clip(drawn, 0, 1)


def _hits(test: pd.DataFrame, plant: str, tool: str, observer: str) -> dict:
    mine = test[
        (test.plant == plant) & (test.tool == tool) & (test.observer == observer)
    ]
    hit = mine.hit.dropna()
    if not len(hit):
        return {"hits": np.nan, "hits_low": np.nan, "chance": np.nan}
    low, _ = proportion_interval(int(hit.sum()), len(hit))
    return {"hits": hit.mean(), "hits_low": low, "chance": mine.chance.mean()}
