"""How well scores tell flawed networks from others: the table of flaw and tool."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.experiment7.measures.observers import CONTROLS
from experiments.experiment7.measures.plants import MAIN
from happymaps.evidence.agreement import auroc
from happymaps.evidence.claims import proportion_interval
from happymaps.evidence.populations import adjust_by_holm
from happymaps.evidence.resampling import resampled_interval

# What the full run left beside the notebooks. Other bytes are another result.
KEPT = {
    "choices.parquet": "75e9979356ce48fb9740b43bb3702d77bb0e4f8a42a329860042f682a0f0b4b8",  # noqa: E501
    "weights.parquet": "00fbaba2c0b9a4570cc675f7ecf801a69911a0b864e7e20dd1cbbb7ebec2f2ce",  # noqa: E501
    "mnist_5k.parquet": "bbf8b70bc181cebd9243866ce2cdef8318bf500208cabb9aa405142a77f10631",  # noqa: E501
    "cmu_faces.parquet": "3fd3cec95f0cb265c1786fbcdfebf9c0f3c0cdf100df43ccbf26e9cf6e25232d",  # noqa: E501
    "confirming.parquet": "56c280474bff92dc88bc58bf8e6fde1bb056545a8c33d03bb92edfc398acf6d6",  # noqa: E501
    "diagnoses.parquet": "efa3cb2c97705d168b186bcc75d3902b5bd011908b519aea7c95098dd723ff44",  # noqa: E501
    "workflows.parquet": "9b50e35d0f1bc78483052d5df44bf9c4de17ffad925c00e325c4f2e3961d9632",  # noqa: E501
    "scores.parquet": "aad1f48ec0d8350f1911188257f59fdc6d31a9578f28ddd0a55485625519d666",  # noqa: E501
    "repairs.parquet": "cd8ffb45d00e84ea4c51bff32b122c46d3beca31b9549c75fc77fd018427e3da",  # noqa: E501
}
BLIND = ("edges", "shuffled_pixels")  # controls: they never see the network, or a place
_DRAWS = 2000
_LEAST, _LEAST_GAIN = 0.70, 0.05  # of criterion G1
_ALARMS = 0.9  # quantile of the calibration's clean networks that is the threshold


def detection_table(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return one row for each flaw and tool with its observer.

    Args:
        scores: Of `score_networks`.
        seed: Of the bootstrap.

    Returns:
        `plant`, `tool`, `observer`, `num` (networks in which the flaw took), `auroc`
        against clean and benign test networks together, `low`, `high` (95 %, stratified
        bootstrap), `gain_low` (lower bound of the gain over `metrics`, paired), `p`
        (that the AUROC is .70 or less, Holm-adjusted over the table), `detects` (G1),
        `found` (share beyond the threshold), `hits`, `hits_low` and `chance` (G2).
    """
    test = scores[(scores.pool == "test") & scores.took]
    names = ["tool", "observer", "against", "plant"]
    groups = {
        key: group.set_index("seed").score.dropna()
        for key, group in test.groupby(names, sort=False)
    }
    rng = np.random.default_rng(seed)
    limits = thresholds(scores)
    rows = []
    for (tool, observer, against, plant), flawed in groups.items():
        if plant in CONTROLS or len(flawed) < 2:
            continue
        control = _controls(groups, tool, observer, against)
        draws = [rng.multinomial(n, np.full(n, 1 / n), _DRAWS) / n
                 for n in (len(flawed), len(control))]  # fmt: skip
        basis = groups["metrics", "", "", plant].reindex(flawed.index)
        others = _controls(groups, "metrics", "", "").reindex(control.index)
        wins, drawn = _compare(flawed, control, draws)
        gained = drawn - _compare(basis, others, draws)[1]
        low, high = np.quantile(drawn, [0.025, 0.975])
        # Where none is out of order the bootstrap has no spread: the rule of three.
        error = max(drawn.std(), 1 / min(len(flawed), len(control)) / 3)
        rows.append({
            "plant": plant, "tool": tool, "observer": observer, "num": len(flawed),
            "auroc": wins, "low": low, "high": high,
            "gain_low": np.quantile(gained, 0.025),
            "p": stats.norm.sf((wins - _LEAST) / error),
            "found": np.mean(flawed > limits.get((tool, observer), np.nan)),
            **_hits(test, plant, tool, observer),
        })  # fmt: skip
    table = pd.DataFrame(rows)
    table["p"] = adjust_by_holm(table.p)
    return table.assign(detects=(table.p < 0.05) & (table.gain_low > _LEAST_GAIN))


