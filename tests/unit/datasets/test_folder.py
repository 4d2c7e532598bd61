import numpy as np
import pytest
from PIL import Image

from happymaps.datasets import load_dataset
from happymaps.datasets.folder import load_folder


def put(folder, name: str, pixels, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def gray(level: int, shape=(4, 6)) -> np.ndarray:
    return np.full(shape, level, np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Two classes: cat (levels 51, 102), dog (level 255), of 4x6 pixels."""
    put(tmp_path, "dog/a.png", gray(255))
    put(tmp_path, "cat/b.png", gray(102))
    put(tmp_path, "cat/a.png", gray(51))
    return tmp_path


def first_pixel(folder, **options):
    return load_folder(folder, image_size=None, **options).images[0, 0, 0]


def test_folder_has_a_class_per_subfolder_in_alphabetical_order(folder):
    dataset = load_dataset(f"folder:{folder}", image_size=None)
    assert dataset.name == f"folder:{folder}"
    assert dataset.class_names == ("cat", "dog")
    assert dataset.labels.dtype == np.int64 and dataset.labels.tolist() == [0, 0, 1]
    assert dataset.images.shape == (3, 4, 6, 1) and dataset.images.dtype == np.float32
    np.testing.assert_allclose(dataset.images[:, 0, 0, 0], [0.2, 0.4, 1])
    assert dataset.metadata["file"].tolist() == ["cat/a.png", "cat/b.png", "dog/a.png"]
    assert dataset.skipped == () and dataset.masks == {}


def test_folder_resizes_to_image_size_and_mixes_sizes_then(folder):
    put(folder, "dog/large.png", gray(51, (40, 20)))
    images = load_dataset(f"folder:{folder}", image_size=(8, 5)).images
    assert images.shape == (4, 8, 5, 1)
    np.testing.assert_allclose(images[3], 0.2, rtol=1e-6)


def test_folder_of_mixed_sizes_names_the_first_two_files(folder):
    put(folder, "cat/c.png", gray(51, (7, 9)))
    with pytest.raises(ValueError, match=r"cat/a.png of 4x6 and .*cat/c.png of 7x9"):
        load_folder(folder, image_size=None)
    with pytest.raises(ValueError, match=r"Pass image_size="):
        load_folder(folder, image_size=None)


def test_folder_ignores_hidden_files_and_lists_what_are_no_images(folder):
    (folder / ".cache").mkdir()
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / "README.md").write_text("x")
    dataset = load_folder(folder)
    assert dataset.class_names == ("cat", "dog") and len(dataset) == 3
    assert dataset.skipped == ("cat/notes.txt: not an image file",)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "pgm", "webp", "tiff", "jpg"])
def test_folder_reads_the_common_formats(folder, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    put(folder, f"cat/0.{suffix}", gray(102), **options)
    np.testing.assert_allclose(first_pixel(folder, channels=1), [0.4], rtol=1e-6)


def test_folder_takes_the_first_frame_of_an_animation(folder):
    frames = [Image.fromarray(gray(level)) for level in (204, 0, 255)]
    put(folder, "cat/0.gif", frames[0], save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(first_pixel(folder, channels=1), [0.8], rtol=1e-6)


def test_folder_divides_a_graymap_by_its_own_maximum(folder):
    (folder / "cat" / "0.pgm").write_bytes(b"P5 6 4 156 " + b"\x01" * 24)
    np.testing.assert_array_equal(first_pixel(folder), [np.float32(1 / 156)])


def test_folder_reads_16_bits_of_gray_at_full_depth(folder):
    put(folder, "cat/0.png", np.full((4, 6), 12345, np.uint16))
    np.testing.assert_allclose(first_pixel(folder), [12345 / 65535], rtol=1e-6)


def test_folder_turns_an_image_upright_as_its_exif_says(folder):
    pixels = np.zeros((6, 4), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: the top row is the right column
    put(folder, "cat/0.png", pixels, exif=exif)
    image = load_folder(folder, image_size=None).images[0, ..., 0]
    assert image.shape == (4, 6)
    np.testing.assert_array_equal(image[:, -1], 1)
    np.testing.assert_array_equal(image[:, :-1], 0)


def test_folder_puts_transparency_upon_white(folder):
    color = np.zeros((4, 6, 4), np.uint8)
    color[..., 0], color[..., 3] = 255, 51
    put(folder, "cat/0.png", color)
    # 0.2 of red upon 0.8 of white.
    np.testing.assert_allclose(first_pixel(folder), [1, 0.8, 0.8], atol=0.5 / 255)
    put(folder, "cat/0.png", np.dstack([gray(0), gray(51)]))
    np.testing.assert_allclose(first_pixel(folder), [0.8], atol=0.5 / 255)


def test_folder_converts_a_palette_to_color(folder):
    pixels = np.tile(np.array([255, 102, 0], np.uint8), (4, 6, 1))
    put(folder, "cat/0.png", Image.fromarray(pixels).quantize(4))
    np.testing.assert_allclose(first_pixel(folder), [1, 0.4, 0], rtol=1e-6)


def test_folder_has_one_channel_only_if_every_file_is_gray(folder):
    assert load_folder(folder).images.shape[-1] == 1
    assert load_folder(folder, channels=3).images.shape[-1] == 3
    put(folder, "dog/z.png", np.zeros((4, 6, 3), np.uint8))
    images = load_folder(folder, image_size=None).images
    np.testing.assert_allclose(images[0, 0, 0], [0.2, 0.2, 0.2])
    assert load_folder(folder, channels=1).images.shape[-1] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("cat/bad.png", b"not a png"), ("cat/bad.pgm", b"P5 9 9 255 \x00")],
)
def test_folder_names_a_file_that_cannot_be_read(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read.*remove it, or"):
        load_folder(folder)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp", "bmp"])
def test_folder_names_a_file_that_is_cut_short(folder, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (40, 60), np.uint8)
    path = put(folder, f"cat/bad.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"bad.{suffix} cannot be read"):
        load_folder(folder)


def test_folder_refuses_whole_pixels_beyond_16_bits(folder):
    put(folder, "cat/bad.tiff", np.full((4, 6), 70000, np.int32))
    with pytest.raises(ValueError, match=r"bad.tiff cannot be read.*65535"):
        load_folder(folder)


def test_folder_without_classes_says_how_it_must_look(tmp_path):
    with pytest.raises(ValueError, match=r"one subfolder of images per class.*eived 0"):
        load_folder(tmp_path)
    put(tmp_path, "cat/a.png", gray(0))
    with pytest.raises(ValueError, match=r"Received 1 in .*: cat. Make a subfolder"):
        load_folder(tmp_path)


def test_folder_names_an_empty_class(folder):
    (folder / "eel").mkdir()
    with pytest.raises(ValueError, match=r"none in .*eel. Add images, or remove"):
        load_folder(folder)


def test_folder_names_an_image_outside_of_the_classes(folder):
    put(folder, "stray.png", gray(0))
    with pytest.raises(ValueError, match=r"stray.png. Move it into the subfolder"):
        load_folder(folder)


def test_folder_names_a_folder_within_a_class(folder):
    put(folder, "cat/kittens/a.png", gray(0))
    with pytest.raises(ValueError, match=r"cat/kittens in a class. Move its images up"):
        load_folder(folder)


def test_ground_truth_gives_metadata_and_the_order_of_the_classes(folder):
    (folder / "ground_truth.csv").write_text(
        "file,label,person,age\n"
        "dog/a.png,0,007,3\ncat/a.png,1,NA,5\ncat/b.png,1,008,7\ngone/x.png,2,9,9\n"
    )
    dataset = load_folder(folder, image_size=None)
    assert dataset.class_names == ("dog", "cat") and dataset.labels.tolist() == [
        0,
        1,
        1,
    ]
    np.testing.assert_allclose(dataset.images[:, 0, 0, 0], [1, 0.2, 0.4])
    assert dataset.metadata.to_dict("list") == {
        "file": ["dog/a.png", "cat/a.png", "cat/b.png"],
        "person": ["007", "NA", "008"],
        "age": [3, 5, 7],
    }


@pytest.mark.parametrize("labels", ["xyy", "010", "000", None])
def test_ground_truth_with_other_labels_leaves_the_order_alphabetical(folder, labels):
    files = ["dog/a.png", "cat/a.png", "cat/b.png"]
    rows = [f"{f},{x}" for f, x in zip(files, labels, strict=True)] if labels else files
    header = "file,label" if labels else "file"
    (folder / "ground_truth.csv").write_text("\n".join([header, *rows]))
    dataset = load_folder(folder)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.metadata.columns.tolist() == ["file"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ground_truth.csv must have the columns.*Correct it, or delete it"),
        ("image,label\n", "Received: columns image, label"),
        ("file,label\ncat/a.png,0\ncat/a.png,0\n", "Received: cat/a.png twice"),
        ("file,label\ncat/a.png,0\n", "Received none for cat/b.png. Add it, or delete"),
    ],
)
def test_ground_truth_that_does_not_fit_is_named(folder, text, message):
    (folder / "ground_truth.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_folder(folder)


@pytest.fixture
def damaged(folder) -> list[str]:
    """Put an empty file, one cut short and an error page among the images."""
    whole = (folder / "cat").glob("*.png")
    start = next(whole).read_bytes()[:40]
    files = {"cat/empty.png": b"", "cat/cut.png": start, "dog/page.jpg": b"<html>404"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(files)


def test_all_damaged_files_are_named_at_once_with_both_remedies(folder, damaged):
    with pytest.raises(ValueError, match=r"3 of .* cannot be read as images") as caught:
        load_dataset(f"folder:{folder}", image_size=(8, 8))
    text = str(caught.value)
    assert all(str(folder / name) in text for name in damaged)
    assert "--skip-damaged" in text
    assert "skip_damaged=True" in text


@pytest.mark.parametrize("way", ["argument", "environment"])
def test_damaged_files_are_left_out_on_request(folder, damaged, way, monkeypatch):
    contents = {name: (folder / name).read_bytes() for name in damaged}
    for name in damaged:
        (folder / name).unlink()
    whole = load_dataset(f"folder:{folder}", image_size=(8, 8))
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    if way == "environment":
        monkeypatch.setenv("HAPPYMAPS_SKIP_DAMAGED", "1")
    options = {"skip_damaged": True} if way == "argument" else {}
    with pytest.warns(UserWarning, match=r"(?s)Left out 3 of .*empty\.png"):
        left = load_dataset(f"folder:{folder}", image_size=(8, 8), **options)
    np.testing.assert_array_equal(left.images, whole.images)
    np.testing.assert_array_equal(left.labels, whole.labels)
    assert [f"{name}: damaged" in left.skipped for name in damaged] == [True] * 3


def test_class_of_damaged_files_alone_is_refused(folder):
    for file in (folder / "dog").iterdir():
        file.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="Left out"),
        pytest.raises(ValueError, match=r"none in .*dog\. Add images"),
    ):
        load_dataset(f"folder:{folder}", skip_damaged=True)
