"""Measures that run a network: curves, unlearned copies, training without pixels."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import happymaps as hm
from happymaps.attribution.evaluation.perturbation import (
    curve_area,
    deletion_curve,
    insertion_curve,
    remove_pixels,
)
from happymaps.attribution.evaluation.randomization import (
    cascading_randomization,
    shuffle_labels,
)
from happymaps.attribution.evaluation.retraining import retrain_without
from happymaps.attribution.evaluation.scores import watch
from happymaps.datasets import Dataset
from happymaps.networks.models import build_cnn, fingerprint, randomize_weights

WEIGHTS = np.random.default_rng(7).uniform(0.1, 2, (4, 4, 1))


@pytest.fixture(scope="module")
def linear(keras):
    """Score the weighted sum of the pixels, with a second output of zero."""
    inputs = keras.Input((4, 4, 1))
    values = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="sums")(values))
    kernel = np.stack([WEIGHTS.ravel(), np.zeros(16)], axis=1)
    model.layers[-1].set_weights([kernel, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def small(keras):
    return build_cnn((8, 8, 1), 2, filters=(2,), dense_units=(3,), seed=1)


@pytest.fixture
def pictures():
    return np.random.default_rng(2).random((3, 4, 4, 1)).astype(np.float32)


def area(curve, model, pictures, heatmaps, **options):
    options = {"baseline": 0.0, "num_steps": 16, "of": "score"} | options
    return curve_area(curve(model, hm.logit(0), pictures, heatmaps, **options))


# ------------------------------------------------------------------------------ curves


def test_curves_run_between_the_image_and_the_baseline(linear, pictures):
    whole = watch(linear, hm.logit(0), pictures)
    half = np.full(3, 0.5)
    for curve, ends in ((deletion_curve, (whole, half)),
                        (insertion_curve, (half, whole))):  # fmt: skip
        heatmaps = pictures[..., 0]
        found = curve(linear, hm.logit(0), pictures, heatmaps, baseline=0, num_steps=5)
        assert found.dims == ("image", "share")
        assert found["share"].values[[0, -1]].tolist() == [0, 1]
        assert found.isel(share=0).values == pytest.approx(ends[0])
        assert found.isel(share=-1).values == pytest.approx(ends[1])


def test_probability_is_the_softmax_of_the_outputs(linear, pictures):
    sums = (pictures * WEIGHTS).sum(axis=(1, 2, 3))
    objectives = [hm.logit(0), hm.logit(1), hm.logit(0)]
    expected = 1 / (1 + np.exp([-sums[0], sums[1], -sums[2]]))
    assert watch(linear, objectives, pictures) == pytest.approx(expected, rel=1e-5)


def test_probability_of_a_single_output_is_its_sigmoid(keras, pictures):
    inputs = keras.Input((4, 4, 1))
    last = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, last(keras.layers.Flatten()(inputs)))
    probability = model(pictures).numpy()[:, 0]
    assert watch(model, hm.logit(0), pictures) == pytest.approx(probability, rel=1e-5)
    other = watch(model, -hm.logit(0), pictures)
    assert other == pytest.approx(1 - probability, rel=1e-5)


def test_deleting_by_weight_times_input_falls_along_the_sorted_sums(linear, pictures):
    parts = pictures * WEIGHTS
    found = deletion_curve(linear, hm.logit(0), pictures, parts[..., 0], baseline=0,
                           num_steps=16, of="score")  # fmt: skip
    ordered = np.sort(parts.reshape(3, -1))[:, ::-1]
    expected = parts.sum(axis=(1, 2, 3))[:, None] - np.cumsum(ordered, axis=1)
    assert found.values[:, 1:] == pytest.approx(expected, abs=1e-5)


def test_true_order_has_the_least_deletion_and_the_largest_insertion_area(
    linear, pictures
):
    true = (pictures * WEIGHTS)[..., 0]
    least = area(deletion_curve, linear, pictures, true)
    largest = area(insertion_curve, linear, pictures, true)
    for seed in range(10):
        other = hm.attribution.evaluation.random_heatmap(pictures, seed=seed)
        assert (area(deletion_curve, linear, pictures, other) > least).all()
        assert (area(insertion_curve, linear, pictures, other) < largest).all()
    assert (area(deletion_curve, linear, pictures, -true) > least).all()


def test_insertion_is_deletion_of_the_reversed_order_run_backwards(linear, pictures):
    # What is put in first is what is deleted last.
    true = (pictures * WEIGHTS)[..., 0]
    backwards = area(deletion_curve, linear, pictures, -true)
    assert area(insertion_curve, linear, pictures, true) == pytest.approx(backwards)


def test_area_is_the_trapezoids():
    curve = xr.DataArray([[1.0, 0.5, 0.0]], {"share": [0, 0.5, 1]}, ("image", "share"))
    assert curve_area(curve) == pytest.approx(0.5)
    assert curve_area(curve**0) == pytest.approx(1)


def test_curve_of_an_image_does_not_depend_on_the_others(linear, pictures):
    heatmaps, options = pictures[..., 0], {"baseline": 0.5, "num_steps": 4}
    both = deletion_curve(linear, hm.logit(0), pictures, heatmaps, **options)
    alone = deletion_curve(linear, [hm.logit(0)], pictures[:1], heatmaps[:1], **options)
    assert both.values[:1] == pytest.approx(alone.values, rel=1e-6)


def test_curves_refuse_what_does_not_fit(linear, pictures):
    heatmaps = pictures[..., 0]
    with pytest.raises(ValueError, match="same height and width"):
        deletion_curve(linear, hm.logit(0), pictures, heatmaps[:, :3], baseline=0)
    with pytest.raises(ValueError, match="one for each of the 3 images"):
        deletion_curve(linear, [hm.logit(0)], pictures, heatmaps, baseline=0)
    with pytest.raises(ValueError, match="num_steps"):
        insertion_curve(
            linear, hm.logit(0), pictures, heatmaps, baseline=0, num_steps=0
        )
    with pytest.raises(ValueError, match="of='score'"):
        deletion_curve(linear, hm.unit("sums", 0), pictures, heatmaps, baseline=0)
    with pytest.raises(ValueError, match="'blur'"):
        remove_pixels(pictures, heatmaps, share=0.5, baseline="gray")
    with pytest.raises(ValueError, match="broadcast"):
        remove_pixels(pictures, heatmaps, share=0.5, baseline=np.zeros(7))
    with pytest.raises(ValueError, match="share must be"):
        remove_pixels(pictures, heatmaps, share=2, baseline=0)


def test_removed_pixels_are_the_most_relevant_ones(pictures):
    before = pictures.copy()
    found = remove_pixels(pictures, pictures[..., 0], share=0.25, baseline=9)
    for image, altered in zip(pictures, found, strict=True):
        top = np.sort(image.ravel())[-4:]
        assert sorted(image[altered == 9]) == top.tolist()
        assert (image[altered != 9] == altered[altered != 9]).all()
    assert (pictures == before).all()


def test_blurred_baseline_leaves_a_flat_image_as_it_was():
    flat = np.full((1, 8, 8, 1), 0.3, np.float32)
    heatmap = np.arange(64.0).reshape(1, 8, 8)
    assert remove_pixels(flat, heatmap, share=0.5, baseline="blur") == pytest.approx(
        0.3, rel=1e-6
    )


# ----------------------------------------------------------------------- randomization


def layer_weights(model):
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def are_equal(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_cascade_changes_the_upper_layers_and_leaves_the_lower_ones(small):
    before, kept = layer_weights(small), fingerprint(small)
    copies = cascading_randomization(small, seed=3)
    assert list(copies) == ["dense_2", "dense_1", "conv2d_1"]
    for depth, copy in enumerate(copies.values(), start=1):
        after = layer_weights(copy)
        new = list(copies)[:depth]
        for name, values in before.items():
            assert are_equal(values[:1], after[name][:1]) == (name not in new)
    assert fingerprint(small) == kept


def test_cascade_draws_a_layer_alike_at_every_depth_and_anew_by_seed(small):
    copies = [layer_weights(c) for c in cascading_randomization(small, seed=3).values()]
    assert all(are_equal(copies[0]["dense_2"], c["dense_2"]) for c in copies)
    other = cascading_randomization(small, seed=4)["dense_2"]
    assert not are_equal(copies[0]["dense_2"], layer_weights(other)["dense_2"])


def test_cascade_stops_where_it_is_told_to(small):
    (name, copy), *others = cascading_randomization(small, layers=["dense_1"]).items()
    whole = cascading_randomization(small)["dense_1"]
    assert (name, others) == ("dense_1", [])
    assert fingerprint(copy) == fingerprint(whole)
    with pytest.raises(ValueError, match="dense_1"):
        cascading_randomization(small, layers=["dense_9"])


def test_independent_randomization_changes_a_single_layer(small):
    copies = cascading_randomization(small, cumulative=False)
    before, after = layer_weights(small), layer_weights(copies["dense_1"])
    changed = [name for name in before if not are_equal(before[name], after[name])]
    assert changed == ["dense_1"]


def test_new_weights_come_from_the_layers_initializer(keras):
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(100)])
    trained = [np.full((200, 100), 9.0), np.full(100, 5.0)]
    model.set_weights(trained)
    (copy,) = cascading_randomization(model).values()
    kernel, bias = copy.get_weights()
    limit = np.sqrt(6 / 300)  # Glorot's
    assert (bias == 0).all()
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_normalization_is_as_before_training(keras):
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    model.set_weights([np.full(3, value) for value in (2.0, 3.0, 4.0, 5.0)])
    (copy,) = cascading_randomization(model).values()
    assert np.array(copy.get_weights()).tolist() == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]


def test_cascade_reaches_into_nested_networks(keras, small):
    inputs = keras.Input((8, 8, 1))
    outer = keras.Model(inputs, keras.layers.Dense(2, name="top")(small(inputs)))
    copies = cascading_randomization(outer)
    assert [path.split("/")[-1] for path in copies] == [
        *("top", "dense_2", "dense_1", "conv2d_1"),
    ]


def test_network_without_weights_has_nothing_to_draw(keras):
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="network with weights"):
        cascading_randomization(model)


def spot_faces(count, seed):
    """Images of noise whose class is whether the corner is bright."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 0.5, (count, 8, 8, 1)).astype(np.float32)
    labels = np.arange(count) % 2
    images[labels == 1, :3, :3] = 1
    return Dataset(
        "spots", images, labels, ("dark", "bright"), pd.DataFrame(index=range(count))
    )


