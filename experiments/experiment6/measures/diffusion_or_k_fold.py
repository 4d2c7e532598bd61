"""A drawn table, or faces: the score of a ring, that of k-fold, and the truth."""

import numpy as np
import pandas as pd
import xarray as xr
from scipy import optimize

from experiments.shared.drawn_table import KINDS, draw_table
from happymaps.base.sweepable import sweepable
from happymaps.base.variable_labels import label_variables

NUM_NEW = 20_000
_NEW_SEED = 1_000_000  # of new rows, apart from all tables' seeds
_SIZE = (30, 32)  # of faces
_RATE, _BATCH, _FEW = 2e-3, 32, 64  # with fewer rows in a fold, half of it
_MEANINGS = {
    "far_score": ("loss of folds in the networks farthest from them", "nat"),
    "new_loss": ("loss of the ring's networks on new rows", "nat"),
    "mean_loss": ("loss of the mean of their logits on new rows", "nat"),
    "profile": ("loss on folds by distance along the ring", "nat"),
    "leak": ("loss on new rows less that on the fold", "nat"),
    "spread": ("standard deviation of logits over the ring", "1"),
    "score": ("loss of folds in networks that learned from the others", "nat"),
    "score_error": ("standard error of that over folds", "nat"),
    "gradients": ("gradients of single rows, in rows of the table", "1"),
}


@sweepable
def measure_diffusion(
    *,
    coupling: float = 0.03,
    every: int = 1,
    num_rows: int = 3000,
    num_folds: int = 10,
    epochs: int = 24,
    weight_decay: float = 1e-3,
    labels: str = "true",
    faces: str = "",
    seed: int = 0,
) -> xr.Dataset:
    """Let a ring of networks learn from the folds of a drawn table, or of faces.

    Args:
        coupling: As in `hm.diffuse`.
        every: As in `hm.diffuse`.
        num_rows: Of the table.
        num_folds: Networks of the ring.
        epochs: Of each fold.
        weight_decay: Of AdamW.
        labels: `"true"`, or `"shuffled"` for the null model.
        faces: A data set whose poses are learned instead, its people dealt out to
            folds; `num_rows` is then not used. Empty for the table.
        seed: Of the table, folds, weights and order.

    Returns:
        All without dimensions but `leak` and `profile` by `distance`. Of faces there
        are no new ones: `new_loss`, `mean_loss` and `leak` are NaN.
    """
    from happymaps.networks.diffusion import diffuse

    rows, answers, folds = _draw(num_rows, num_folds, labels, faces, seed)
    found = diffuse(
        _build(faces, seed),
        [(rows[fold], answers[fold]) for fold in folds],
        coupling,
        every=every,
        new=None if faces else _draw_new(labels, seed),
        epochs=epochs,
        batch_size=_batch(folds),
        learning_rate=_RATE,
        weight_decay=weight_decay,
        seed=seed,
    )
    variables = {
        "far_score": found.far_score.mean(),
        "new_loss": np.nan if faces else found.new_loss.mean(),
        "mean_loss": np.nan if faces else found.mean_loss,
        "spread": found.spread,
        "gradients": float(epochs),
        "profile": found.profile,
        "leak": found.profile * np.nan if faces else found.leak,
    }
    return label_variables(xr.Dataset(variables), _MEANINGS)


@sweepable
def measure_k_fold(
    *,
    num_rows: int = 3000,
    num_folds: int = 10,
    epochs: int = 8,
    weight_decay: float = 1e-3,
    labels: str = "true",
    faces: str = "",
    seed: int = 0,
) -> xr.Dataset:
    """Score the same folds by networks that learned from all others.

    `one_loss` is that of one network that learned from all rows, on new ones; NaN for
    faces.

    Args:
        num_rows: Of the table.
        num_folds: Networks.
        epochs: Of each, over the rows of the other folds.
        weight_decay: Of AdamW.
        labels: As in `measure_diffusion`.
        faces: As there.
        seed: The same.
    """
    from happymaps.networks.row_losses import losses_of_rows, read_targets
    from happymaps.networks.stacked import (
        draw_rows,
        fit_alone,
        fit_stack,
        set_beside,
        stack,
        stack_losses,
    )

    table, answers, folds = _draw(num_rows, num_folds, labels, faces, seed)
    network = _build(faces, seed)
    targets = read_targets(network, table, answers)
    options = {
        "epochs": epochs, "batch_size": _batch(folds),
        "learning_rate": _RATE, "weight_decay": weight_decay, "seed": seed,
    }  # fmt: skip
    others = [np.concatenate(np.delete(folds, at, 0)) for at in range(num_folds)]
    copies = [_build(faces, seed) for _ in range(num_folds if faces else 0)]
    networks = set_beside(copies) if faces else stack(network, num_folds)
    draw = draw_rows(*(np.stack([each[o] for o in others], 1)
                       for each in (table, targets.values)))  # fmt: skip
    fit_stack(networks, draw, len(others[0]), targets.losses, **options)
    draw = draw_rows(*(each[folds.T] for each in (table, targets.values)))
    scores = stack_losses(networks, draw, len(folds.T), targets.losses).mean(axis=0)
    one_loss = np.nan
    if not faces:
        new, truth = _draw_new(labels, seed)
        one = fit_alone(network, table, targets, **options)
        one_loss = losses_of_rows(one, new, read_targets(one, new, truth)).mean()
    found = {
        "score": scores.mean(),
        "score_error": scores.std(ddof=1) / np.sqrt(num_folds),
        "one_loss": one_loss,
        "gradients": float(epochs * (num_folds - 1)),
    }
    return label_variables(xr.Dataset(found), _MEANINGS)


