"""Figures: how many pictures, on which scale, under which labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from happymaps.plots.sheets import contact_sheet, describe_images, line_chart, map_sheet


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def images(num_images: int, shape=(6, 8, 1)) -> np.ndarray:
    return np.random.default_rng(0).random((num_images, *shape))


def pictures(figure) -> list:
    return [axis.images[0] for axis in figure.axes if axis.images]


# ----------------------------------------------------------------------- contact sheet


def test_contact_sheet_shows_each_image_in_order_and_hides_the_empty_places():
    shown = images(7)
    figure = contact_sheet(shown, title="Seven", columns=3)
    assert figure.get_suptitle() == "Seven"
    assert len(figure.axes) == 9
    assert [axis.get_visible() for axis in figure.axes] == [True] * 7 + [False] * 2
    for picture, image in zip(pictures(figure), shown, strict=True):
        np.testing.assert_array_equal(picture.get_array(), image[..., 0])
    assert not any(axis.get_title() for axis in figure.axes)


@pytest.mark.parametrize(
    "captions", [["a", "b", "c"], ("a", "b", "c"), np.array(["a", "b", "c"])]
)
def test_contact_sheet_puts_a_caption_above_each_image(captions):
    figure = contact_sheet(images(3), title="Three", captions=captions)
    assert len(figure.axes) == 3
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c"]


def test_contact_sheet_keeps_colors():
    shown = images(2, (6, 8, 3))
    for picture, image in zip(
        pictures(contact_sheet(shown, title="Colors")), shown, strict=True
    ):
        np.testing.assert_array_equal(picture.get_array(), image)


def test_contact_sheet_of_nothing_is_refused_with_its_title():
    with pytest.raises(ValueError, match="Expected images for 'Nobody'"):
        contact_sheet(images(0), title="Nobody")


# --------------------------------------------------------------------------- map sheet


def labeled_sheet(**options):
    maps = np.stack([0.5 + 0.01 * images(3), images(3)])
    return map_sheet(
        maps,
        title="Maps",
        row_labels=["weak", "strong"],
        column_labels=["[0]", "[1]", "[2]"],
        **options,
    )


def test_map_sheet_labels_the_first_row_and_the_first_column_alone():
    figure = labeled_sheet()
    titles = [axis.get_title() for axis in figure.axes]
    sides = [axis.get_ylabel() for axis in figure.axes]
    assert titles == ["[0]", "[1]", "[2]", "", "", ""]
    assert sides == ["weak", "", "", "strong", "", ""]
    assert not any(axis.get_xlabel() for axis in figure.axes)
    assert figure.get_suptitle() == "Maps"


def test_map_sheet_puts_captions_below_their_maps():
    figure = labeled_sheet(captions=[["a", "b", "c"], ["d", "e", "f"]])
    assert [axis.get_xlabel() for axis in figure.axes] == list("abcdef")


def test_all_pictures_share_the_scale_from_black_to_white():
    faint = contact_sheet(0.5 + 0.01 * images(2), title="Faint")
    for figure in (labeled_sheet(), faint):
        for picture in pictures(figure):
            assert picture.get_clim() == (0, 1)
            assert picture.get_cmap().name == "gray"
            assert picture.get_interpolation() == "nearest"
    assert np.ptp(pictures(faint)[0].get_array()) < 0.011


def test_values_outside_the_scale_are_clipped_and_the_images_are_not_changed():
    shown = np.array([-1.0, 0.5, 2.0]).reshape(1, 1, 3, 1)
    before = shown.copy()
    figure = contact_sheet(shown, title="Beyond")
    assert pictures(figure)[0].get_array().tolist() == [[0, 0.5, 1]]
    np.testing.assert_array_equal(shown, before)


@pytest.mark.parametrize("shape", [(60, 64, 1), (8, 80, 1), (80, 8, 3), (1, 1, 1)])
@pytest.mark.parametrize("count", [1, 12])
def test_sheet_of_any_size_is_drawn_without_a_warning(shape, count):
    shown = images(count, shape)
    contact_sheet(shown, title="Sheet", captions=["a"] * count).canvas.draw()
    names = [str(index) for index in range(count)]
    captions = [["0.1 ok"] * count]
    map_sheet(
        shown[None], title="Maps", row_labels=["row"], column_labels=names,
        captions=captions,
    ).canvas.draw()  # fmt: skip


def test_a_function_opens_one_figure_of_80_dots_per_inch():
    figure = contact_sheet(images(2), title="One")
    assert figure.get_dpi() == 80
    assert plt.get_fignums() == [figure.number]


# -------------------------------------------------------------------------- line chart


def test_line_chart_draws_each_line_with_its_name_and_the_axes_with_theirs():
    figure = line_chart(
        [0.01, 0.1, 1],
        {"one": np.array([1, 2, 3]), "two": np.array([3, 2, 1])},
        title="Course",
        x_label="weight",
        y_label="score (1)",
        log_x=True,
    )
    (axis,) = figure.axes
    assert [line.get_ydata().tolist() for line in axis.lines] == [[1, 2, 3], [3, 2, 1]]
    assert [line.get_xdata().tolist() for line in axis.lines] == [[0.01, 0.1, 1]] * 2
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names == ["one", "two"]
    assert (axis.get_title(), axis.get_xlabel(), axis.get_ylabel()) == (
        "Course",
        "weight",
        "score (1)",
    )
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "linear")
    figure.canvas.draw()


def test_line_chart_is_linear_unless_asked():
    (axis,) = line_chart(
        [0, 1], {"one": np.ones(2)}, title="t", x_label="x", y_label="y"
    ).axes
    assert axis.get_xscale() == "linear"


# ----------------------------------------------------------------------------- as text


def test_description_is_that_worked_out_by_hand():
    # Rows 0, 1 and 0, 0.5: mean 0.375, vertical differences 0 and 0.5, horizontal
    # ones 1 and 0.5; variance (0 + 1 + 0 + 0.25) / 4 - 0.375^2.
    image = np.array([[0.0, 1.0], [0.0, 0.5]]).reshape(1, 2, 2, 1)
    deviation = np.sqrt(1.25 / 4 - 0.375**2)
    assert describe_images(image) == (
        f"shape 1x2x2x1, mean 0.375, standard deviation {deviation:.3f}, "
        "total variation 1.000"
    )


def test_description_of_a_grid_of_flat_maps_tells_their_shape():
    maps = np.full((2, 3, 4, 5, 1), 0.25, np.float32)
    assert describe_images(maps) == (
        "shape 2x3x4x5x1, mean 0.250, standard deviation 0.000, total variation 0.000"
    )


def test_description_changes_with_the_content_where_the_mean_does_not():
    shown = images(3)
    assert describe_images(shown) != describe_images(np.sort(shown, axis=2))
