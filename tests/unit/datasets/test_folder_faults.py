"""Folders of images that would take too much, never end, or cannot be named."""

import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from happymaps.datasets.folder import _list_images, load_folder


def write_png(path: Path, width: int, height: int) -> None:
    """Write a PNG of zeros, packed by a factor of a thousand, row by row."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return (
            struct.pack(">I", len(content))
            + checked
            + struct.pack(">I", zlib.crc32(checked))
        )

    packer, row = zlib.compressobj(9), bytes(1 + width)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(13_300, 13_300), (8_001, 8_000)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, size):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "0.png", 8, 8)
    write_png(tmp_path / "b" / "1.png", *size)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"1\.png .*make it smaller"):
            load_folder(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(10**6, 10**6), None])
def test_images_that_would_not_fit_are_refused_before_one_is_read(tmp_path, size):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "0.png", 7_000, 7_000)
        for number in range(1, 2_000):
            (tmp_path / name / f"{number}.png").hardlink_to(tmp_path / name / "0.png")
    with pytest.raises(ValueError, match=r"4000 images of .* GB that are free"):
        load_folder(tmp_path, image_size=size)


def test_pipes_and_devices_are_skipped_by_their_kind(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "0.png", 8, 8)
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "b" / "dead.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "ground_truth.csv")
    found = load_folder(tmp_path)
    assert len(found) == 2
    assert [each.partition(":")[0] for each in found.skipped] == [
        "a/pipe.png",
        "a/zero.png",
        "b/dead.png",
    ]
    assert all("not a regular file" in each for each in found.skipped)


@pytest.mark.parametrize("place", [b"", b"a", b"caf\xe9"])
def test_a_name_that_is_not_utf_8_is_told(tmp_path, place):
    odd = os.fsdecode(b"caf\xe9")
    for name in ("a", "b", os.fsdecode(place)):
        (tmp_path / name).mkdir(exist_ok=True)
    for name in ("a/0.png", "b/0.png", f"{os.fsdecode(place) or '.'}/{odd}.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"must be UTF-8.*caf\\xe9"):
        load_folder(tmp_path)


def test_a_folder_of_25000_is_listed_in_seconds(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "0.png", 2, 2)
    for number in range(1, 25_000):
        (tmp_path / "a" / f"{number}.png").hardlink_to(tmp_path / "a" / "0.png")
    skipped, started = [], time.process_time()
    assert len(_list_images(tmp_path / "a", skipped)) == 25_000
    assert time.process_time() - started < 5


@pytest.mark.parametrize("row", [",0", " ,0", "/,0", ".,0"])
def test_a_ground_truth_without_a_file_name_is_told(tmp_path, row):
    for name in "ab":
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "0.png", 2, 2)
    (tmp_path / "ground_truth.csv").write_text(f"file,label\n{row}\na/0.png,1\n")
    with pytest.raises(ValueError, match=r"ground_truth\.csv must have"):
        load_folder(tmp_path)