def read_scores(name: str) -> pd.DataFrame:
    """Return a table of the full run.

    Raises:
        ValueError: Another name, or a file that is not the one that was kept.
    """
    if name not in KEPT:
        raise ValueError(f"name must be one of {', '.join(KEPT)}. Received: {name!r}.")
    path = Path(__file__).parents[1] / name
    if hashlib.sha256(path.read_bytes()).hexdigest() != KEPT[name]:
        raise ValueError(
            f"{name} is not the table that the numbers here are of. Restore it with "
            f"'git checkout {path.parent.name}/{name}', or give the plants to measure."
        )
    return pd.read_parquet(path)


def draw_table(found: pd.DataFrame, plants: Sequence[str]) -> Figure:
    """Return the table of flaw and tool as a picture.

    Args:
        found: Of `detection_table`.
        plants: The rows, from above.
    """
    found = found[found.plant.isin(plants)]
    names = (found.tool + " " + found.observer).str.strip()
    table = found.assign(name=names).pivot_table(
        index="plant", columns="name", values=["auroc", "detects"], sort=False
    )
    values = table["auroc"].reindex(plants)
    passed = table["detects"].reindex(plants).fillna(0)
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
            box = plt.Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False,
                                edgecolor="black", linewidth=2)  # fmt: skip
            ax.add_patch(box)
    labels = [name.replace("_", " ") for name in values.columns]
    ax.set_xticks(range(width), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(height), [p.replace("_", " ") for p in plants], fontsize=8)
    ax.set_title("Which tool sees which flaw (AUROC; frames pass)", fontsize=10)
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


def thresholds(scores: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the score of each tool that flags a tenth of calibration's clean ones."""
    chosen = scores[(scores.pool == "calibration") & (scores.plant == "clean")]
    found = chosen.groupby(["tool", "observer"]).score.quantile(_ALARMS)
    return found.to_dict()


def false_alarms(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the share of clean and benign test networks beyond each threshold (G3)."""
    limits = thresholds(scores)
    test = scores[(scores.pool == "test") & scores.plant.isin(CONTROLS)]
    rows = []
    for (tool, observer), limit in limits.items():
        mine = test[(test.tool == tool) & (test.observer == observer)]
        row = {"tool": tool, "observer": observer}
        for plant in CONTROLS:
            alarms = mine[mine.plant == plant].score > limit
            low, high = proportion_interval(int(alarms.sum()), len(alarms))
            row |= {plant: alarms.mean(), f"{plant}_low": low, f"{plant}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def dealt_at_random(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return each tool's AUROC for "flawed" where that is dealt at random (N5)."""
    test = scores[(scores.pool == "test") & (scores.against == "")]
    rng = np.random.default_rng(seed)
    rows = []
    for (tool, observer), mine in test.groupby(["tool", "observer"]):
        dealt = rng.permutation(mine.plant.isin(CONTROLS).to_numpy())
        rows.append((tool, observer, auroc(mine.score.to_numpy(), ~dealt)))
    return pd.DataFrame(rows, columns=["tool", "observer", "auroc"])


def _controls(groups: dict, tool: str, observer: str, against: str) -> pd.Series:
    """Return the scores of clean and benign networks, by plant and seed."""
    return pd.concat({
        plant: groups[tool, observer, against, plant] for plant in CONTROLS
    })  # fmt: skip


def _compare(flawed: pd.Series, control: pd.Series, draws) -> tuple[float, np.ndarray]:
    """Return the AUROC, and that of networks drawn again, flawed and others apart."""
    signs = np.sign(flawed.to_numpy()[:, None] - control.to_numpy()[None])
    wins = (signs + 1) / 2
    drawn = np.einsum("di,ij,dj->d", draws[0], wins, draws[1], optimize=True)
    return float(wins.mean()), drawn


def _hits(test: pd.DataFrame, plant: str, tool: str, observer: str) -> dict:
    mine = test[
        (test.plant == plant) & (test.tool == tool) & (test.observer == observer)
    ]
    hit = mine.hit.dropna()
    if not len(hit):
        return {"hits": np.nan, "hits_low": np.nan, "chance": np.nan}
    low, _ = proportion_interval(int(hit.sum()), len(hit))
    return {"hits": hit.mean(), "hits_low": low, "chance": mine.chance.mean()}
