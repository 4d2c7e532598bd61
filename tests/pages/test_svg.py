"""What an SVG may hold when it is published."""

import io

import matplotlib.pyplot as plt
import pytest

from happymaps_pages.html.svg import clean_svg

OPEN = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>evil()</script>",
        '<script href="https://evil.example/x.js"/>',
        '<script xmlns="http://www.w3.org/1999/xhtml">evil()</script>',
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="evil()"/>'
        "</foreignObject>",
        '<g onclick="evil()"><rect ONLOAD="evil()"/></g>',
        '<a href="javascript:evil()"><text>x</text></a>',
        '<use href="https://evil.example/x.svg#a"/>',
        '<image xlink:href="data:image/svg+xml;base64,evil"/>',
        '<image href="https://evil.example/x.png"/>',
        '<set attributeName="onclick" to="evil()"/>',
        '<animate attributeName="href" values="javascript:evil()"/>',
        "<style>@import 'https://evil.example/x.css';</style>",
        "<style>*{fill: u\\72l(https://evil.example)}</style>",
        '<rect style="fill:url(https://evil.example)"/>',
        '<rect fill="url(//evil.example/#a)"/>',
        '<g xml:base="https://evil.example/"/>',
        "<!-- evil -->",
        "<?xml-stylesheet href='https://evil.example/x.css'?>",
        '<title><script xmlns="http://www.w3.org/2000/svg">evil()</script></title>',
    ],
)
def test_what_acts_or_fetches_goes_and_the_drawing_stays(hostile):
    clean = clean_svg(f'{OPEN} width="9"><rect width="5"/>{hostile}</svg>')
    assert "evil" not in clean
    assert 'rect width="5"' in clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no XML",
        "<html/>",
        f"{OPEN}>",
        '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + OPEN + ">&b;</svg>",
    ],
)
def test_what_is_no_svg_is_not_published(text):
    assert clean_svg(text) is None


def test_a_drawing_of_matplotlib_stays_whole():
    figure, axes = plt.subplots()
    axes.plot([1, 2], label="line")
    axes.imshow([[0, 1], [1, 0]])
    axes.legend()
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    plt.close(figure)
    before, after = stream.getvalue(), clean_svg(stream.getvalue())
    for part in ("<path", "<use", "<image", "url(#", "data:image/png", "<style", "d="):
        assert before.count(part) == after.count(part) > 0, part
