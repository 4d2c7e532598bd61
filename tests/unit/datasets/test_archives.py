import gzip
import io
import tarfile
import zipfile

import pytest

from happymaps.datasets.archives import walk

FILES = {"a/one.txt": b"one", "a/two.txt": b"two" * 1000}


def make_tar(files: dict, *, links: dict | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, (kind, target) in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return stream.getvalue()


def make_zip(files: dict, *, link: str | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def put(folder, name: str, content: bytes):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.tar", make_tar(FILES)),
        ("x.tar.gz", gzip.compress(make_tar(FILES), mtime=0)),
        ("x.TGZ", gzip.compress(make_tar(FILES), mtime=0)),
        ("x.zip", make_zip(FILES)),
        ("x.zip", make_zip({"inner.tar.gz": gzip.compress(make_tar(FILES), mtime=0)})),
        ("x.tar", make_tar({"b/inner.zip": make_zip(FILES)})),
    ],
)
def test_walk_yields_the_files_of_an_archive_nested_or_not(tmp_path, name, content):
    path = put(tmp_path, name, content)
    assert dict(walk(path)) == FILES
    assert list(tmp_path.iterdir()) == [path]


def test_walk_yields_files_and_archives_of_a_folder_but_no_hidden_ones(tmp_path):
    put(tmp_path, "b/three.txt", b"three")
    put(tmp_path, "c.zip", make_zip(FILES))
    put(tmp_path, ".partial/d.zip", b"broken")
    put(tmp_path, ".hidden", b"hidden")
    assert dict(walk(tmp_path)) == {"b/three.txt": b"three", **FILES}


@pytest.mark.parametrize(
    ("name", "content", "member"),
    [
        ("x.tar", make_tar({"../out.txt": b"x"}), "../out.txt"),
        ("x.tar", make_tar({"/etc/out": b"x"}), "/etc/out"),
        ("x.tar", make_tar({"a/../../out": b"x"}), "a/../../out"),
        ("x.zip", make_zip({"../out.txt": b"x"}), "../out.txt"),
        ("x.zip", make_zip({"a\\..\\..\\out": b"x"}), "out"),
        ("x.zip", make_zip({"C:/out": b"x"}), "C:/out"),
        ("x.zip", make_zip(FILES, link="sly"), "sly"),
        ("x.tar", make_tar({}, links={"sly": (tarfile.SYMTYPE, "/etc")}), "sly"),
        ("x.tar", make_tar({}, links={"sly": (tarfile.LNKTYPE, "/etc")}), "sly"),
        ("x.tar", make_tar({}, links={"sly": (tarfile.FIFOTYPE, "")}), "sly"),
        ("x.zip", make_zip({"y.tar": make_tar({"../out": b"x"})}), "../out"),
    ],
)
def test_walk_refuses_links_and_paths_that_lead_out(tmp_path, name, content, member):
    path = put(tmp_path, name, content)
    with pytest.raises(ValueError, match="Replace it by the published") as error:
        list(walk(path))
    assert str(path) in str(error.value) and member in str(error.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.tar.gz", gzip.compress(bytes(3 * 2**20), mtime=0)),
        ("x.tar", make_tar({"big": bytes(3 * 2**20)})),
        ("x.zip", make_zip({"big": bytes(3 * 2**20)})),
        ("x.zip", make_zip({"y.zip": make_zip({"big": bytes(3 * 2**20)})})),
        ("x.zip", make_zip({f"{index}": b"" for index in range(12)})),
        ("x.tar", make_tar({f"{index}": b"" for index in range(12)})),
    ],
)
def test_walk_refuses_more_members_or_bytes_than_allowed(tmp_path, name, content):
    path = put(tmp_path, name, content)
    with pytest.raises(ValueError, match=r"x\..*holds more files or bytes"):
        list(walk(path, max_members=10, max_bytes=2 * 2**20))


def test_walk_refuses_archives_nested_too_deep(tmp_path):
    content = make_zip(FILES)
    for _ in range(3):
        content = make_zip({"inner.zip": content})
    with pytest.raises(ValueError, match="more than 3 archives deep"):
        list(walk(put(tmp_path, "x.zip", content)))


def corrupt_middle(content: bytes) -> bytes:
    middle = len(content) // 3
    return content[:middle] + b"\xff" * 20 + content[middle + 20 :]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.tar.gz", gzip.compress(make_tar(FILES), mtime=0)[:-30]),
        ("x.tar.gz", corrupt_middle(gzip.compress(make_tar(FILES), mtime=0))),
        ("x.tar.gz", b"<html>Not found</html>"),
        ("x.tar", make_tar(FILES)[:2000]),
        ("x.tar", b"<html>Not found</html>"),
        ("x.zip", make_zip(FILES)[:-30]),
        ("x.zip", corrupt_middle(make_zip({"a": bytes(range(256)) * 2}))),
        ("x.zip", b"<html>Not found</html>"),
        ("x.zip", b""),
    ],
    ids=[
        "gz cut short", "gz altered", "gz a page", "tar cut short", "tar a page",
        "zip cut short", "zip altered", "zip a page", "zip empty",
    ],
)  # fmt: skip
def test_walk_says_when_an_archive_is_damaged(tmp_path, name, content):
    path = put(tmp_path, name, content)
    with pytest.raises(ValueError, match="Delete it and get it again") as error:
        list(walk(path))
    assert str(path) in str(error.value)
