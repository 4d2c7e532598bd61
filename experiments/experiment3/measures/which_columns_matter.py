"""One drawn table, one network: what each column is worth by either method."""

import numpy as np
import xarray as xr
from sklearn.metrics import roc_auc_score

from experiments.shared.drawn_table import KINDS, NAMES, draw_table
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

NUM_ROWS, NUM_LEARNED = 5000, 3500
# Name of a training -> options of it.
TRAININGS = {
    "short": {"epochs": 10, "learning_rate": 1e-3, "weight_decay": 1e-2},
    "long": {"epochs": 30, "learning_rate": 3e-3, "weight_decay": 1e-3},
}
_BATCH = 64
_FRESH_SEED = 1_000_000  # of rows beyond the table, apart from all tables' seeds
_MEANINGS = {
    "permutation": ("rise of the loss with the column shuffled", "nat"),
    "is_flagged": ("whether mean less two deviations over repeats is above 0", "1"),
    "refit": ("rise of the loss refitted without the column", "nat"),
    "refit_fresh": ("the same on many new rows", "nat"),
    "correlation": ("correlation of the column with the answer", "1"),
    "pair": ("rise of the loss with column and duplicate shuffled together", "nat"),
    "auroc_permutation": ("AUROC of permutation, informative against null", "1"),
    "auroc_refit": ("AUROC of refits, informative against null", "1"),
    "auroc_refit_fresh": ("the same, judged on many new rows", "1"),
    "nulls_flagged": ("share of null columns that are flagged", "1"),
    "loss": ("loss on rows held out", "nat"),
    "loss_learned": ("loss on rows learned from", "nat"),
    "auc": ("AUROC of the answer on rows held out", "1"),
}


@sweepable
def measure_columns(
    *,
    training: str = "short",
    labels: str = "true",
    num_repeats: int = 20,
    num_fresh: int = 20000,
    seed: int = 0,
) -> xr.Dataset:
    """Draw a table, train a network and its 65 refits, and score each column.

    Args:
        training: `"short"` or `"long"`, see `TRAININGS`.
        labels: `"true"`, or `"shuffled"` for the null model.
        num_repeats: Shuffles of each column.
        num_fresh: New rows on which the refits are judged, too.
        seed: Of the table, the split, weights, order and shuffles.

    Returns:
        `permutation`, `refit`, `refit_fresh`, `is_flagged`, `correlation` by `column`,
        `pair` by `duplicate`; AUROCs and losses without dimensions.
    """
    from happymaps.attribution.columns.permuting import permute_columns
    from happymaps.attribution.columns.refitting import refit_without
    from happymaps.networks.row_losses import losses_of_rows, read_targets
    from happymaps.networks.stacked import fit_alone

    table, answers = draw_table(NUM_ROWS, seed)
    fresh, fresh_answers = draw_table(num_fresh, _FRESH_SEED + seed)
    rng = np.random.default_rng(seed)
    if labels == "shuffled":
        answers, fresh_answers = map(rng.permutation, (answers, fresh_answers))
    order = rng.permutation(NUM_ROWS)
    learned, held_out = order[:NUM_LEARNED], order[NUM_LEARNED:]
    form, options = _build(), TRAININGS[training] | {"batch_size": _BATCH, "seed": seed}
    rows, truth = np.concatenate([table, fresh]), np.append(answers, fresh_answers)
    targets = read_targets(form, rows, truth)
    judged = np.append(held_out, np.arange(NUM_ROWS, len(rows)))
    losses = refit_without(form, rows, targets, learned, judged, **options)
    rises = losses[:, 1:] - losses[:, :1]
    network = fit_alone(form, table[learned], targets.of(learned), **options)
    new, of_new = table[held_out], targets.of(held_out)
    groups = [[column] for column in range(len(KINDS))]
    groups += [[pair, 10 + pair] for pair in range(5)]
    shuffled = permute_columns(
        network, new, of_new, groups, num_repeats=num_repeats, seed=seed
    ).mean(axis=1)
    alone, pairs = shuffled[: len(KINDS)], shuffled[len(KINDS) :]
    kinds = np.array(KINDS)
    flagged = alone.mean(axis=1) > 2 * alone.std(axis=1)
    scores = {
        "permutation": alone.mean(axis=1),
        "refit": rises[: len(held_out)].mean(axis=0),
        "refit_fresh": rises[len(held_out) :].mean(axis=0),
    }
    correlation = [np.corrcoef(column, truth[order])[0, 1] for column in table[order].T]
    variables = {
        **{name: ("column", values) for name, values in scores.items()},
        "is_flagged": ("column", flagged),
        "correlation": ("column", correlation),
        "pair": ("duplicate", pairs.mean(axis=1)),
        **{f"auroc_{name}": _tell(values) for name, values in scores.items()},
        "nulls_flagged": flagged[kinds == "null"].mean(),
        "loss": losses[: len(held_out), 0].mean(),
        "loss_learned": losses_of_rows(
            network, table[learned], targets.of(learned)
        ).mean(),
        "auc": roc_auc_score(of_new.values, network(new).numpy()[:, 0]),
    }
    found = xr.Dataset(variables, {"column": list(NAMES), "duplicate": list(range(5))})
    return label_variables(found, _MEANINGS)


def _tell(scores: np.ndarray) -> float:
    """Return how well scores tell informative from null columns, an AUROC."""
    kinds = np.array(KINDS)
    asked = np.isin(kinds, ("informative", "null"))
    return roc_auc_score(kinds[asked] == "informative", scores[asked])


def _build():
    from happymaps.backend import keras

    layers = [keras.Input((len(KINDS),))]
    for units in (32, 16):
        layers.append(keras.layers.Dense(units, activation="relu"))
        layers.append(keras.layers.Dropout(0.2))
    return keras.Sequential([*layers, keras.layers.Dense(1)])
