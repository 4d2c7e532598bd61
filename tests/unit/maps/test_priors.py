"""Priors: a distribution known from elsewhere, maps with a closed form, and looks."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA

import happymaps as hm
from happymaps.backend import keras, tf
from happymaps.maps import prior_fitting
from happymaps.maps.prior_fitting import fit_prior
from happymaps.maps.priors import Prior

SHAPE = (3, 4, 1)


def draw(count: int, seed: int = 0) -> np.ndarray:
    """Return images around 0.5 that differ along three directions, and a little."""
    rng = np.random.default_rng(seed)
    planted = np.linalg.qr(np.random.default_rng(9).normal(size=(12, 3)))[0]
    along = rng.normal(size=(count, 3)) * (0.3, 0.2, 0.1)
    flat = 0.5 + along @ planted.T + rng.normal(scale=0.01, size=(count, 12))
    return flat.reshape(count, *SHAPE)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return fit_prior(draw(400), 3)


@pytest.fixture(scope="module")
def linear():
    """Return a network with one logit, linear in the image, and its kernel."""
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Dense(1, name="out")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    kernel = np.random.default_rng(3).normal(size=(12, 1))
    model.set_weights([kernel, np.zeros(1)])
    return model, kernel[:, 0]


@pytest.mark.parametrize(("count", "components"), [(400, 3), (9, 4)])
def test_the_likelihood_is_that_of_a_multivariate_normal(count, components):
    images, flat = draw(count), draw(count).reshape(count, -1)
    reference = PCA(components, svd_solver="full").fit(flat)
    normal = multivariate_normal(reference.mean_, reference.get_covariance())
    found = fit_prior(images, components).log_likelihood(images)
    np.testing.assert_allclose(found, normal.logpdf(flat), rtol=0, atol=1e-8)


def test_the_number_is_the_planted_one_and_a_sketch_finds_the_same(monkeypatch, prior):
    assert len(fit_prior(draw(400)).variances) == 3
    monkeypatch.setattr(prior_fitting, "_LARGE", 0)
    sketch = fit_prior(draw(400), 3)
    assert sketch.eigenimages.dtype == np.float32
    np.testing.assert_allclose(sketch.variances, prior.variances, rtol=1e-4)
    assert sketch.noise_variance == pytest.approx(prior.noise_variance, rel=1e-3)


def test_pixels_that_never_vary_leave_a_finite_likelihood():
    images = draw(100)
    images[:, 0] = 0
    prior = fit_prior(images)
    least = (np.ptp(images) / 255) ** 2 / 12
    assert prior.noise_variance >= least * (1 - 1e-9)
    touched = images[:1].copy()
    touched[:, 0] = 0.1
    charged = prior.unlikeliness(touched) - prior.unlikeliness(images[:1])
    np.testing.assert_allclose(charged, 4 * 0.1**2 / prior.noise_variance, rtol=1e-6)


def test_samples_have_the_mean_and_the_covariance(prior):
    samples = prior.sample(40_000, seed=1).reshape(-1, 12)
    rows = prior.eigenimages.reshape(3, 12)
    expected = prior.noise_variance * (np.eye(12) - rows.T @ rows)
    expected += rows.T * prior.variances @ rows
    np.testing.assert_allclose(samples.mean(axis=0), prior.mean.ravel(), atol=0.005)
    np.testing.assert_allclose(np.cov(samples.T), expected, atol=0.002)
    np.testing.assert_array_equal(
        prior.sample(2, seed=1)[0], prior.sample(1, seed=1)[0]
    )


def test_a_prior_comes_back_from_its_file(prior, tmp_path):
    back = Prior.load(prior.save(tmp_path / "faces.npz"))
    assert back == prior and hash(back) == hash(prior)
    np.testing.assert_array_equal(back.sample(2), prior.sample(2))
    np.savez(tmp_path / "other.npz", mean=np.array([{}], object))
    for name in ("other.npz", "none.npz"):
        with pytest.raises(ValueError, match=r"Prior\.save has written"):
            Prior.load(tmp_path / name)
    with pytest.raises(ValueError, match=r"ends in \.npz"):
        prior.save(tmp_path / "faces.pkl")


@pytest.mark.parametrize(
    ("images", "components", "message"),
    [
        (draw(3), None, "at least 4"),
        (np.full((9, *SHAPE), 0.5), None, "that differ"),
        (draw(9) * np.nan, None, "finite"),
        (draw(9), 8, "from 1 to 7"),
        (draw(9), 2.0, "whole number"),
    ],
)
def test_images_that_tell_nothing_are_refused(images, components, message):
    with pytest.raises(ValueError, match=message):
        fit_prior(images, components)


def test_coordinates_make_images_inside_the_range(prior):
    inside = prior.mean + np.tensordot([0.4, -0.3, 0.1], prior.eigenimages, 1)
    z = prior.encode(inside, -9.0, 9.0, is_noise=False)
    np.testing.assert_allclose(
        z * np.sqrt(prior.variances), [0.4, -0.3, 0.1], rtol=1e-5
    )
    back = prior.decode(tf.constant(z[None]), -9.0, 9.0, SHAPE).numpy()[0]
    np.testing.assert_allclose(back, inside, atol=1e-6)
    far = prior.decode(tf.constant(100 * z[None]), 0.0, 1.0, SHAPE).numpy()
    assert far.min() == 0 and far.max() == 1
    rounded = tuple(np.float32(bound) for bound in prior.bounds)
    prior.encode(inside, *rounded, is_noise=False)
    with pytest.raises(ValueError, match="input_range"):
        prior.encode(inside, 0.0, 255.0, is_noise=False)
    with pytest.raises(ValueError, match="fitted to images of shape"):
        prior.check((3, 5, 1))


def test_unlikely_is_charged_by_the_inverse_covariance(prior):
    images = tf.constant(draw(3, seed=5) + 0.1, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        charged = hm.Unlikely(prior)(images)
    rows = prior.eigenimages.reshape(3, 12)
    precision = (np.eye(12) - rows.T @ rows) / prior.noise_variance
    precision += rows.T / prior.variances @ rows
    gap = images.numpy().reshape(3, 12) - prior.mean.ravel()
    expected = np.einsum("ni,ij,nj->n", gap, precision, gap)
    np.testing.assert_allclose(charged, expected, rtol=1e-4)
    np.testing.assert_allclose(prior.unlikeliness(images), expected, rtol=1e-4)
    slope = tape.gradient(charged, images).numpy().reshape(3, 12)
    np.testing.assert_allclose(slope, 2 * gap @ precision, rtol=1e-3, atol=1e-3)


def test_by_rule_the_map_of_a_linear_unit_is_as_likely_as_an_image(prior, linear):
    model, kernel = linear
    slope = np.sqrt(prior.variances) * (prior.eigenimages.reshape(3, 12) @ kernel)
    options = {"look": "natural", "prior": prior, "input_range": (-9.0, 9.0)}
    maps = hm.maximize(model, hm.logit(0), sign=["happy", "sad"], **options)
    weight = np.sqrt(np.mean(slope**2)) / 2
    np.testing.assert_allclose(maps.weight_unlikely, weight, rtol=1e-5)
    for sign, way in (("happy", 1), ("sad", -1)):
        chosen = maps.sel(sign=sign).isel(objective=0, seed=0)
        z = prior.coordinates(chosen.image.values[None])[0]
        np.testing.assert_allclose(z, way * slope / (2 * weight), atol=0.05)
        # Three coordinates, each with the variance 1 over images.
        assert float(chosen.penalty_unlikely) == pytest.approx(3, abs=0.2)


def test_a_prior_goes_with_everything(prior, linear):
    model, _ = linear
    objectives = [hm.logit(0), hm.logit(0) * 2 - hm.unit("out", 0)]
    options = {"num_steps": 5, "input_range": (-1.0, 2.0)}
    mask = np.ones(SHAPE)
    mask[0] = 0
    swept = hm.sweep(
        model, objectives, look="natural", prior=prior, seeds=3, tv_weight=[0, 1.0],
        mask=mask, transforms=(), sign=["happy", "sad"], **options,
    )  # fmt: skip
    assert dict(swept.sizes) | {"step": 6} == dict(swept.sizes)
    assert "penalty_unlikely" in swept and "penalty_tv" in swept
    start = hm.maximize(
        model, objectives, seeds=3, num_steps=0, input_range=(-1.0, 2.0)
    )
    kept = swept.isel(sign=0, tv_weight=0, lp_weight=0).image.values[:, :, 0]
    np.testing.assert_array_equal(kept, start.image.values[:, :, 0])
    parts = {"parameterization": prior, "transforms": [hm.Jitter(1)],
             "regularizers": [hm.Unlikely(prior, 0.1)], "seeds": 18}  # fmt: skip
    one, many = (
        hm.maximize(model, objectives, batch_size=size, **parts, **options)
        for size in (2, 64)
    )
    np.testing.assert_array_equal(one.image, many.image)
    pixels = hm.maximize(model, objectives[0], regularizers=[hm.Unlikely(prior, 1.0)],
                         **options)  # fmt: skip
    likely = prior.unlikeliness(pixels.image.values[0])
    assert likely < prior.unlikeliness(start.image.values[0, :1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"look": "natural"}, "prior=dataset.images"),
        ({"prior": draw(9)}, "look='natural'"),
        ({"look": "nice"}, "look must be one of"),
        ({"look": "smooth", "optimizer": hm.Adam()}, "beside it: optimizer"),
    ],
)
def test_looks_say_what_they_lack(linear, options, message):
    with pytest.raises(ValueError, match=message):
        hm.maximize(linear[0], hm.logit(0), **options)


def test_looks_are_what_they_stand_for(linear):
    model, images = linear[0], draw(40)
    options = {"num_steps": 3, "input_range": (-1.5, 1.5)}
    smooth = hm.maximize(model, hm.logit(0), look="smooth", **options)
    by_hand = hm.maximize(
        model, hm.logit(0), optimizer=hm.Adam(), parameterization=hm.Fourier(),
        transforms=[hm.Pad(1, 0.0), hm.Jitter(1),
                    hm.Scale((0.9, 0.95, 1.0, 1.05, 1.1)), hm.Rotate(5.0)],
        regularizers=(), **options,
    )  # fmt: skip
    np.testing.assert_array_equal(smooth.image, by_hand.image)
    natural = [
        hm.maximize(model, hm.logit(0), look="natural", prior=each, **options)
        for each in (images, fit_prior(images))
    ]
    np.testing.assert_array_equal(natural[0].image, natural[1].image)
