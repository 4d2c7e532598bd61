"""A real table, of 569 tumors and 30 columns of which many tell the same."""

import numpy as np
import xarray as xr
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

SIZES = tuple(
    f"{which} {what}"
    for which in ("mean", "worst")
    for what in ("radius", "perimeter", "area")
)
_HELD_OUT = 0.4
_MEANINGS = {
    "importance": ("rise of the loss with the column shuffled", "nat"),
    "group_importance": ("rise of the loss with its group shuffled", "nat"),
    "group": ("number of the column's group", ""),
    "refit": ("rise of the loss refitted without the column", "nat"),
    "accuracy": ("accuracy on rows held out", "1"),
}


@sweepable
def measure_breast_cancer(
    *, num_repeats: int = 20, num_fits: int = 0, epochs: int = 40, seed: int = 0
) -> xr.Dataset:
    """Train a network on scikit-learn's breast cancer table, and score its columns.

    Args:
        num_repeats: Shuffles of each column.
        num_fits: Refits without each column; 0 for none.
        epochs: Of each training.
        seed: Of split, weights, order and shuffles.

    Returns:
        `importance`, `group`, `group_importance`, and `refit` if asked for, with
        dimension `column`; `accuracy`.
    """
    from happymaps.attribution.columns.importance import importance
    from happymaps.backend import keras
    from happymaps.networks.row_losses import read_targets
    from happymaps.networks.stacked import fit_alone

    found = load_breast_cancer()
    names = found.feature_names.tolist()
    learned, new, answers, truth = train_test_split(
        found.data.astype(np.float32), found.target, test_size=_HELD_OUT,
        stratify=found.target, random_state=seed,
    )  # fmt: skip
    normal = keras.layers.Normalization()
    normal.adapt(learned)
    hidden = keras.layers.Dense(32, activation="relu")
    last = [keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    form = keras.Sequential([keras.Input((len(names),)), normal, hidden, *last])
    targets = read_targets(form, learned, answers)
    network = fit_alone(
        form, learned, targets, epochs=epochs, batch_size=32, learning_rate=1e-3,
        seed=seed,
    )  # fmt: skip
    table = importance(
        network, new, truth, names=names, num_repeats=num_repeats, seed=seed,
        drop=num_fits > 0, num_fits=max(1, num_fits), epochs=epochs,
    ).rename(columns={"drop": "refit"})  # fmt: skip
    kept = [name for name in _MEANINGS if name in table]
    variables = {name: ("column", table[name].to_numpy()) for name in kept}
    right = (network(new).numpy()[:, 0] > 0) == truth
    result = xr.Dataset(variables | {"accuracy": right.mean()}, {"column": names})
    return label_variables(result, _MEANINGS)
