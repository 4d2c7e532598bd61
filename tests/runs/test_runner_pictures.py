"""Pictures beside a notebook: which are found, and that they go with the run."""

import base64
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from happymaps_runs.notebooks.notebooks import read_notebook
from happymaps_runs.notebooks.pictures import embed_pictures, find_pictures
from happymaps_runs.store.identity import article_identity, key_of


def write(folder: Path, *sources: str) -> Path:
    cells = [new_markdown_cell(source) for source in sources]
    path = folder / "shown.ipynb"
    nbformat.write(new_notebook(cells=[*cells, new_code_cell("1")]), path)
    return path


def found(folder: Path, *sources: str) -> list[str]:
    return list(find_pictures(read_notebook(write(folder, *sources)), folder))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "figures").mkdir()
    for name in ("a.png", "a b.JPG", "figures/c.webp", "d.svg", "e.csv"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("Text ![a](a.png) text", "a.png"),
        ("![a](a.png 'a title')", "a.png"),
        ("![a](a%20b.JPG)", "a b.JPG"),
        ("![a](<a b.JPG>)", "a b.JPG"),
        ("<img alt='a' src='figures/c.webp' width=80>", "figures/c.webp"),
        ("<IMG SRC=figures/c.webp>", "figures/c.webp"),
        ("![a][there]\n\n[there]: figures/c.webp", "figures/c.webp"),
        ("![a](./a.png)", "./a.png"),
    ],
)
def test_pictures_are_found_in_every_form_of_markdown(folder, source, name):
    assert found(folder, source) == [name]


@pytest.mark.parametrize(
    "source",
    [
        "![a](https://x.y/a.png)",
        "![a](attachment:a.png)",
        "![a](absent.png)",
        "![a](d.svg)",
        "![a](e.csv)",
        "[a link](a.png)",
        "![a](figures)",
    ],
)
def test_other_things_are_no_pictures_beside_the_notebook(folder, source):
    assert found(folder, source) == []


def test_absolute_paths_and_large_files_stay_where_they_are(folder):
    with (folder / "large.png").open("wb") as file:
        file.truncate(5_000_001)
    assert found(folder, f"![a]({folder}/a.png) ![b](large.png)") == []


def test_pictures_become_attachments_and_pasted_ones_stay(folder):
    path = write(folder, "![a](a.png)", "![c](figures/c.webp) ![a](a.png)", "text")
    content = nbformat.read(path, 4)
    content.cells[0]["attachments"] = {"p.png": {"image/png": "AA=="}}
    nbformat.write(content, path)
    embed_pictures(path, folder)
    nbformat.validate(nbformat.read(path, 4))
    attached = [cell.get("attachments") for cell in read_notebook(path)["cells"]]
    picture = {"image/png": base64.b64encode(b"a.png").decode()}
    webp = {"image/webp": base64.b64encode(b"figures/c.webp").decode()}
    assert attached == [
        {"p.png": {"image/png": "AA=="}, "a.png": picture},
        {"a.png": picture, "figures/c.webp": webp},
        None,
        None,
    ]


def test_notebook_without_pictures_keeps_its_bytes(folder):
    path = write(folder, "text")
    before = path.read_bytes()
    embed_pictures(path, folder)
    assert path.read_bytes() == before


def test_changed_picture_makes_another_run(folder):
    path = write(folder, "![a](a.png)")
    before = key_of(article_identity(path, {}))
    (folder / "a.png").write_bytes(b"another")
    assert key_of(article_identity(path, {})) != before
