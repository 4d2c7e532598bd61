import gzip
import hashlib
import http.server
import io
import os
import tarfile
import threading
import time
import zipfile

import numpy as np
import pytest

from happymaps.base import paths
from happymaps.datasets import cmu_faces, load_dataset
from happymaps.datasets.cmu_faces import (
    fetch,
    find_source,
    load_faces,
    read_manifest,
    read_verified,
)

# Suffix, height, width, and the level that fills every image of that size.
SCALES = [("", 120, 128, 40), ("_2", 60, 64, 20), ("_4", 30, 32, 10)]
NAMES = ["ann_left_sad_open", "ann_up_sad_sunglasses", "bob_right_happy_open"]
MAXIMUM = 100


def make_pgm(height: int, width: int, level: int, *, plain: bool) -> bytes:
    header = f"{'P2' if plain else 'P5'}\n{width} {height}\n{MAXIMUM}\n".encode()
    if plain:
        return header + f"{level} ".encode() * (height * width)
    return header + bytes([level]) * (height * width)


FILES = {
    f"{name}{suffix}.pgm": make_pgm(height, width, level, plain=not suffix)
    for name in NAMES
    for suffix, height, width, level in SCALES
}
MANIFEST = {name: hashlib.sha256(FILES[name]).hexdigest() for name in FILES}
TREE = {f"faces/{name.split('_')[0]}/{name}": FILES[name] for name in FILES} | {
    "faces/bob/bob_up_sad_open.bad": b"damaged",
    "faces/readme.html": b"ignored",
}


def make_tar(files: dict) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def make_zip(files: dict) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


# As the published zip has it: the whole tree, and the smallest size once more.
PUBLISHED = make_zip(
    {
        "faces.tar.gz": gzip.compress(make_tar(TREE)),
        "faces_4.tar.gz": gzip.compress(
            make_tar({k: v for k, v in TREE.items() if k.endswith("_4.pgm")})
        ),
        "faces.data.html": b"<html/>",
    }
)


def write_tree(folder, files: dict):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def list_files(folder) -> dict:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "files",
    [
        TREE,
        {"faces.tar.gz": gzip.compress(make_tar(TREE))},
        {"faces.tar": make_tar(TREE)},
        {"faces.zip": make_zip(TREE)},
        {"cmu+face+images.zip": PUBLISHED},
    ],
    ids=["folder", "tar.gz", "tar", "zip", "published"],
)
def test_faces_are_the_same_from_a_folder_or_any_archive(tmp_path, files):
    source = write_tree(tmp_path, files)
    images, metadata, skipped = load_faces(source=source, manifest=MANIFEST)
    assert images.shape == (3, 60, 64, 1) and images.dtype == np.float32
    np.testing.assert_array_equal(images, np.float32(20 / MAXIMUM))
    assert metadata.to_dict("records") == [
        {
            "person": person,
            "pose": pose,
            "expression": expression,
            "eyes": eyes,
            "file": f"{person}_{pose}_{expression}_{eyes}_2.pgm",
        }
        for person, pose, expression, eyes in (name.split("_") for name in NAMES)
    ]
    assert skipped == ("bob_up_sad_open.bad: damaged at the source",)
    assert list_files(source) == files


@pytest.mark.parametrize(
    ("image_size", "level"),
    [
        ((30, 32), 0.1),
        ((12, 12), 0.1),
        ((31, 32), 0.2),
        ((60, 64), 0.2),
        ((24, 65), 0.4),
        ((120, 128), 0.4),
        ((150, 160), 0.4),
        (None, 0.4),
    ],
)
def test_faces_come_from_the_smallest_scale_that_suffices(tmp_path, image_size, level):
    source = write_tree(tmp_path, TREE)
    images, _, _ = load_faces(image_size=image_size, source=source, manifest=MANIFEST)
    assert images.shape == (3, *(image_size or (120, 128)), 1)
    np.testing.assert_allclose(images, level, rtol=1e-6)


@pytest.mark.parametrize("archive", [None, make_zip, make_tar])
def test_an_altered_image_is_named(tmp_path, archive):
    name = "ann_left_sad_open_2.pgm"
    altered = TREE | {f"faces/ann/{name}": FILES[name][:-1] + b"\x15"}
    files = altered
    if archive is not None:
        files = {f"faces.{archive.__name__[-3:]}": archive(altered)}
    source = write_tree(tmp_path, files)
    with pytest.raises(ValueError, match=f"{name}.*content that was published") as info:
        load_faces(source=source, manifest=MANIFEST)
    assert str(source) in str(info.value) and "HAPPYMAPS_DATA" in str(info.value)


