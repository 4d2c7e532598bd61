"""Occlusion, RISE and permuted regions on linear models, in closed form."""

import numpy as np
import pytest

from happymaps.attribution.methods.integrated_gradients import integrated_gradients
from happymaps.attribution.methods.occlusion import occlusion
from happymaps.attribution.methods.region_permutation import region_permutation
from happymaps.attribution.methods.rise import rise
from happymaps.maps.objectives import unit

LINEAR, BOARD, DEAD = (unit("out", index) for index in range(3))


@pytest.fixture
def weights(linear_network):
    return linear_network.get_layer("out").get_weights()[0][:, 0].reshape(8, 8, 1)


@pytest.fixture(scope="module")
def table(keras):
    """Return a linear model of four features with the weights 1, -2, 3 and 0."""
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(inputs))
    model.set_weights([np.array([[1.0], [-2], [3], [0]]), np.array([0.5])])
    return model


ROWS = np.array([[1.0, 1, 1, 1], [2, 0, -1, 5]])
CONTRIBUTIONS = ROWS * [1, -2, 3, 0]


def blocks(values, size):
    """Return the sum over each block of a grid, at each of its pixels."""
    cells = values.reshape(-1, 8 // size, size, 8 // size, size)
    sums = cells.sum(axis=(2, 4))
    return np.kron(sums, np.ones((1, size, size)))[..., None]


# --------------------------------------------------------------------------- occlusion


@pytest.mark.parametrize("baseline", [0.0, 0.5, None])
@pytest.mark.parametrize("size", [2, 4, 8])
def test_occlusion_of_a_linear_model_is_the_sum_over_the_patch(
    linear_network, images, weights, baseline, size
):
    lowest = images.min(axis=(1, 2, 3), keepdims=True)
    gap = images - (lowest if baseline is None else baseline)
    found = occlusion(
        linear_network, LINEAR, images, patch=size, stride=size, baseline=baseline
    )
    np.testing.assert_allclose(found, blocks(weights * gap, size), atol=1e-5)


def test_single_pixels_are_occluded_like_integrated_gradients(linear_network, images):
    np.testing.assert_allclose(
        occlusion(linear_network, LINEAR, images, patch=1, baseline=0.3),
        integrated_gradients(linear_network, LINEAR, images, baseline=0.3),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("patch", "stride", "starts"),
    [
        (3, None, [0, 1, 2, 3, 4, 5]),
        (4, None, [0, 2, 4]),
        (3, 3, [0, 3, 5]),
        (3, 2, [0, 2, 4, 5]),
    ],
)
def test_a_pixel_has_the_mean_of_the_patches_that_cover_it(
    linear_network, images, weights, patch, stride, starts
):
    contributions = weights * images
    total, covers = np.zeros_like(contributions), np.zeros((8, 8, 1))
    for row in starts:
        for column in starts:
            place = np.s_[row : row + patch, column : column + patch]
            fall = contributions[:, *place].sum(axis=(1, 2, 3))
            total[:, *place] += fall[:, None, None, None]
            covers[place] += 1
    found = occlusion(linear_network, LINEAR, images, patch=patch, stride=stride)
    np.testing.assert_allclose(found, total / covers, atol=1e-5)


def test_features_of_a_table_are_occluded(table):
    found = occlusion(table, unit("out", 0), ROWS, patch=1)
    np.testing.assert_allclose(found, CONTRIBUTIONS, atol=1e-6)
    found = occlusion(table, unit("out", 0), ROWS, patch=2, stride=2)
    pairs = CONTRIBUTIONS.reshape(2, 2, 2).sum(axis=2)
    np.testing.assert_allclose(found, np.repeat(pairs, 2, axis=1), atol=1e-6)


def test_a_patch_covers_all_colors(keras):
    inputs = keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, name="out")(flat))
    weights = model.get_layer("out").get_weights()[0].reshape(4, 4, 3)
    images = np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)
    found = occlusion(model, unit("out", 0), images, patch=(1, 2), stride=(1, 2))
    expected = (weights * images).reshape(2, 4, 2, 2, 3).sum(axis=(3, 4))
    expected = np.repeat(expected, 2, axis=2)[..., None] * np.ones(3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


# -------------------------------------------------------------------------------- RISE


def all_masks():
    """Return the masks of two cells over four features, each as often as the others.

    Enlarged to six, the second cell has the shares 0, 0, 1/3, 2/3, 1 and 1, of which
    four in a row are taken from the first or second on.
    """
    shares = np.array([0, 0, 1, 2, 3, 3]) / 3
    cells = [(0, 0), (0, 1), (1, 0), (1, 1)]
    return np.array(
        [
            a * (1 - shares[shift : shift + 4]) + b * shares[shift : shift + 4]
            for a, b in cells
            for shift in range(2)
        ]
    )


def test_rise_approaches_its_expectation(table):
    masks = all_masks()
    scores = 0.5 + masks @ CONTRIBUTIONS.T
    expected = scores.T @ masks / len(masks) / 0.5
    found = rise(
        table, unit("out", 0), ROWS, grid=2, num_masks=4000, batch_size=500, seed=3
    )
    np.testing.assert_allclose(found, expected, atol=0.15)
    assert np.corrcoef(found.values.ravel(), expected.ravel())[0, 1] > 0.99


def test_rise_orders_regions_of_a_linear_model(dense_network):
    # Quarters with the weights 1, 2, 3, 4: their order is the order of the map.
    quarters = np.kron([[1.0, 2], [3, 4]], np.ones((4, 4)))
    model = dense_network(quarters.reshape(64, 1))
    image = np.ones((1, 8, 8, 1), np.float32)
    found = rise(model, LINEAR, image, grid=4, num_masks=1000, batch_size=500)[
        0, ..., 0
    ]
    means = found.values.reshape(2, 4, 2, 4).mean(axis=(1, 3)).ravel()
    assert (np.diff(means) > 0).all()
    assert np.corrcoef(means, [1, 2, 3, 4])[0, 1] > 0.98


@pytest.mark.parametrize("probability", [0.25, 0.75])
def test_rise_of_a_constant_score_is_that_score(linear_network, images, probability):
    # Masks are open with this probability everywhere: the score 1 remains.
    found = rise(
        linear_network, DEAD, images[:1], num_masks=1000, probability=probability,
        batch_size=500,
    )  # fmt: skip
    np.testing.assert_allclose(found.mean(), 1, atol=0.02)
    np.testing.assert_allclose(found, 1, atol=0.2)


def test_the_masks_depend_on_the_seed_alone(linear_network, images):
    def explained(chosen, **options):
        return rise(linear_network, LINEAR, chosen, num_masks=20, **options).values

    first = explained(images, seed=1)
    np.testing.assert_array_equal(explained(images, seed=1), first)
    np.testing.assert_allclose(
        explained(images, seed=1, batch_size=3), first, atol=1e-5
    )
    np.testing.assert_allclose(explained(images[2:], seed=1), first[2:], atol=1e-5)
    assert not np.allclose(explained(images, seed=2), first, atol=0.1)


def test_a_mask_of_ones_shows_the_image_and_of_zeros_the_baseline(table):
    # Nearly always open: the score of the image, at every feature.
    options = {"grid": 1, "num_masks": 50}
    found = rise(table, unit("out", 0), ROWS, probability=1 - 1e-9, **options)
    np.testing.assert_allclose(found, np.tile([[2.5], [-0.5]], 4), rtol=1e-5)
    found = rise(
        table, unit("out", 0), ROWS, baseline=ROWS[0], probability=0.5, **options
    )
    np.testing.assert_allclose(found[0] / found[0, 0], np.ones(4), rtol=1e-5)


# ------------------------------------------------------------------------- permutation


HALVES = np.repeat([["top"], ["bottom"]], 4, axis=0).repeat(8, axis=1)


def test_two_images_exchange_their_regions(linear_network, images, weights):
    pair = images[:2]
    found = region_permutation(linear_network, LINEAR, pair, regions=2, num_repeats=2)
    np.testing.assert_allclose(
        found, blocks(weights * (pair - pair[::-1]), 4), atol=1e-5
    )
    assert found.attrs["regions"] == ["0,0", "0,1", "1,0", "1,1"]


def test_regions_are_labels_or_masks(linear_network, images):
    pair = images[:2]
    labeled = region_permutation(linear_network, LINEAR, pair, regions=HALVES)
    masks = {name: np.equal(HALVES, name) for name in ("bottom", "top")}
    masked = region_permutation(linear_network, LINEAR, pair, regions=masks)
    cells = region_permutation(linear_network, LINEAR, pair, regions=(2, 1))
    np.testing.assert_allclose(labeled, cells, atol=1e-6)
    np.testing.assert_allclose(masked, cells, atol=1e-6)
    assert labeled.attrs["regions"] == masked.attrs["regions"] == ["bottom", "top"]


def test_where_regions_overlap_their_mean_counts(table):
    masks = {"ab": [True, True, False, False], "bc": [False, True, True, False]}
    found = region_permutation(table, unit("out", 0), ROWS, regions=masks)
    change = (ROWS - ROWS[::-1]) * [1, -2, 3, 0]
    first, second = change[:, 0] + change[:, 1], change[:, 1] + change[:, 2]
    expected = np.stack([first, (first + second) / 2, second, 0 * first], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_image_replaces_itself_and_repeats_are_averaged(table):
    # Of three rows that differ in one feature, the mean over all others is the limit.
    rows = np.array([[0.0, 0, 0, 0], [1, 0, 0, 0], [4, 0, 0, 0]])
    once = region_permutation(table, unit("out", 0), rows, regions=4, num_repeats=1)
    assert set(once.values[0, :1]) <= {-1, -4}
    assert once.values[1, 0] in (1, -3)
    often = region_permutation(table, unit("out", 0), rows, regions=4, num_repeats=400)
    np.testing.assert_allclose(often[:, 0], [-2.5, -1, 3.5], atol=0.4)
    np.testing.assert_array_equal(often[:, 1:], np.zeros((3, 3)))


def test_a_region_that_the_model_ignores_is_worth_nothing(dense_network, images):
    weights = np.zeros((8, 8))
    weights[:4] = 1
    model = dense_network(weights.reshape(64, 1))
    for replacement in ("images", "shuffle"):
        found = region_permutation(
            model, LINEAR, images, regions=HALVES, replacement=replacement
        )
        np.testing.assert_array_equal(found[:, 4:], np.zeros((4, 4, 8, 1)))
    np.testing.assert_allclose(found[:, :4], 0, atol=1e-4)  # shuffled, a sum stays
    swapped = region_permutation(model, LINEAR, images, regions=HALVES)
    assert abs(swapped[:, :4]).min() > 1e-3


def test_shuffling_moves_values_within_their_region(dense_network):
    # One of two pixels counts: shuffled, they change places or do not.
    weights = np.zeros((8, 8))
    weights[0, 0] = 1
    model = dense_network(weights.reshape(64, 1))
    image = np.zeros((1, 8, 8, 1), np.float32)
    image[0, 0, :2, 0] = [5, 2]
    mask = np.zeros((8, 8), bool)
    mask[0, :2] = True
    found = region_permutation(
        model, LINEAR, image, regions={"pair": mask}, replacement="shuffle",
        num_repeats=300,
    )  # fmt: skip
    np.testing.assert_allclose(found[0, 0, :2, 0], 1.5, atol=0.3)
    assert (found[0, 1:] == 0).all()
    once = region_permutation(
        model, LINEAR, image, regions={"pair": mask}, replacement="shuffle",
        num_repeats=1,
    )  # fmt: skip
    assert once.values[0, 0, 0, 0] in (0, 3)


# ------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (occlusion, {"patch": 9}, r"patch .* at most \(8, 8\)\. Received: 9"),
        (occlusion, {"patch": 0}, "patch must be a whole number >= 1"),
        (occlusion, {"patch": (2, 2, 1)}, r"patch .*Received: \(2, 2, 1\)"),
        (occlusion, {"patch": 2.0}, r"patch .*Received: 2\.0"),
        (occlusion, {"patch": 3, "stride": 4}, r"stride .* at most \(3, 3\)"),
        (occlusion, {"baseline": np.zeros(3)}, r"Received: shape \(3,\)"),
        (rise, {"num_masks": 0}, "num_masks must be a whole number >= 1"),
        (rise, {"grid": 9}, r"grid .* at most \(8, 8\)"),
        (rise, {"probability": 1.0}, r"probability must be in \(0, 1\)"),
        (rise, {"seed": -1}, "seed must be"),
        (region_permutation, {"regions": 9}, r"regions .* at most \(8, 8\)"),
        (
            region_permutation,
            {"regions": np.zeros((4, 4))},
            r"shape \(8, 8\).*\(4, 4\)",
        ),
        (region_permutation, {"regions": {}}, "at least one region"),
        (
            region_permutation,
            {"regions": {"eye": np.zeros((8, 8), bool)}},
            r"at least one position\. Received: 'eye'",
        ),
        (region_permutation, {"replacement": "noise"}, "'images', 'shuffle'"),
        (region_permutation, {"num_repeats": 0}, "num_repeats must be"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    linear_network, images, method, options, message
):
    with pytest.raises(ValueError, match=message):
        method(linear_network, LINEAR, images, **options)


def test_a_single_image_has_none_to_draw_from(linear_network, images):
    with pytest.raises(ValueError, match=r"at least two images.*replacement='shuffle'"):
        region_permutation(linear_network, LINEAR, images[:1])
