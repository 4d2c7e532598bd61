"""Runs, collections and notebooks for the tests of the report site."""

import base64
import hashlib
import io
import json

import nbformat
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from PIL import Image

from happymaps_pages.site import build_site
from happymaps_runs.store.lists import write_report
from happymaps_runs.store.run_store import RunStore

HEADER = (
    "# Look at it\n\n**Question.** What does it see?\n\n"
    "**Answer.** The committed answer.\n\n**Prediction.** Edges, since faces have them."
)
HOSTILE = '<img src="x" onerror="window.hacked=1"><script>window.hacked=1</script>'


# A browser reads these otherwise than a strict parser, and runs six of them.
MISREAD = {
    "<!--><script>run()</script>-->a": "--&gt;a",
    "<!-- --!><img src='data:,' onerror=run()>a": "a",
    "<noscript><p title='</noscript><img src=data:, onerror=run()>'>": "'&gt;",
    "<svg><style><img src=data:, onerror=run()></style></svg>a": "a",
    "<svg><![CDATA[<p>]]><script>run()</script></svg>a": "a",
    "<title><p title='</title><img src=data:, onerror=run()>'>a": "'&gt;a",
    "<svg><p>a</p></svg>b": "<p>a</p>b",
    "<math><mi><style><!--</style><img title='--><img onerror=run()>'></math>a": "a",
}


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


def run_key(path):
    """The key of a run that tests call by its collection and its name."""
    return hashlib.sha256(path.replace("failed/", "").encode()).hexdigest()[:20]


def page_of(path):
    """Where a run's page lies below the reports: "faces/failed/two", say."""
    failed = "failed/" if "failed/" in path else ""
    return f"store/{failed}{run_key(path)}"


def open_store(root):
    store = RunStore(root / "store")
    store.create()
    return store


def build(root):
    return build_site(open_store(root))


def add_run(root, path, content=None, files=None, **record):
    """Write a run as the runner does, `files` besides."""
    open_store(root)
    folder = root / page_of(path)
    folder.mkdir(parents=True)
    nbformat.write(content or notebook(), folder / "notebook.ipynb")
    name = f"experiments/{path.split('/')[-1]}.ipynb"
    record = {"status": "completed", "seconds": 12.0, "notebook": name, **record}
    write_record(folder, record)
    for name, value in (files or {}).items():
        (folder / name).write_text(json.dumps(value))
    return folder


def write_record(folder, record):
    digest = hashlib.sha256((folder / "notebook.ipynb").read_bytes()).hexdigest()
    record = {"artefact_sha256": {"notebook.ipynb": digest}, **record}
    (folder / "run.json").write_text(json.dumps(record))


def add_collection(root, name, *stems, **record):
    record = {"dataset": "synthetic_faces", "profile": "quick", **record}
    keys = [{"name": stem, "key": run_key(f"{name}/{stem}")} for stem in stems]
    write_report(open_store(root), name, record | {"notebooks": keys})


def read_page(root, path=""):
    folder = root / page_of(path) if path else root
    return BeautifulSoup((folder / "index.html").read_text(), "html.parser")
