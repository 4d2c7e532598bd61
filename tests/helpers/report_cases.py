"""Runs, collections and notebooks for the tests of the report site."""

import base64
import hashlib
import io
import json

import nbformat
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from PIL import Image

HEADER = (
    "# Look at it\n\n**Question.** What does it see?\n\n"
    "**Answer.** The committed answer.\n\n**Prediction.** Edges, since faces have them."
)
HOSTILE = '<img src="x" onerror="window.hacked=1"><script>window.hacked=1</script>'


def picture(width=40, height=30, color="red"):
    stream = io.BytesIO()
    image = Image.new("RGB", (width, height), "white")
    image.paste(color, (5, 5, width - 5, height - 5))
    image.save(stream, "PNG")
    data = {"image/png": base64.b64encode(stream.getvalue()).decode()}
    return new_output("display_data", data=data)


def html_output(html):
    return new_output("display_data", data={"text/html": html})


def notebook(*cells, header=HEADER):
    return new_notebook(
        cells=[new_markdown_cell(header), *cells],
        metadata={"language_info": {"name": "python", "pygments_lexer": "ipython3"}},
    )


def add_run(root, path, content=None, files=None, **record):
    """Write a run as the runner does, `files` besides."""
    folder = root / path
    folder.mkdir(parents=True)
    nbformat.write(content or notebook(), folder / "notebook.ipynb")
    digest = hashlib.sha256((folder / "notebook.ipynb").read_bytes()).hexdigest()
    hashes = {"source_sha256": "0" * 64, "artefact_sha256": {"notebook.ipynb": digest}}
    record = {"status": "completed", "seconds": 12.0, **hashes, **record}
    (folder / "run.json").write_text(json.dumps(record))
    for name, value in (files or {}).items():
        (folder / name).write_text(json.dumps(value))
    return folder


def add_collection(root, name, *stems, **record):
    (root / name).mkdir(parents=True, exist_ok=True)
    record = {"dataset": "synthetic_faces", "profile": "quick", **record}
    record["notebooks"] = list(stems)
    (root / name / "collection.json").write_text(json.dumps(record))


def read_page(root, path=""):
    return BeautifulSoup((root / path / "index.html").read_text(), "html.parser")
