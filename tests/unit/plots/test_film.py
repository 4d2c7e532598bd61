"""Films: how many frames, how large, and what a pixel becomes."""

import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np
import pytest

from happymaps.maps.maximization import maximize
from happymaps.maps.objectives import unit
from happymaps.plots.film import save_film


def gray_levels(levels, channels=1):
    """Return frames of 3x5 pixels, each of one level."""
    return [np.full((3, 5, channels), level, np.float32) for level in levels]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_has_the_frames_in_their_range(tmp_path, channels):
    frames = gray_levels([-1.0, 0.0, 1.0, 9.0], channels)
    path = save_film(tmp_path / "new" / "film.gif", frames, input_range=(-1, 1), zoom=2)
    assert path == tmp_path / "new" / "film.gif"
    read = imageio.imread(path, mode="RGB")
    assert read.shape[1:] == (6, 10, 3)
    # A GIF joins equal frames: the last two are white.
    assert read[:3, 0, 0, 0].tolist() == [0, 128, 255]
    assert imageio.immeta(path)["loop"] == 0


def test_a_pixel_becomes_a_square(tmp_path):
    frame = np.zeros((2, 2, 1))
    frame[0, 1] = 1
    path = save_film(tmp_path / "film.gif", [frame, 1 - frame], zoom=3)
    first = imageio.imread(path, index=0, mode="L")
    np.testing.assert_array_equal(first, 255 * frame[..., 0].repeat(3, 0).repeat(3, 1))


def test_small_frames_are_shown_at_240_pixels_or_more(tmp_path):
    path = save_film(tmp_path / "film.gif", gray_levels([0, 1]))
    assert imageio.improps(path, index=0).shape[:2] == (144, 240)


# The reader that the test uses leaves pipes to be closed by the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("channels", [1, 3])
def test_an_mp4_has_its_frames_and_even_lengths(tmp_path, channels):
    path = save_film(
        tmp_path / "film.mp4",
        gray_levels([0, 0.2, 0.4, 0.6, 0.8, 1.0], channels),
        frames_per_second=3,
        zoom=7,
    )
    count, seconds = imageio_ffmpeg.count_frames_and_secs(path)
    assert count == 6
    assert seconds == pytest.approx(2, abs=0.1)
    reader = imageio_ffmpeg.read_frames(path)
    assert next(reader)["size"] == (36, 22)  # of 35 x 21
    reader.close()


def test_the_birth_of_a_map_is_filmed_by_its_callback(linear_network, tmp_path):
    frames = []
    maps = maximize(
        linear_network,
        unit("out", 1),
        regularizers=(),
        num_steps=6,
        learning_rate=0.01,
        callback=lambda step, images, scores: frames.append(images[0]),
        callback_every=2,
    )
    np.testing.assert_array_equal(frames[-1], maps.image[0, 0])
    read = imageio.imread(save_film(tmp_path / "birth.gif", frames))
    assert len(read) == 4


@pytest.mark.parametrize(
    ("name", "frames", "options", "message"),
    [
        (
            "a.avi",
            gray_levels([0]),
            {},
            r"\.gif or \.mp4\. .*'a\.avi'.*'a\.gif'",
        ),
        ("a.gif", [], {}, r"one shape.*Received: 0 frames of shapes \[\]"),
        ("a.gif", [np.zeros((2, 4, 4, 1))], {}, r"\(2, 4, 4, 1\).*images\[0\]"),
        ("a.gif", [np.zeros((4, 4, 2))], {}, r"1 or 3\).*\(4, 4, 2\)"),
        ("a.gif", gray_levels([0]), {"frames_per_second": 0}, "frames_per_second > 0"),
        ("a.gif", gray_levels([0]), {"zoom": 0}, "zoom >= 1"),
        ("a.gif", gray_levels([0]), {"input_range": (1, 1)}, r"lowest.*\(1, 1\)"),
    ],
)
def test_what_makes_no_film_is_refused(tmp_path, name, frames, options, message):
    with pytest.raises(ValueError, match=message):
        save_film(tmp_path / name, frames, **options)
    assert list(tmp_path.iterdir()) == []
