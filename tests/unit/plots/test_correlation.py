"""The five rules of correlation pictures."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from happymaps.evidence.seriation import order_by_similarity
from happymaps.plots.correlation import (
    correlation_colors,
    correlation_limit,
    correlation_plot,
)

mpl.use("agg")


@pytest.fixture
def table():
    """Return correlations of 40 things with an outlier pair."""
    rng = np.random.default_rng(3)
    found = np.corrcoef(rng.standard_normal((40, 30)))
    found[0, 1] = found[1, 0] = 0.999
    return found


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lightness(rgb):
    """Return CIELAB L* of sRGB colors in [0, 1], after IEC 61966-2-1 and CIE 15."""
    rgb = np.asarray(rgb, float)[..., :3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


def test_limit_comes_from_percentiles_off_the_diagonal():
    found = np.eye(4)
    found[0, 1] = found[1, 0] = -0.4
    # 12 cells: ten of 0 and two of -0.4; the 0.5 % percentile is -0.4 itself.
    assert correlation_limit(found) == pytest.approx(0.4)


def test_limit_clips_at_most_one_per_cent_and_is_not_set_by_one_pair(table):
    limit = correlation_limit(table)
    cells = table[~np.eye(40, dtype=bool)]
    assert limit < 0.9
    assert np.mean(np.abs(cells) > limit) <= 0.01


def test_limit_of_things_unrelated_is_one():
    assert correlation_limit(np.eye(3)) == 1


def test_limit_leaves_out_what_is_not_known():
    found = np.array([[1, np.nan, 0.3], [np.nan, 1, 0.3], [0.3, 0.3, 1]])
    assert correlation_limit(found) == pytest.approx(0.3)


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones((1, 1))])
def test_limit_needs_a_square_of_two_things(bad):
    with pytest.raises(ValueError, match="square table"):
        correlation_limit(bad)


def test_colors_are_darkest_at_zero_and_lighter_with_size():
    light = lightness(correlation_colors()(np.linspace(0, 1, 257)))
    assert light.argmin() == 128
    assert (np.diff(light[128:]) > 0).all()
    assert (np.diff(light[:129]) < 0).all()
    assert min(light[0], light[-1]) - light[128] >= 40


def test_colors_of_both_signs_are_equally_light_and_zero_is_gray():
    colors = correlation_colors()(np.linspace(0, 1, 257))
    light = lightness(colors)
    assert np.abs(light - light[::-1]).max() < 2
    assert np.ptp(colors[128, :3]) < 0.01
    assert colors[0, 2] > colors[0, 0]  # blue below zero
    assert colors[-1, 0] > colors[-1, 2]  # yellow above


def test_plot_has_limits_alike_on_both_sides_and_the_order_asked_for(table):
    order = np.arange(40)[::-1]
    figure = correlation_plot(table, title="t", order=order)
    (image,) = figure.axes[0].images
    assert image.norm.vmin == -image.norm.vmax == -correlation_limit(table)
    np.testing.assert_array_equal(image.get_array(), table[::-1, ::-1])


def test_plot_names_things_in_their_order_and_draws_where_it_is_told():
    _, ax = plt.subplots()
    found = np.array([[1, 0.1, 0.8], [0.1, 1, 0.2], [0.8, 0.2, 1]])
    figure = correlation_plot(
        found, title="t", order=[0, 2, 1], labels=["a", "b", "c"], ax=ax
    )
    assert figure is ax.figure
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "c", "b"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "c", "b"]


def test_planted_blocks_are_found_where_the_picture_is_cut():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(5), 8)
    series = rng.standard_normal((5, 400))[block] + rng.standard_normal((40, 400))
    shuffled = rng.permutation(40)
    found = np.corrcoef(series[shuffled])
    order = order_by_similarity(found)
    figure = correlation_plot(found, title="t", order=order)
    drawn = np.asarray(figure.axes[0].images[0].get_array())
    cuts = np.diagonal(drawn, 1) < 0.25  # within a block 0.5, between blocks 0
    seen = np.concatenate([[0], np.cumsum(cuts)])
    assert adjusted_rand_score(block[shuffled][order], seen) == 1
