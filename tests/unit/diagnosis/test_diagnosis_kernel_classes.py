"""Kernels in the basis of Frei and Chen, and how far two namings agree."""

import numpy as np
import pytest
from planted_networks import FILTERS, LAPLACIAN, LINE, MEAN, SOBEL, mixed_kernel

from happymaps.diagnosis.units.kernel_classes import (
    basis_energies,
    classify_kernels,
    frei_chen_basis,
    kernel_shares,
    patch_shares,
)
from happymaps.evidence.agreement import auroc, kappa


def filters(*kernels):
    return np.stack(kernels, axis=-1)[:, :, None]


def test_basis_is_orthonormal():
    flat = frei_chen_basis().reshape(9, 9)
    np.testing.assert_allclose(flat @ flat.T, np.eye(9), atol=1e-12)


def test_basis_holds_one_mean_and_eight_masks_without_mean():
    sums = frei_chen_basis().sum(axis=(1, 2))
    np.testing.assert_allclose(sums, [3, *[0] * 8], atol=1e-12)


def test_edges_are_odd_and_lines_are_even_under_half_a_turn():
    basis = frei_chen_basis()
    turned = basis[:, ::-1, ::-1]
    np.testing.assert_allclose(turned[1:5], -basis[1:5], atol=1e-12)
    np.testing.assert_allclose(turned[5:], basis[5:], atol=1e-12)


def test_energies_sum_to_the_energy_of_the_kernel():
    kernel = np.random.default_rng(0).normal(size=(3, 3))
    assert basis_energies(kernel).sum() == pytest.approx((kernel**2).sum())


def test_known_kernels_have_known_shares():
    shares = kernel_shares(filters(MEAN, SOBEL, LINE, LAPLACIAN, MEAN + SOBEL))
    # The energy of MEAN is 1/9, that of SOBEL 12/16.
    mixed = (1 / 9) / (1 / 9 + 3 / 4)
    np.testing.assert_allclose(shares["mean"], [1, 0, 0, 0, mixed], atol=1e-12)
    np.testing.assert_allclose(shares["edge"], [0, 1, 0, 0, 1 - mixed], atol=1e-12)
    np.testing.assert_allclose(shares["line"], [0, 0, 1, 1, 0], atol=1e-12)


def test_shares_of_a_filter_add_the_energies_of_its_slices():
    # Twice as large is four times the energy: 4 * 3/4 edges beside 1/9 mean.
    kernel = np.stack([2 * SOBEL, MEAN], axis=2)[..., None]
    assert kernel_shares(kernel)["edge"] == pytest.approx(3 / (3 + 1 / 9))


def test_filter_of_zeros_is_of_class_zero_and_has_no_shares():
    kernels = filters(0 * MEAN, MEAN, SOBEL, LINE, mixed_kernel(0))
    assert np.isnan(kernel_shares(kernels)["edge"][0])
    expected = ["zero", "mean", "edge", "line", "mixed"]
    assert classify_kernels(kernels).tolist() == expected


def test_classes_of_the_planted_layer_are_those_that_were_planted():
    names = {"edge": "edge", "line": "line", "brightness": "mean", "texture": "mixed"}
    planted = [(kernel, names[kind]) for kernel, _, kind in FILTERS if kind in names]
    found = classify_kernels(filters(*(kernel for kernel, _ in planted)))
    assert found.tolist() == [name for _, name in planted]


@pytest.mark.parametrize("shape", [(5, 5, 1, 2), (3, 3, 2)])
def test_other_kernels_are_refused(shape):
    with pytest.raises(ValueError, match="shape \\(3, 3, inputs, filters\\)"):
        kernel_shares(np.zeros(shape))


def test_stripes_of_period_two_are_lines_and_a_ramp_is_an_edge():
    stripes = np.tile([0.0, 1.0], (12, 6))[None, :, :, None]
    ramp = np.tile(np.arange(12.0), (12, 1))[None, :, :, None]
    assert patch_shares(stripes)["line"] == pytest.approx(1)
    assert patch_shares(ramp)["edge"] == pytest.approx(1)


def test_stripes_of_period_four_are_three_quarters_edge():
    # 001: without its mean, (-1, 0, 1)/2 and (1, -2, 1)/6, of energies 3/2 and 1/2.
    stripes = np.tile([0.0, 0.0, 1.0, 1.0], (14, 4))[None, :, :14, None]
    shares = patch_shares(stripes)
    assert shares["edge"] == pytest.approx(0.75)
    assert shares["line"] == pytest.approx(0.25)


def test_patches_of_a_flat_image_have_no_shares_and_brightness_changes_none():
    image = np.random.default_rng(0).random((1, 8, 8, 1))
    assert np.isnan(patch_shares(np.full((1, 8, 8, 1), 0.7))["edge"]).all()
    lighter = patch_shares(image + 0.5)["edge"]
    np.testing.assert_allclose(lighter, patch_shares(image)["edge"])


def test_kappa_of_a_table_worked_out_by_hand():
    # Agreement 3/4; by chance 1/2 * 1/4 + 1/2 * 3/4 = 1/2.
    assert kappa(["a", "a", "b", "b"], ["a", "b", "b", "b"]) == pytest.approx(0.5)
    assert kappa(["a", "b"], ["a", "b"]) == 1
    assert np.isnan(kappa(["a", "a"], ["a", "a"]))
    assert np.isnan(kappa([], []))


def test_auroc_counts_pairs_in_the_right_order_and_leaves_out_what_is_no_number():
    scores = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    # Pairs (2, 1), (2, 3), (4, 1), (4, 3): three of four in order.
    so = np.array([False, True, False, True, True])
    assert auroc(scores, so) == pytest.approx(0.75)
    assert np.isnan(auroc(scores, np.ones(5, bool)))
