"""Measures of heat maps alone: masks, order, likeness, stability, controls."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from happymaps.attribution.evaluation.controls import edge_heatmap, random_heatmap
from happymaps.attribution.evaluation.heatmap_checks import rank_pixels
from happymaps.attribution.evaluation.map_comparison import (
    map_similarity,
    structural_similarity,
)
from happymaps.attribution.evaluation.masks import (
    mask_area,
    mask_shares,
    pointing_game,
    relevance_mass,
    relevance_rank,
)
from happymaps.attribution.evaluation.stability import max_sensitivity

IN_MASK = [pointing_game, relevance_mass, relevance_rank]


@pytest.fixture
def heatmaps():
    return np.random.default_rng(0).normal(size=(3, 6, 5))


@pytest.fixture
def left_half():
    mask = np.zeros((3, 6, 6), bool)
    mask[:, :, :3] = True
    return mask


# ------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("measure", IN_MASK)
def test_mask_of_the_whole_image_holds_all_relevance(measure, heatmaps):
    assert measure(heatmaps, np.ones(heatmaps.shape, bool)) == pytest.approx(1)


@pytest.mark.parametrize("measure", IN_MASK)
def test_map_within_its_mask_scores_one_and_outside_zero(measure, left_half):
    inside = np.where(left_half, 2.0, 0.0)
    assert measure(inside, left_half) == pytest.approx(1)
    assert measure(inside, ~left_half) == pytest.approx(0)


@pytest.mark.parametrize("measure", IN_MASK)
def test_empty_mask_has_no_measure(measure, heatmaps):
    assert np.isnan(measure(heatmaps, np.zeros(heatmaps.shape, bool))).all()


@pytest.mark.parametrize("measure", IN_MASK)
def test_random_map_scores_the_share_of_the_mask(measure):
    # 2,000 maps of 16 pixels, 4 of them in the mask: a hit has a standard error of
    # 0.0097, the others a smaller one.
    maps = random_heatmap(np.zeros((2000, 4, 4, 1)), seed=3)
    mask = np.zeros(maps.shape, bool)
    mask[:, :2, :2] = True
    assert mask_area(mask) == pytest.approx(0.25)
    assert np.mean(measure(maps, mask)) == pytest.approx(0.25, abs=0.03)


def test_mass_counts_negative_relevance_by_its_size():
    heatmap = np.array([[[1.0, -3.0]]])
    assert relevance_mass(heatmap, np.array([[[False, True]]])) == 0.75


def test_rank_counts_the_best_as_many_as_the_mask_has():
    heatmap = np.array([[[9.0, 7.0, 8.0, 1.0]]])
    mask = np.array([[[True, True, False, False]]])
    assert relevance_rank(heatmap, mask) == 0.5


def test_flat_map_points_as_often_as_the_mask_is_large(left_half):
    flat = np.full(left_half.shape, 0.3)
    assert pointing_game(flat, left_half) == pytest.approx(0.5)
    assert np.isnan(relevance_mass(0 * flat, left_half)).all()


def test_regions_that_share_out_the_image_share_out_the_relevance(left_half):
    heatmap = np.where(left_half, 3.0, -1.0)
    found = mask_shares(heatmap, {"left": left_half, "right": ~left_half})
    assert found["share"].sel(region="left").values == pytest.approx(0.75)
    assert found["share"].sum("region").values == pytest.approx(1)
    assert found["area"].values == pytest.approx(0.5)
    assert found["density"].sel(region="right").values == pytest.approx(0.5)


def test_region_that_an_image_lacks_has_no_share(left_half):
    found = mask_shares(np.ones(left_half.shape), {"none": left_half & False})
    assert np.isnan(found["share"]).all()
    assert (found["area"] == 0).all()


def test_masks_that_do_not_fit_are_refused(heatmaps, left_half):
    with pytest.raises(ValueError, match=r"mask of bool.*\(3, 6, 5\)"):
        relevance_mass(heatmaps, left_half)
    with pytest.raises(ValueError, match="mask of bool"):
        pointing_game(heatmaps, np.ones(heatmaps.shape))
    with pytest.raises(ValueError, match="at least one region"):
        mask_shares(heatmaps, {})


@pytest.mark.parametrize(
    "spoiled", [np.zeros((2, 4, 4, 1)), np.full((1, 2, 2), np.nan)]
)
def test_heat_maps_that_are_none_are_refused(spoiled):
    with pytest.raises(ValueError, match="Expected heat maps"):
        rank_pixels(spoiled)


# ------------------------------------------------------------------------------- order


def test_ranks_count_from_the_most_relevant():
    assert rank_pixels(np.array([[[3.0, -1.0], [7.0, 0.0]]])).tolist() == [
        [[1, 3], [0, 2]]
    ]


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_equal_pixels_are_ordered_by_the_seed_and_after_better_ones(seed):
    heatmap = np.zeros((2, 4, 4))
    heatmap[:, 1, 2] = 1
    ranks = rank_pixels(heatmap, seed=seed)
    assert (ranks[:, 1, 2] == 0).all()
    assert (np.sort(ranks.reshape(2, -1)) == np.arange(16)).all()
    assert (ranks == rank_pixels(heatmap, seed=seed)).all()
    assert (ranks != rank_pixels(heatmap, seed=seed + 1)).any()
    assert (ranks[0] != ranks[1]).any()


# ---------------------------------------------------------------------------- likeness


@pytest.mark.parametrize("kind", ["absolute_rank", "signed_rank", "structure"])
def test_map_is_like_itself(heatmaps, kind):
    assert map_similarity(heatmaps, heatmaps, kind=kind) == pytest.approx(1)


def test_reversed_map_has_rank_correlation_minus_one(heatmaps):
    assert map_similarity(heatmaps, -heatmaps, kind="signed_rank") == pytest.approx(-1)
    assert map_similarity(heatmaps, -heatmaps) == pytest.approx(1)
    inverse = 1 / np.abs(heatmaps)
    assert map_similarity(heatmaps, inverse) == pytest.approx(-1)


def test_rank_correlation_is_that_of_the_textbook():
    # d = (0, 1, 1, 0): 1 - 6 * 2 / (4 * 15)
    first, second = np.array([[[1.0, 2], [3, 4]]]), np.array([[[1.0, 3], [2, 4]]])
    assert map_similarity(first, second) == pytest.approx(0.8)


def test_flat_map_is_like_nothing(heatmaps):
    flat = np.full(heatmaps.shape, 2.0)
    assert np.isnan(map_similarity(heatmaps, flat)).all()
    assert np.isnan(map_similarity(heatmaps, 0 * flat, kind="structure")).all()


def test_structural_similarity_of_flat_images_is_that_of_their_means():
    first, second = np.full((1, 12, 12), 0.2), np.full((1, 12, 12), 0.6)
    luminance = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    found = structural_similarity(first, second, data_range=1)
    assert found == pytest.approx(luminance)
    # The constants grow with the range, so scaling both changes nothing.
    scaled = structural_similarity(255 * first, 255 * second, data_range=255)
    assert scaled == pytest.approx(luminance)


def test_structural_similarity_of_opposite_checkerboards_is_minus_one():
    # Local means are 0 and variances 1: (-2 + C2) / (2 + C2) with C2 = 0.06^2, but
    # for the rim, where mirroring doubles a pixel.
    board = (-1.0) ** np.add.outer(np.arange(32), np.arange(32))[None]
    found = structural_similarity(board, -board, data_range=2)
    assert found == pytest.approx(-(2 - 0.0036) / (2 + 0.0036), abs=0.05)


def test_kinds_of_likeness_are_named(heatmaps):
    with pytest.raises(ValueError, match="signed_rank"):
        map_similarity(heatmaps, heatmaps, kind="cosine")
    with pytest.raises(ValueError, match="data_range"):
        structural_similarity(heatmaps, heatmaps, data_range=0)


# --------------------------------------------------------------------------- stability


def test_attribution_that_never_changes_has_sensitivity_zero(images):
    for constant in (0.0, 2.0):
        found = max_sensitivity(lambda x, c=constant: np.full(x.shape, c), images)
        assert (found["largest"] == 0).all()
        assert (found["mean"] == 0).all()


def test_sensitivity_of_the_image_itself_is_the_size_of_the_noise():
    # Noise within 0.01 of images of 1 changes them by at most a hundredth, and by
    # 0.01 / sqrt(3) in the root mean square.
    images = np.ones((2, 40, 40, 1), np.float32)
    found = max_sensitivity(lambda x: x, images, radius=0.01, num_samples=3)
    assert found["mean"].values == pytest.approx(0.01 / np.sqrt(3), rel=0.05)
    assert (found["largest"] >= found["mean"]).all()
    assert (found["largest"] < 0.01).all()


def test_sensitivity_does_not_depend_on_the_scale_of_the_maps(images):
    one = max_sensitivity(lambda x: x**2, images)
    other = max_sensitivity(lambda x: 100 * x**2, images)
    assert one["largest"].values == pytest.approx(other["largest"].values)


def test_map_of_zeros_that_changes_has_no_sensitivity(images):
    found = max_sensitivity(lambda x: x - images, images)
    assert np.isnan(found["largest"]).all()


def test_options_of_stability_are_checked(images):
    with pytest.raises(ValueError, match="radius"):
        max_sensitivity(lambda x: x, images, radius=0)
    with pytest.raises(ValueError, match="for each of the 4 images"):
        max_sensitivity(lambda x: x[:2], images)


# ---------------------------------------------------------------------------- controls


def test_edge_map_of_a_step_is_four_beside_the_step_and_zero_elsewhere():
    images = np.zeros((2, 5, 6, 1))
    images[0, :, 3:] = 1
    found = edge_heatmap(images)[0]
    assert (edge_heatmap(images)[1] == 0).all()
    assert found[:, [2, 3]] == pytest.approx(4)
    assert found[:, [0, 1, 4, 5]] == pytest.approx(0)
    assert edge_heatmap(images.transpose(0, 2, 1, 3))[0] == pytest.approx(found.T)


def test_random_map_is_that_of_its_seed(images):
    found = random_heatmap(images, seed=1)
    assert found.shape == images.shape[:3]
    assert (found == random_heatmap(images, seed=1)).all()
    assert (found != random_heatmap(images, seed=2)).all()