def test_a_missing_image_is_named(tmp_path):
    name = "ann_left_sad_open_2.pgm"
    files = {path: content for path, content in TREE.items() if name not in path}
    source = write_tree(tmp_path, files)
    with pytest.raises(ValueError, match=rf"{name} \(of 1\) is missing.*HAPPYMAPS_D"):
        load_faces(source=source, manifest=MANIFEST)
    # The other sizes are whole.
    assert len(load_faces(image_size=(30, 32), source=source, manifest=MANIFEST)[0])


def test_a_good_copy_counts_beside_an_altered_one(tmp_path):
    first = "ann_left_sad_open_2.pgm"
    source = write_tree(tmp_path, TREE | {f"a/{first}": b"altered"})
    contents, _ = read_verified(source, MANIFEST)
    assert contents == FILES


@pytest.fixture
def server():
    """A local HTTP server; `server.reply` says what it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, announced = self.server.reply
            self.send_response(status)
            if announced is not None:
                self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.url = f"http://127.0.0.1:{server.server_port}/static/cmu+faces.zip"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_fetch_keeps_a_checked_archive(tmp_path, server):
    server.reply = (200, PUBLISHED, len(PUBLISHED))
    archive = fetch(url=server.url, folder=tmp_path / "new", manifest=MANIFEST)
    assert archive == tmp_path / "new" / "cmu+faces.zip"
    assert list_files(tmp_path) == {"new/cmu+faces.zip": PUBLISHED}
    images, _, skipped = load_faces(source=tmp_path / "new", manifest=MANIFEST)
    assert len(images) == 3 and len(skipped) == 1


TAMPERED = make_zip(TREE | {"faces/ann/ann_up_sad_sunglasses_2.pgm": b"P5 1 1 1 \x00"})
FAULTS = {
    "not found": ((404, b"", 0), ConnectionError, "404"),
    "server error": ((503, b"", 0), ConnectionError, "503"),
    "broken off": (
        (200, PUBLISHED[:999], len(PUBLISHED)),
        ConnectionError,
        "HAPPYMAPS_DATA",
    ),
    "cut short": ((200, PUBLISHED[:-99], None), ValueError, "damaged or incomplete"),
    "a page": ((200, b"<html>Sign in</html>", None), ValueError, "damaged"),
    "tampered": ((200, TAMPERED, len(TAMPERED)), ValueError, "ann_up_sad_sunglasses_2"),
    "slipping": ((200, make_zip({"../x": b""}), None), ValueError, "leads out"),
    "too large": ((200, bytes(2**20), 2**20), ValueError, "larger than expected"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fetch_leaves_nothing_after_a_fault_and_then_succeeds(tmp_path, server, fault):
    server.reply, kind, message = FAULTS[fault]
    options = {"folder": tmp_path, "manifest": MANIFEST, "max_bytes": 2**19}
    with pytest.raises(kind, match=message):
        fetch(url=server.url, **options)
    assert list(tmp_path.iterdir()) == []
    server.reply = (200, PUBLISHED, len(PUBLISHED))
    assert fetch(url=server.url, **options).read_bytes() == PUBLISHED


def test_fetch_leaves_an_older_copy_after_a_fault(tmp_path, server):
    old = write_tree(tmp_path, {"cmu+faces.zip": b"older"})
    server.reply = FAULTS["broken off"][0]
    with pytest.raises(ConnectionError):
        fetch(url=server.url, folder=old, manifest=MANIFEST)
    assert list_files(old) == {"cmu+faces.zip": b"older"}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_fetch_leaves_nothing_when_interrupted(tmp_path, server, monkeypatch, kind):
    def interrupt(*_):
        raise kind("No space left on device")

    server.reply = (200, PUBLISHED, len(PUBLISHED))
    monkeypatch.setattr(cmu_faces._CappedFile, "write", interrupt)
    with pytest.raises(kind):
        fetch(url=server.url, folder=tmp_path, manifest=MANIFEST)
    assert list(tmp_path.iterdir()) == []


def test_fetch_removes_what_a_killed_download_left_behind(tmp_path, server):
    mark = "happymaps-download"
    write_tree(
        tmp_path,
        {f".download-{n}/{f}": b"" for n in ("old", "new") for f in (mark, "x.zip")}
        | {".download-mine/x.zip": b""},
    )
    long_ago = time.time() - 7200
    for name in (".download-old", ".download-mine"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    server.reply = (200, PUBLISHED, len(PUBLISHED))
    fetch(url=server.url, folder=tmp_path, manifest=MANIFEST)
    assert sorted(list_files(tmp_path)) == [
        ".download-mine/x.zip",
        f".download-new/{mark}",
        ".download-new/x.zip",
        "cmu+faces.zip",
    ]


def test_fetch_without_a_network_says_what_else_can_be_done(tmp_path):
    url = f"http://127.0.0.1:{free_port()}/faces.zip"
    with pytest.raises(ConnectionError, match="HAPPYMAPS_DATA") as error:
        fetch(url=url, folder=tmp_path, manifest=MANIFEST)
    assert url in str(error.value) and cmu_faces.URL in str(error.value)


def free_port() -> int:
    with http.server.HTTPServer(("127.0.0.1", 0), None) as closed:
        return closed.server_port


def test_find_source_prefers_what_is_provided_then_the_cache(tmp_path, monkeypatch):
    provided, cache = tmp_path / "provided", tmp_path / "data"
    write_tree(cache, {"raw/cmu_faces/faces.zip": PUBLISHED})
    write_tree(provided, {"cmu_faces/faces.zip": PUBLISHED})
    monkeypatch.setattr(paths, "data_root", lambda: cache)
    monkeypatch.setenv("HAPPYMAPS_DATA", str(provided))
    assert find_source() == provided / "cmu_faces"
    monkeypatch.setenv("HAPPYMAPS_DATA", str(cache))
    assert find_source() == cache / "raw" / "cmu_faces"
    monkeypatch.delenv("HAPPYMAPS_DATA")
    assert find_source() == cache / "raw" / "cmu_faces"


def test_find_source_downloads_when_there_is_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path)
    monkeypatch.delenv("HAPPYMAPS_DATA", raising=False)
    asked = []
    monkeypatch.setattr(cmu_faces, "fetch", lambda **options: asked.append(options))
    folder = tmp_path / "raw" / "cmu_faces"
    assert find_source(manifest=MANIFEST) == folder
    write_tree(folder, {".gitkeep": b""})
    assert find_source(manifest=MANIFEST) == folder
    assert asked == [{"folder": folder, "manifest": MANIFEST}] * 2


def test_the_manifest_has_624_images_in_three_sizes():
    manifest = read_manifest()
    assert len(manifest) == 1872
    matches = [cmu_faces._FILE.fullmatch(name) for name in manifest]
    scales = [match["scale"] for match in matches]
    assert [scales.count(scale) for scale in (None, "_2", "_4")] == [624, 624, 624]
    assert len({match["person"] for match in matches}) == 20
    assert all(len(digest) == 64 for digest in manifest.values())


@pytest.fixture(scope="module")
def real():
    provided = os.environ.get("HAPPYMAPS_DATA")
    folder = paths.find_folder(provided) if provided else None
    if folder is None or not (folder / "cmu_faces").is_dir():
        pytest.skip(
            "set HAPPYMAPS_DATA to a folder that holds cmu_faces/faces.tar.gz "
            "to test with the real CMU faces"
        )
    return load_dataset("cmu_faces")


def test_cmu_faces_have_the_published_counts(real):
    assert real.images.shape == (624, 60, 64, 1)
    assert real.metadata["person"].nunique() == 20
    # Of 640 pictures 16 are damaged, 3 of them to the left: 160 - 3 = 157.
    assert len(real.skipped) == 16
    assert sum("_left_" in line for line in real.skipped) == 3
    assert real.class_counts().to_dict() == {"not left": 467, "left": 157}
    assert real.images.min() >= 0 and real.images.max() <= 1


def test_cmu_faces_are_decoded_by_their_own_maximum(real):
    # The first two numbers in the files themselves, whose maximum is 156.
    first = real.metadata["file"].tolist().index("an2i_left_angry_open_2.pgm")
    expected = np.float32([17, 1]) / np.float32(156)
    np.testing.assert_array_equal(real.images[first, 0, :2, 0], expected)
    full = load_dataset("cmu_faces", image_size=(120, 128), target="eyes")
    assert full.images.shape == (624, 120, 128, 1)
    expected = np.float32([21, 2]) / np.float32(156)
    np.testing.assert_array_equal(full.images[first, 0, :2, 0], expected)
    assert full.class_names == ("open", "sunglasses")


def test_cmu_faces_in_color_repeat_the_gray_channel(real):
    color = load_dataset("cmu_faces", channels=3)
    np.testing.assert_array_equal(color.images, np.repeat(real.images, 3, axis=-1))