def fit_cosh(leak: np.ndarray, num_folds: int) -> tuple[float, float]:
    """Return the length xi and the rms error of `A cosh((K/2 - d) / xi)`.

    Args:
        leak: By distance, from 0.
        num_folds: K, of the ring.
    """
    across = num_folds / 2 - np.arange(len(leak))

    def shape(xi):
        # Scaled, so that a short length does not overflow.
        return np.exp((across - across[0]) / xi) + np.exp((-across - across[0]) / xi)

    def error(logarithm):
        curve = shape(np.exp(logarithm))
        height = curve @ leak / (curve @ curve)
        return np.sqrt(np.mean((leak - height * curve) ** 2))

    found = optimize.minimize_scalar(error, bounds=(-2, 4), method="bounded")
    return float(np.exp(found.x)), float(found.fun)


def ring_influence(num_folds: int, coupling: float) -> np.ndarray:
    """Return the share of the fold at each distance in a network, by the theory.

    Quadratic losses of unit curvature: the networks minimize `sum (w_i - fold_i)^2 / 2
    + coupling / 2 sum (w_i - w_{i+1})^2`, so that `w = (1 + coupling L)^-1 folds`.
    """
    ones = np.eye(num_folds)
    laplacian = 2 * ones - np.roll(ones, 1, axis=0) - np.roll(ones, -1, axis=0)
    shares = np.linalg.inv(ones + coupling * laplacian)[0]
    return shares[: num_folds // 2 + 1]


def _draw(num_rows: int, num_folds: int, labels: str, faces: str, seed: int):
    """Return rows, their answers, and the rows of each fold, (folds, rows of one)."""
    rng = np.random.default_rng(seed)
    if faces:
        rows, answers, parts = _deal_people(faces, num_folds, seed)
    else:
        rows, answers = draw_table(num_rows, seed)
    if labels == "shuffled":
        answers = rng.permutation(answers)
    if not faces:
        parts = np.array_split(rng.permutation(num_rows), num_folds)
    size = min(map(len, parts))
    return rows, answers, np.stack([part[:size] for part in parts])


def _deal_people(faces: str, num_folds: int, seed: int):
    import happymaps as hm

    images = hm.load_dataset(faces, image_size=_SIZE, target="pose")
    numbers = pd.Series(np.arange(len(images)))
    people = images.metadata["person"].to_numpy()
    names = np.random.default_rng(seed).permutation(np.unique(people))
    parts = [
        numbers[np.isin(people, some)].sample(frac=1, random_state=seed).to_numpy()
        for some in np.array_split(names, num_folds)
    ]
    return images.images, images.labels, parts


def _draw_new(labels: str, seed: int):
    table, answers = draw_table(NUM_NEW, _NEW_SEED + seed)
    if labels == "shuffled":
        answers = np.random.default_rng(seed).permutation(answers)
    return table, answers


def _batch(folds: np.ndarray) -> int:
    return _BATCH if folds.shape[1] >= _FEW else _BATCH // 2


def _build(faces: str, seed: int):
    from happymaps.backend import keras
    from happymaps.networks.models import build_cnn
    from happymaps.networks.random_controls import fresh_weights

    if faces:
        return build_cnn((*_SIZE, 1), 4, filters=(8, 16), dense_units=(32,), seed=seed)
    layers = [keras.layers.Dense(units, activation="relu") for units in (32, 16)]
    form = [keras.Input((len(KINDS),)), *layers, keras.layers.Dense(1)]
    return fresh_weights(keras.Sequential(form), seed=seed)
