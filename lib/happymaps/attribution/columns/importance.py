"""`hm.importance`: a row for each column, shuffled, in its group, and left out."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from happymaps.attribution.columns.grouping import group_columns
from happymaps.attribution.columns.permuting import deal_rows, permute_columns
from happymaps.attribution.columns.refitting import drop_columns
from happymaps.backend import keras
from happymaps.evidence.claims import mean_interval
from happymaps.networks.row_losses import Targets, losses_of_rows, read_targets

_FEWEST = 40  # rows: two in each block
_NAMELESS = ("", "Unnamed: 0", "index", "level_0")  # as pandas writes row numbers


def importance(
    model: keras.Model,
    inputs: np.ndarray | pd.DataFrame,
    targets: Sequence,
    *,
    names: Sequence[str] | None = None,
    loss: str = "",
    groups: bool = True,
    drop: bool = False,
    num_repeats: int = 20,
    num_fits: int = 5,
    epochs: int = 30,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> pd.DataFrame:
    """Return how much a network's loss on new rows rests on each column of a table.

    Three questions, which have different answers where columns tell the same:

    - `importance`: by how much does the loss rise when the column is dealt out to other
      rows (scikit-learn's `permutation_importance`)? It is about this network, and says
      nothing of one that learned less. Two copies of a column halve it or worse.
    - `group_importance`: the same for all columns of its group at once, with one
      permutation. Read it before you call a column useless.
    - `drop`: by how much does the loss rise when networks of the same form learn anew
      without the column? Near nothing for what another column tells, too; and noisy.

    The loss is the cross-entropy in nats, or the squared error. With a linear network,
    squared errors and independent columns of unit variance the first is `2 b^2` for a
    weight of b, the last `b^2`. Warns where the network is not clearly better than
    guessing: what a bad network rests on tells nothing of the columns.

    Args:
        model: A network on columns, input shape (columns,), that normalizes them itself
            or takes them as they are given.
        inputs: Shape (rows, columns), at least 40 rows that it did **not** learn from,
            columns as it takes them, in its order.
        targets: Of each row: classes or numbers, see `loss`.
        names: Of the columns; None: those of a DataFrame, else their numbers.
        loss: `"cross_entropy"` or `"squared_error"`; empty: cross-entropy for several
            outputs or two different targets. Classes are taken in sorted order.
        groups: Whether to group columns of |Spearman| > 0.7 (average linkage).
        drop: Whether to refit without each column. The rows given are then split, 70 %
            to learn from, once for each fit.
        num_repeats: Permutations, >= 1.
        num_fits: Refits of all columns, >= 1; with one, `drop` has no interval.
        epochs: Of each refit.
        batch_size: Of each refit.
        learning_rate: Of each refit, of Adam.
        seed: Of permutations, weights and splits: the same seed, the same table.

    Returns:
        A row for each column: `column`, `importance`, `low`, `high` (its 95 % interval
        over blocks of rows, for this network), then `group` (a number from 1) and
        `group_importance`, `drop`, `drop_low`, `drop_high` (over fits), where asked
        for. `attrs` holds `loss`, `loss_of_guessing`, `loss_name`,
        `is_better_than_guessing`, and `classes` in the order of the outputs.

    Raises:
        ValueError: Columns that are not the network's, values or targets that are
            missing or no numbers, fewer than 40 rows.

    Sources: Breiman 2001, doi:10.1023/A:1010933404324; Fisher, Rudin & Dominici 2019,
    arXiv:1801.01489; on groups Gregorutti, Michel & Saint-Pierre 2015, arXiv:1411.4170.
    """
    inputs, names = _read_inputs(model, inputs, names)
    _check_counts(num_repeats=num_repeats, num_fits=num_fits, epochs=epochs)
    found = read_targets(model, inputs, targets, loss)
    quality = _judge(model, inputs, found, seed)
    options = {"num_repeats": num_repeats, "seed": seed}
    singles = [[column] for column in range(len(names))]
    rises = permute_columns(model, inputs, found, singles, **options).mean(axis=2)
    table = {"column": names, "importance": rises.mean(axis=1)}
    lows, highs = zip(*(_interval(blocks) for blocks in rises), strict=True)
    table |= {"low": lows, "high": highs}
    if groups:
        parts = group_columns(inputs)
        number = {column: at for at, part in enumerate(parts, 1) for column in part}
        table["group"] = [number[column] for column in range(len(names))]
        shared = table["importance"].copy()
        several = [part for part in parts if len(part) > 1]
        if several:
            rises = permute_columns(model, inputs, found, several, **options)
            for part, rise in zip(several, rises.mean(axis=(1, 2)), strict=True):
                shared[part] = rise
        table["group_importance"] = shared
    if drop:
        rise, half = drop_columns(
            model, inputs, found, num_fits=num_fits, seed=seed, epochs=epochs,
            batch_size=batch_size, learning_rate=learning_rate,
        )  # fmt: skip
        table |= {"drop": rise, "drop_low": rise - half, "drop_high": rise + half}
    table = pd.DataFrame(table)
    table.attrs.update(quality)
    return table


def _judge(model, inputs: np.ndarray, targets: Targets, seed: int) -> dict:
    losses, guess = losses_of_rows(model, inputs, targets), targets.guess()
    block = deal_rows(len(inputs), seed)
    better = np.bincount(block, guess - losses) / np.bincount(block)
    is_better = mean_interval(better)[0] > 0 or (np.ptp(better) == 0 < better[0])
    if not is_better:
        warnings.warn(
            f"The network is not clearly better than guessing (loss {losses.mean():.3g}"
            f", of guessing {guess.mean():.3g}): what it rests on tells nothing of the "
            "columns. Look whether columns, target and order of the classes are its.",
            stacklevel=3,
        )
    return {
        "loss": float(losses.mean()),
        "loss_of_guessing": float(guess.mean()),
        "loss_name": targets.loss,
        "is_better_than_guessing": bool(is_better),
        "classes": [str(each) for each in targets.classes],
    }


def _interval(blocks: np.ndarray) -> tuple[float, float]:
    # A column that the network does not use changes nothing anywhere.
    return mean_interval(blocks) if np.ptp(blocks) else (blocks[0], blocks[0])


def _read_inputs(model, inputs, names) -> tuple[np.ndarray, list[str]]:
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            "Expected a network with one input of shape (columns,). Received: "
            f"{shape}. Its importances for images are hm.attribution's."
        )
    if names is None and isinstance(inputs, pd.DataFrame):
        names = list(map(str, inputs.columns))
    inputs = np.asarray(inputs)
    if inputs.ndim != 2:
        raise ValueError(
            f"Expected a table (rows, columns). Received: shape {inputs.shape}."
        )
    names = list(map(str, range(inputs.shape[1]) if names is None else names))
    if len(names) != inputs.shape[1]:
        raise ValueError(
            f"Expected a name for each of {inputs.shape[1]} columns. Received: "
            f"{len(names)}."
        )
    if inputs.shape[1] != shape[1]:
        raise ValueError(_other_columns(names, shape[1]))
    if len(inputs) < _FEWEST:
        raise ValueError(
            f"Expected at least {_FEWEST} rows that the network did not learn from. "
            f"Received: {len(inputs)}. Bring more."
        )
    try:
        inputs = inputs.astype(np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            "Expected a table of numbers. Received: text in it. Code the categories as "
            "the network takes them."
        ) from None
    bad = ~np.isfinite(inputs).all(axis=0)
    faulty = [name for name, is_bad in zip(names, bad, strict=True) if is_bad]
    if faulty:
        raise ValueError(
            "Expected a number in each cell. Received: missing or infinite values in "
            f"{', '.join(faulty[:6])}{', ...' if len(faulty) > 6 else ''}. Fill them "
            "as in training, or leave such rows out."
        )
    return inputs, names


def _other_columns(names: list[str], expected: int) -> str:
    suspects = [name for name in names if name in _NAMELESS]
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    if suspects and len(names) - len(suspects) == expected:
        remedy = (
            f"{suspects[0]!r} looks like the row numbers that pandas writes: save the "
            "table with to_csv(..., index=False), or leave that column out."
        )
    elif len(names) > expected:
        remedy = "Leave out those that the network does not take."
    else:
        remedy = "Add those that the network takes besides, in its order."
    return (
        f"The network takes {expected} columns. Received: {len(names)} besides the "
        f"target ({shown}). {remedy}"
    )


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be 1 or more. Received: {count}.")
