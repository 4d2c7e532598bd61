"""Our regularizers against the real keras-vis, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from happymaps.regularizers import LpNorm, TotalVariation


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    black_but_one = np.zeros((7, 9, 3))
    black_but_one[3, 4] = 1
    noise = rng.random((7, 9, 3))
    return np.stack([noise, 255 * noise, black_but_one]).astype(np.float32)


@pytest.fixture(scope="module")
def oracle(images, tmp_path_factory):
    path = tmp_path_factory.mktemp("oracle") / "images.npz"
    np.savez(path, images=images)
    script = Path(__file__).parent / "keras_vis_oracle.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_total_variation_is_that_of_keras_vis(images, oracle):
    np.testing.assert_allclose(TotalVariation()(images), oracle["tv"], rtol=1e-5)


def test_lp_norm_is_that_of_keras_vis(images, oracle):
    np.testing.assert_allclose(LpNorm()(images), oracle["lp"], rtol=1e-5)