def test_shuffled_labels_keep_the_classes_and_leave_the_data_set():
    dataset = spot_faces(40, 0)
    found = shuffle_labels(dataset, seed=1)
    assert found.class_counts().tolist() == [20, 20]
    assert (found.labels != dataset.labels).any()
    assert (found.images == dataset.images).all()
    assert dataset.labels.tolist() == [0, 1] * 20


# -------------------------------------------------------------------------- retraining


def test_network_learns_nothing_without_the_pixels_that_tell(small):
    learned, held_out = spot_faces(80, 0), spot_faces(80, 1)
    corner, elsewhere = np.zeros((80, 8, 8)), np.zeros((80, 8, 8))
    corner[:, :3, :3], elsewhere[:, 4:, 4:] = 1, 1
    kept = fingerprint(small)
    options = {"shares": [9 / 64], "baseline": 0.25, "epochs": 12,
               "learning_rate": 0.05, "validation_fraction": 0}  # fmt: skip
    without, with_it = (
        retrain_without(small, learned, held_out, learned_heatmaps=maps,
                        held_out_heatmaps=maps, **options)
        for maps in (corner, elsewhere)
    )  # fmt: skip
    assert float(with_it["accuracy"][0]) == 1
    # 80 fair guesses: 0.5 within three standard errors.
    assert abs(float(without["accuracy"][0]) - 0.5) < 0.17
    assert without["balanced_accuracy"].dims == ("share",)
    assert fingerprint(small) == kept


def test_shuffled_weights_are_not_those_of_the_cascade(small):
    # Shuffling keeps the values, drawing anew does not.
    shuffled, drawn = randomize_weights(small), cascading_randomization(small)
    kernel = np.sort(small.get_weights()[0].ravel())
    assert np.array_equal(np.sort(shuffled.get_weights()[0].ravel()), kernel)
    bottom = drawn["conv2d_1"].get_weights()[0].ravel()
    assert not np.array_equal(np.sort(bottom), kernel)
