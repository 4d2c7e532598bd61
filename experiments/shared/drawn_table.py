"""A table of 65 columns of which it is known what each is worth."""

import numpy as np
from scipy import stats

KINDS = ("informative",) * 10 + ("duplicate",) * 5 + ("suppressor",) * 5
KINDS += ("null",) * 45
NAMES = tuple(f"{kind} {KINDS[: at + 1].count(kind)}" for at, kind in enumerate(KINDS))


def draw_table(num_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns `(rows, 65)`, float32, and answers 0 or 1, int32.

    Log-odds of ten independent normal z, of which the answer is drawn: `z1 + .8 z2 +
    .6 z3 + .5 z4 + .4 z5 + z6 + .8 z7 + .9 z8 z9 + .5 (z10^2 - 1)`. The columns are z1
    to z5; z6 to z10 seen through errors, `(z + e) / sqrt 2`; five near-duplicates, `z1
    + .2 N` to z5; the five errors e, which suppress; 15 normal, 15 binary and 15
    Student t columns of unit variance that tell nothing.
    """
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((num_rows, 10))
    log_odds = z[:, :7] @ (1.0, 0.8, 0.6, 0.5, 0.4, 1.0, 0.8)
    log_odds += 0.9 * z[:, 7] * z[:, 8] + 0.5 * (z[:, 9] ** 2 - 1)
    answers = rng.random(num_rows) < 1 / (1 + np.exp(-log_odds))
    duplicates = z[:, :5] + 0.2 * rng.standard_normal((num_rows, 5))
    errors = rng.standard_normal((num_rows, 5))
    z[:, 5:] = (z[:, 5:] + errors) / np.sqrt(2)
    nulls = rng.standard_normal((num_rows, 45))
    nulls[:, 15:30] = np.sign(nulls[:, 15:30])
    nulls[:, 30:] = stats.t.ppf(stats.norm.cdf(nulls[:, 30:]), 5) / np.sqrt(5 / 3)
    table = np.concatenate([z, duplicates, errors, nulls], axis=1)
    return table.astype(np.float32), answers.astype(np.int32)
