"""Our regularizers against the real keras-vis, in a process of its own."""

import numpy as np
import pytest

from happymaps.benchmarks.original_keras_vis import OriginalKerasVis
from happymaps.regularizers import LpNorm, TotalVariation


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    black_but_one = np.zeros((7, 9, 3))
    black_but_one[3, 4] = 1
    noise = rng.random((7, 9, 3))
    return np.stack([noise, 255 * noise, black_but_one]).astype(np.float32)


@pytest.fixture(scope="module")
def penalties(images):
    with OriginalKerasVis() as original:
        return original.penalties(images)


def test_total_variation_is_that_of_keras_vis(images, penalties):
    np.testing.assert_allclose(TotalVariation()(images), penalties["tv"], rtol=1e-5)


def test_lp_norm_is_that_of_keras_vis(images, penalties):
    np.testing.assert_allclose(LpNorm()(images), penalties["lp"], rtol=1e-5)
