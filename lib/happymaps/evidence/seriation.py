"""Orders that put what is alike side by side, so that structure can be seen."""

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform


def order_by_similarity(similarities: np.ndarray) -> np.ndarray:
    """Return the order of things in which neighbors are alike.

    Average linkage on the distances 1 - r, its leaves ordered so that the sum of the
    distances between neighbors is the least that this tree allows.

    Source: optimal leaf ordering, Bar-Joseph et al. 2001,
    doi:10.1093/bioinformatics/17.suppl_1.S22.

    Args:
        similarities: Symmetric, shape (things, things), at most 1; what cannot be
            compared (NaN) counts as unlike, 0.

    Returns:
        Positions, shape (things,): `similarities[np.ix_(order, order)]` is ordered.

    Raises:
        ValueError: Not symmetric, or a similarity above 1.
    """
    distances = _distances(similarities)
    if len(distances) < 3:
        return np.arange(len(distances))
    condensed = squareform(distances, checks=False)
    tree = hierarchy.linkage(condensed, method="average", optimal_ordering=True)
    return hierarchy.leaves_list(tree).astype(int)


def seriation_loss(similarities: np.ndarray, order: np.ndarray | None = None) -> float:
    """Return the sum of the distances 1 - r between neighbors, >= 0.

    Args:
        similarities: As in `order_by_similarity`.
        order: Positions; None for the order that they have.

    Raises:
        ValueError: As in `order_by_similarity`.
    """
    distances = _distances(similarities)
    order = np.arange(len(distances)) if order is None else np.asarray(order)
    return float(distances[order[:-1], order[1:]].sum())


def random_seriation_losses(
    similarities: np.ndarray, *, num_orders: int = 1000, seed: int = 0
) -> np.ndarray:
    """Return the `seriation_loss` of random orders, a null model.

    Args:
        similarities: As in `order_by_similarity`.
        num_orders: How many.
        seed: Of the orders.

    Returns:
        Shape (num_orders,).
    """
    distances = _distances(similarities)
    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(len(distances)) for _ in range(num_orders)])
    return distances[orders[:, :-1], orders[:, 1:]].sum(axis=1)


def _distances(similarities: np.ndarray) -> np.ndarray:
    table = np.nan_to_num(np.asarray(similarities, np.float64), nan=0.0)
    square = table.ndim == 2 and table.shape[0] == table.shape[1]
    if not square or not np.allclose(table, table.T) or (table > 1 + 1e-6).any():
        raise ValueError(
            "Expected a symmetric table of similarities, at most 1 each, such as "
            f"np.corrcoef gives. Received: shape {table.shape}, values from "
            f"{table.min():.3g} to {table.max():.3g}."
        )
    # Rounding must leave no negative distance, and nothing is far from itself.
    distances = np.clip(1 - (table + table.T) / 2, 0, None)
    np.fill_diagonal(distances, 0)
    return distances
