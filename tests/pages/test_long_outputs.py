"""Pages of notebooks that print more than a browser can show."""

import time

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from happymaps_pages.html.body import make_renderer
from happymaps_pages.html.long_outputs import shorten_outputs

LINE = "a line of output, number {:08d}\n"


def render(*outputs):
    notebook = new_notebook(cells=[new_code_cell("x", outputs=list(outputs))])
    return make_renderer()(notebook).html


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def result(**data):
    kinds = {"plain": "text/plain", "html": "text/html", "markdown": "text/markdown"}
    return new_output("display_data", {kinds[k]: text for k, text in data.items()})


def test_of_200_mb_the_beginning_the_end_and_where_the_rest_is():
    text = "".join(map(LINE.format, range(200_000_000 // len(LINE.format(0)))))
    started = time.process_time()
    html = render(stream(text))
    assert len(html) < 500_000
    assert time.process_time() - started < 30
    last = text.splitlines()[-1]
    assert LINE.format(0).strip() in html and last in html
    assert "199.8 million characters are left out here" in html
    assert "notebook.ipynb" in html


@pytest.mark.parametrize(
    "outputs",
    [
        [stream("first\n" + "x" * 10**6 + "\nlast", "stderr")],
        [result(plain="first\n" + "y " * 10**6 + "last")],
        [result(plain="first last", html="<p>" + "z" * 10**7)],
        [result(markdown="w" * 10**7), stream("first last")],
        [stream("first\n"), *(stream("v" * 9000) for _ in range(5000)), stream("last")],
        [
            new_output("error", ename="E", evalue="first last",
                       traceback=["first", "t" * 10**7, "last"])
        ],
        [stream("first last\n"), *(stream("s" * 10**5) for _ in range(100))],
    ],
)  # fmt: skip
def test_all_that_a_cell_says_is_bounded(outputs):
    html = render(*outputs)
    assert len(html) < 500_000
    assert "first" in html and "last" in html
    assert "notebook.ipynb" in html


def test_of_200_mb_in_many_cells_each_shows_its_beginning_and_its_end():
    def say(number):
        text = f"first {number}\n" + "x" * 20_000 + f"\nlast {number}"
        return new_code_cell("x", outputs=[stream(text), *[stream("v")] * 10])

    cells = [say(number) for number in range(10_000)]
    shorten_outputs(new_notebook(cells=cells))
    outputs = [output for cell in cells for output in cell.outputs]
    assert len(outputs) <= 4 * len(cells)
    assert sum(len(output.text) for output in outputs) < 5_000_000
    few = [say(number) for number in range(20)]
    html = make_renderer()(new_notebook(cells=few)).html
    assert len(html) < 1_500_000
    assert all(f"first {n}\n" in html and f"last {n}<" in html for n in range(20))


def test_what_is_short_stays_as_it_is():
    text = "".join(map(LINE.format, range(2000)))
    assert text.strip() in render(stream(text))
    assert "left out" not in render(stream(text), result(plain="1", html="<b>1</b>"))
