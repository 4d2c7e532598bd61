"""The report site, without a browser; see test_report_browser.py for the rest."""

import base64
import io
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_output,
)
from PIL import Image
from report_cases import (
    HOSTILE,
    MISREAD,
    add_collection,
    add_run,
    build,
    html_output,
    notebook,
    page_of,
    picture,
    read_page,
    run_key,
    write_record,
)

import happymaps_pages
from happymaps_pages.html.figures import (
    choose_cover,
    describe_pictures,
    make_thumbnail,
)
from happymaps_pages.html.sanitize import clean_fragment
from happymaps_pages.html.text import (
    NO_BREAK,
    format_date,
    format_duration,
    format_moment,
    format_number,
    format_told,
    format_value,
    inline_markdown,
    plain_name,
)

STATIC = Path(happymaps_pages.__file__).parent / "html/static"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site with every kind of entry; tests only read it."""
    root = tmp_path_factory.mktemp("reports")
    stems = ("one", "two", "three", "broken")
    add_collection(root, "faces", *stems, created="2026-11-02T10:00:00")
    parameters = "steps: int = 100  # steps of ascent\nseed: int = 0"
    first = notebook(
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell("steps = 60", metadata={"tags": ["injected-parameters"]}),
        new_markdown_cell(
            "## Maps\n\nWith $a_i$ and\n\n$$x^* = \\arg\\max_x a_i(x)$$\n\n"
            "See [the next](two.ipynb), [nothing](../data/README.md), "
            "[above](#Maps) and [a paper](https://doi.org/10.1000/1)."
        ),
        new_code_cell("draw()", outputs=[picture(), picture(600, 300)]),
        new_markdown_cell("**Reading.** Edges.\n\n" + HOSTILE),
        new_code_cell("1", outputs=[html_output(HOSTILE + "<b>kept</b><!-- open")]),
        new_markdown_cell("## Conclusion\n\nDone."),
    )
    answers = {
        "answer.json": {"headline": "This run saw edges.", "details": "12 of 16."},
        "metrics.json": {"accuracy": 0.978, "num_edges": 12, "list": [1, 2]},
    }
    add_run(root, "faces/one", first, answers, parameters={"steps": 60})
    error = {"kind": "cell error", "name": "ValueError", "message": "no <layer> 'x'"}
    error["cell"] = 3
    add_run(root, "faces/failed/two", status="failed", error=error)
    (root / page_of("faces/broken")).mkdir()
    (root / page_of("faces/broken") / "run.json").write_text("{not json")
    add_collection(
        root, "older", "one", created="2026-11-01T10:00:00", dataset="cmu_faces"
    )
    add_run(root, "older/one")
    add_run(root, "scratch", started="2026-11-03T10:00:00")
    build(root)
    return root


def test_every_link_of_the_site_resolves(site):
    for page in site.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        for tag in soup.select("[href], [src]"):
            address = tag.get("href") or tag.get("src")
            if address.startswith("https://doi.org/"):
                continue
            name, _, anchor = unquote(address).partition("#")
            target = (page.parent / name) if name else page
            assert target.is_file(), f"{page}: {address}"
            if anchor:
                other = BeautifulSoup(target.read_text(), "html.parser")
                assert other.find(id=anchor), f"{page}: {address}"


def test_only_links_of_the_text_lead_outside(site):
    for page in site.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        outside = [
            tag.name
            for tag in soup.find_all(True)
            for name in ("src", "href", "srcset", "action", "data", "poster")
            if "://" in str(tag.get(name, "")) or str(tag.get(name)).startswith("//")
        ]
        assert set(outside) <= {"a"}


def test_assets_refer_to_nothing_outside(site):
    style = (site / "_assets/katex/katex.min.css").read_text()
    addresses = re.findall(r"url\(([^)]{0,30})", style)
    assert len(addresses) == 20
    assert all(each.startswith("data:font/woff2;base64,") for each in addresses)
    for name in ("report.css", "report.js", "theme.js"):
        text = (site / "_assets" / name).read_text()
        assert "://" not in text and "@import" not in text


def test_vendored_katex_is_small_and_licensed():
    files = [path for path in (STATIC / "katex").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 700_000
    assert "MIT" in (STATIC / "katex/LICENSE").read_text()


def test_every_page_has_a_policy_and_no_script_of_its_own(site):
    for page in site.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        assert policy["content"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr "
            "'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src data:; "
            "base-uri 'none'; form-action 'none'"
        )
        assert soup.html["lang"] == "en"
        assert soup.find("meta", attrs={"name": "viewport"})
        for script in soup.find_all("script"):
            assert "_assets/" in script["src"] and not script.get_text()


def test_scripts_of_a_notebook_are_gone_and_its_text_stays(site):
    page = (site / page_of("faces/one") / "index.html").read_text()
    assert "hacked" not in page
    assert "onerror" not in page
    assert "<b>kept</b>" in page
    assert read_page(site, "faces/one").find(id="Conclusion")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p onclick='x()'>a</p>", "<p>a</p>"),
        ("a<script>x()</script>b", "ab"),
        ("a<script>x()", "a"),
        ("<svg onload=x()><g>a</g></svg>b", "b"),
        ("<iframe srcdoc='<script>'></iframe>b", "b"),
        ("<blink>a</blink>", "a"),
        ("<a href='javascript:x()'>a</a>", "<a>a</a>"),
        ("<a href='JaVa\nscript:x()'>a</a>", "<a>a</a>"),
        ("<a href='data:text/html,x'>a</a>", "<a>a</a>"),
        ("<a href='da\nta:text/html,x'>a</a>", "<a>a</a>"),
        ("<a href='b/c.html'>a</a>", '<a href="b/c.html">a</a>'),
        ("<img src='https://x.y/z.png' alt='a'>", "[picture not shown: a]"),
        (
            "<img src='x' alt='&lt;img src=x onerror=y()&gt;'>",
            "[picture not shown: &lt;img src=x onerror=y()&gt;]",
        ),
        (
            "<img src='data:image/svg+xml;base64,AA' alt='a'>",
            "[picture not shown: a]",
        ),
        (
            "<img src='data:image/png;base64,AA'>",
            '<img src="data:image/png;base64,AA"/>',
        ),
        (
            "<p style='color: red; background: url(x)'>1</p>",
            '<p style="color:red">1</p>',
        ),
        ("<p id='lightbox'>a</p>", "<p>a</p>"),
        ("<audio src='https://x.y/z.wav' controls>t</audio>a", "a"),
        ("<audio src='data:audio/wav;base64,AA' controls></audio>a", "a"),
        ("<audio src='figures/../sound_0.wav'></audio>a", "a"),
        ("<audio onerror='x()'><source src='figures/x.svg'></audio>a", "a"),
        (
            "<audio autoplay loop onplay='x()'><source src='figures/sound_0.wav'>t"
            "<source src='https://x.y/z.wav'><script>x()</script></audio>a",
            '<audio aria-label="Sound 1" controls="" src="figures/sound_0.wav">'
            "</audio>a",
        ),
        ("<source src='figures/sound_0.wav'>a", "a"),
        ("<video src='figures/sound_0.wav'>t</video>a", "a"),
        ("<img src='figures/sound_0.wav' alt='a'>", "[picture not shown: a]"),
        ("a<!-- b -->c", "ac"),
        ("<form action='x'><input>a</form>b", "b"),
        ("&lt;script&gt;", "&lt;script&gt;"),
        *MISREAD.items(),
    ],
)
def test_clean_fragment_keeps_only_what_is_listed(html, expected):
    assert clean_fragment(html) == expected


def test_sounds_of_a_notebook_lie_beside_its_page(tmp_path):
    wave, long = b"RIFF\x04\0\0\0WAVE", b"RIFF\xff\xff\3\0WAVE" + bytes(300_000)
    codes = [*(base64.b64encode(each).decode() for each in (wave, long)), "AAAA"]
    html = "<audio controls><source src='data:audio/wav;base64,{}'></audio>"
    outputs = [html_output(html.format(code)) for code in codes]
    folder = add_run(tmp_path, "a/b", notebook(new_code_cell("a", outputs=outputs)))
    build(tmp_path)
    page = BeautifulSoup((folder / "index.html").read_text(), "html.parser")
    names = [audio["src"] for audio in page.find_all("audio")]
    assert names == ["figures/sound_0.wav", "figures/sound_1.wav"]
    assert [(folder / name).read_bytes() for name in names] == [wave, long]


def test_clean_fragment_keeps_the_colors_of_a_styled_table():
    table = pd.DataFrame({"a": [1, 2]}).style.map(lambda v: "color: red" * (v == 2))
    soup = BeautifulSoup(clean_fragment(table.to_html()), "html.parser")
    assert [cell.get("style") for cell in soup.find_all("td")] == [None, "color:red"]
    assert soup.find("style") is None


def test_clean_fragment_shows_the_text_form_of_an_xarray_result():
    html = "<div><svg></svg><pre class='xr-text-repr-fallback'>(x: 3)"
    html += "<img src=x onerror=y()></pre><p>b</p>"
    assert clean_fragment(html) == "<pre>(x: 3)</pre>"


def test_names_parameters_and_errors_are_escaped(tmp_path):
    hostile = "<script>window.hacked=1</script>"
    add_collection(tmp_path, "c", "a", "b", dataset=hostile, profile=hostile)
    add_run(tmp_path, "c/a", title=hostile, parameters={hostile: hostile})
    add_run(
        tmp_path,
        "c/failed/b",
        status="failed",
        error={"message": hostile},
        commit=hostile,
    )
    build(tmp_path)
    for page in tmp_path.rglob("*.html"):
        soup = BeautifulSoup(page.read_text(), "html.parser")
        assert not [s for s in soup.find_all("script") if "hacked" in s.get_text()]
    assert hostile in read_page(tmp_path, "c/failed/b").get_text()
    assert hostile in read_page(tmp_path, "c/a").select_one(".chips").get_text()


def test_rebuilding_changes_no_file(site):
    def stamps():
        files = [path for path in site.rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in files}

    before = stamps()
    build(site)
    assert stamps() == before


def test_pages_of_removed_runs_are_removed_and_other_files_stay(tmp_path):
    drawn = notebook(new_code_cell("draw()", outputs=[picture()]))
    folder = add_run(tmp_path, "c/gone", drawn)
    (folder / "own.txt").write_text("mine")
    add_run(tmp_path, "c/here")
    build(tmp_path)
    assert (folder / "figures/cover.webp").is_file()
    (folder / "run.json").unlink()
    (folder / "notebook.ipynb").unlink()
    build(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["own.txt"]
    assert (tmp_path / page_of("c/here") / "index.html").is_file()


def test_a_manifest_cannot_remove_files_outside(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    root = tmp_path / "reports"
    build(root)
    (root / "_assets/manifest.json").write_text('["../victim.txt", 3]')
    build(root)
    assert victim.is_file()


def test_a_failed_run_is_listed_and_its_page_shows_the_error(site):
    card = read_page(site).select_one(".card-failed")
    assert card.select_one(".pill").get_text() == "failed"
    assert "ValueError: no <layer> 'x'" in card.get_text()
    banner = read_page(site, "faces/failed/two").select_one(".failure")
    assert "This run failed in cell 4" in banner.get_text()
    assert "ValueError: no <layer> 'x'" in banner.get_text()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"kind": "dead kernel", "cell": 0}, "failed in cell 1 dead kernel"),
        ({"kind": "timeout", "message": "over 3 s"}, "failed timeout: over 3 s"),
        (
            {"kind": "cell error", "name": "KeyError", "execution_count": 7},
            "failed in cell [7] KeyError",
        ),
        (
            {"kind": "error", "name": "KeyError", "traceback": "\x1b[31mat\x1b[0m"},
            "failed KeyError Traceback at",
        ),
        (None, "failed The run left no error."),
    ],
)
def test_a_failure_says_what_happened_and_where(tmp_path, error, expected):
    add_run(tmp_path, "c/failed/a", status="failed", error=error)
    build(tmp_path)
    banner = read_page(tmp_path, "c/failed/a").select_one(".failure")
    assert " ".join(banner.get_text(" ").split()).startswith(f"This run {expected}")


def test_a_broken_record_is_named_and_takes_nothing_down(site):
    card = read_page(site).select_one(".card-unreadable")
    assert "run.json is missing or damaged" in card.get_text()
    assert page_of("faces/broken") in card.get_text()
    assert not (site / page_of("faces/broken") / "index.html").exists()


def test_a_notebook_that_was_not_run_is_listed(site):
    cards = read_page(site).select("#collection-faces .card")
    titles = [card.h3.get_text() for card in cards]
    assert titles == ["Look at it", "Look at it", "Three", "Broken"]
    assert cards[2]["data-status"] == "missing"


def test_a_notebook_that_its_record_does_not_name_is_not_rendered(tmp_path):
    folder = add_run(tmp_path, "c/a", artefact_sha256={})
    build(tmp_path)
    assert "notebook.ipynb changed after the run" in read_page(tmp_path).get_text()
    assert not (folder / "index.html").exists()


def test_a_notebook_changed_after_its_run_is_not_rendered(tmp_path):
    folder = add_run(tmp_path, "c/a")
    nbformat.write(notebook(header="# Other"), folder / "notebook.ipynb")
    build(tmp_path)
    assert "changed after the run" in read_page(tmp_path).get_text()
    assert not (folder / "index.html").exists()


@pytest.mark.parametrize("text", ["[]", '{"cells": 3}', "", '{"nbformat": 4}'])
def test_an_unreadable_notebook_takes_nothing_down(tmp_path, text):
    folder = add_run(tmp_path, "c/a")
    (folder / "notebook.ipynb").write_text(text)
    write_record(folder, {"status": "completed", "notebook": "a.ipynb"})
    add_run(tmp_path, "c/b")
    build(tmp_path)
    assert "notebook.ipynb cannot be rendered" in read_page(tmp_path).get_text()
    assert (tmp_path / page_of("c/b") / "index.html").is_file()


def test_the_answer_of_the_run_wins_over_the_committed_one(site):
    computed = read_page(site, "faces/one").select_one(".answer").get_text()
    assert "Answer of this run" in computed
    assert "This run saw edges." in computed
    details = read_page(site, "faces/one").select_one(".answer-details")
    assert details.get_text() == "12 of 16."
    card = read_page(site).select_one("#collection-faces .card-answer")
    assert card.get_text() == "This run saw edges."
    assert card.find_next_sibling(class_="card-details").get_text() == "12 of 16."
    assert "committed answer" not in computed
    committed = read_page(site, "older/one").select_one(".answer").get_text()
    assert "Answer in the notebook" in committed
    assert "The committed answer." in committed


def test_the_header_shows_question_and_prediction_once(site):
    page = read_page(site, "faces/one")
    assert page.h1.get_text() == "Look at it"
    assert page.select_one(".question").get_text() == "What does it see?"
    assert "Edges, since" in page.select_one(".prediction").get_text()
    assert "What does it see?" not in page.select_one("#article-body").get_text()
    assert len(page.find_all("h1")) == 1


def test_chips_show_the_values_of_the_run_and_mark_what_is_no_default(site):
    page = read_page(site, "faces/one")
    chips = page.select(".chip")
    assert [chip.get_text() for chip in chips] == ["steps 60", "seed 0"]
    assert [c.get("title") for c in page.select(".chip-changed")] == [
        "steps of ascent (not the default)"
    ]
    assert "steps" not in page.select_one("#article-body").get_text()


def test_figures_are_files_with_descriptions_and_sizes(site):
    images = read_page(site, "faces/one").select("#article-body img")
    assert [image["alt"] for image in images] == ["Maps", "Maps, figure 2"]
    assert [(i["width"], i["height"]) for i in images] == [("40", "30"), ("600", "300")]
    with Image.open(site / page_of("faces/one") / images[1]["src"]) as image:
        assert image.size == (600, 300)


def test_the_thumbnail_is_the_largest_figure_without_its_margin(site):
    with Image.open(site / page_of("faces/one") / "figures/cover.webp") as image:
        assert image.size == (400, 197)  # 590 x 290 within 400 pixels


def test_a_figure_tagged_cover_wins_over_a_larger_one():
    small = new_code_cell("a", metadata={"tags": ["cover"]}, outputs=[picture(20, 20)])
    large = new_code_cell("b", outputs=[picture(90, 90)])
    pictures = describe_pictures(notebook(large, small))
    expected = base64.b64decode(picture(20, 20).data["image/png"])
    assert choose_cover(pictures).data == expected


def test_cards_describe_their_pictures_and_tell_their_age(site):
    (card, *_) = read_page(site).select("#collection-faces .card")
    assert card.img["alt"] == "Figure: Maps, figure 2"
    single = read_page(site).select_one("#collection-single-runs .card")
    assert single.time["datetime"] == "2026-11-03T10:00:00"
    assert single.time.get_text() == f"3{NO_BREAK}Nov{NO_BREAK}2026"


def test_status_buttons_count_the_cards_of_each_status(site):
    buttons = read_page(site).select(".statuses button")
    assert [(b["data-show"], b.get_text()) for b in buttons] == [
        ("", "all"),
        ("done", "done 3"),
        ("failed", "failed 1"),
        ("missing", "not run 1"),
        ("unreadable", "not readable 1"),
    ]


def test_one_status_needs_no_buttons(tmp_path):
    add_run(tmp_path, "c/a")
    build(tmp_path)
    assert read_page(tmp_path).select(".statuses") == []


def test_links_between_notebooks_lead_to_their_pages(site):
    body = read_page(site, "faces/one").select_one("#article-body")
    links = {link.get_text(): link["href"] for link in body.select("section.prose a")}
    assert links == {
        "the next": f"../failed/{run_key('faces/two')}/index.html",
        "above": "#Maps",
        "a paper": "https://doi.org/10.1000/1",
    }
    assert "nothing" in body.get_text()


def test_a_link_leads_to_the_heading_of_another_notebook_if_there_is_one(tmp_path):
    links = "[maps](one.ipynb#Maps), [none](one.ipynb#Films)"
    add_run(tmp_path, "faces/one", notebook(new_markdown_cell("## Maps\n\nSeen.")))
    add_run(tmp_path, "faces/two", notebook(new_markdown_cell(links)))
    build(tmp_path)
    body = read_page(tmp_path, "faces/two").select_one("#article-body")
    page = f"../{run_key('faces/one')}/index.html"
    assert [a["href"] for a in body.select("a[href]")] == [f"{page}#Maps", page]


def test_neighbours_follow_the_order_of_the_collection(site):
    one, two = (read_page(site, path) for path in ("faces/one", "faces/failed/two"))
    keys = [run_key(path) for path in ("faces/one", "faces/two")]
    assert one.find("a", rel="next")["href"] == f"../failed/{keys[1]}/index.html"
    assert one.find("a", rel="prev") is None
    assert two.find("a", rel="prev")["href"] == f"../../{keys[0]}/index.html"


def test_collections_stand_newest_first_and_single_runs_last(site):
    titles = [title.get_text() for title in read_page(site).select(".collection h2")]
    assert titles == [
        "synthetic faces · quick profile",
        "cmu faces · quick profile",
        "single runs",
    ]


def test_the_strip_shows_the_accuracy_of_a_collection(site):
    strip = read_page(site).select("#collection-faces .headline")
    assert [item.dt.get_text() for item in strip] == ["accuracy"]
    assert strip[0].dd.get_text() == f"97.8{NO_BREAK}%"


def test_the_strip_shows_the_numbers_of_the_notebooks(tmp_path):
    stems = ["a", "b", "c", "d", "e", "f", "g", "h"]
    add_collection(tmp_path, "c", *stems)
    numbers = [
        {"label": "accuracy, new people", "value": 0.9125},
        {"label": "broken", "value": None},
        {"label": "units", "value": "4 of 8"},
        "no object",
        {"label": "weight", "value": 0.46416},
        {"label": "images", "value": 640},
        {"label": "Share of maps", "value": 1.0},
        {"label": "one too many", "value": 1},
    ]
    for stem, number in reversed(list(zip(stems, numbers, strict=True))):
        answer = {"headline": "x", "details": "y", "number": number}
        files = {"answer.json": answer, "metrics.json": {"accuracy": 0.5}}
        add_run(tmp_path, f"c/{stem}", files=files)
    build(tmp_path)
    strip = read_page(tmp_path).select(".headline")
    assert [(item.dt.get_text(), item.dd.get_text()) for item in strip] == [
        ("accuracy, new people", f"91.2{NO_BREAK}%"),
        ("units", "4 of 8"),
        ("weight", "0.464"),
        ("images", "640"),
        ("Share of maps", f"100.0{NO_BREAK}%"),
    ]


@pytest.mark.parametrize(
    ("value", "label", "expected"),
    [
        (0.9125, "Balanced accuracy", f"91.2{NO_BREAK}%"),
        (1, "share", "1"),
        (1.5, "share", "1.5"),
        (0.9125, "correlation", "0.912"),
        (640, "images", "640"),
        ("3 of 4", "share", "3 of 4"),
    ],
)
def test_a_number_that_is_told_is_short(value, label, expected):
    assert format_told(value, label) == expected


def test_verdicts_are_a_table_and_hashes_no_tiles(tmp_path):
    metrics = {f"number_{index}": index for index in range(5)}
    metrics |= {"model_fingerprint": "beef", "accuracy": 0.5, "size_share": 0.25}
    metrics |= {"best": {"left": 1.0}, "repeats": [0.5, 0.25], "verdict": "seen"}
    verdicts = {"a": "confirmed", "b": "refuted", "c": "cannot decide"}
    files = {"metrics.json": {**metrics, "verdicts": verdicts}}
    add_run(tmp_path, "c/a", files=files)
    build(tmp_path)
    page = read_page(tmp_path, "c/a")
    rows = page.select(".verdicts tbody tr")
    assert [(row.th.get_text(), row.td.get_text()) for row in rows] == [
        ("prediction", "seen"),
        *verdicts.items(),
    ]
    assert [row.span["class"][1] for row in rows] == [
        f"verdict-{tone}" for tone in ("plain", "good", "bad", "open")
    ]
    tiles = [each.get_text(" ") for each in page.select(".metric")]
    assert tiles[:2] == ["number 0 0", "number 1 1"]
    assert len(tiles) == 6 and tiles[5] == f"accuracy 50{NO_BREAK}%"
    listed = [" ".join(e.stripped_strings) for e in page.select(".all-numbers dl div")]
    assert listed[5:] == [
        "model fingerprint beef",
        f"accuracy 50{NO_BREAK}%",
        f"size share 25{NO_BREAK}%",
        "best left 1",
        "repeats 0.5, 0.25",
    ]


def test_an_empty_parameter_is_the_default():
    assert format_value("") == format_value([]) == "default"
    assert format_value(None) == "none"
    assert format_value([1, 2]) == "1, 2"


def test_the_conclusion_says_which_run_it_is_about(site, tmp_path):
    note = read_page(site, "faces/one").select_one(".conclusion-note").get_text()
    assert note == ("Written about the committed run; this run's answer is at the top.")
    tags = {"tags": ["parameters"]}
    dataset = new_code_cell('dataset: str = "synthetic_faces"', metadata=tags)
    add_run(
        tmp_path,
        "c/a",
        notebook(dataset, new_markdown_cell("## Conclusion\n\nDone.")),
        parameters={"dataset": "cmu_faces"},
    )
    build(tmp_path)
    note = read_page(tmp_path, "c/a").select_one(".conclusion-note").get_text()
    assert note == (
        "Written about the committed run (drawn faces, quick profile); "
        "not about this one."
    )


def test_the_footer_claims_no_more_than_is_so(site):
    for page in site.rglob("index.html"):
        foot = BeautifulSoup(page.read_text(), "html.parser").footer.get_text()
        assert "Every number" not in foot
        assert "the conclusion was written about the committed one" in foot


def test_fingerprints_are_folded_below_the_figure(tmp_path):
    line = "shape 2x60x64x1, mean 0.4, standard deviation 0.2, total variation 0.1"
    mixed = f"{line}\n20 people\n"
    outputs = [
        new_output("stream", text=f"{line}\nconv_1: {line}\n"),
        picture(),
        new_output("stream", text=mixed),
    ]
    add_run(tmp_path, "c/a", notebook(new_code_cell("draw()", outputs=outputs)))
    build(tmp_path)
    cell = read_page(tmp_path, "c/a").select_one("section.cell")
    parts = cell.find_all(["figure", "pre", "details"], recursive=False)
    assert [part.name for part in parts] == ["details", "figure", "details", "pre"]
    assert parts[2].summary.get_text() == "Fingerprint of the figure"
    assert parts[2].pre.get_text() == f"{line}\nconv_1: {line}"
    assert parts[3].get_text().strip() == mixed.strip()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((910, 110), (178, 100)),  # 900 x 100, its left 16:9
        ((410, 1010), (400, 300)),  # 400 x 1000, its top 4:3
        ((210, 110), (200, 100)),
    ],
)
def test_the_thumbnail_of_a_long_sheet_is_cut_to_a_legible_part(size, expected):
    data = base64.b64decode(picture(*size).data["image/png"])
    with Image.open(io.BytesIO(make_thumbnail(data))) as image:
        assert image.size == expected


def test_attached_pictures_are_shown_in_every_form_and_others_are_told(tmp_path):
    shown = new_markdown_cell(
        "![one](attachment:a%20b.png) <img src='attachment:a b.png' alt='two'>\n\n"
        "![three](figures/c.png) ![four](attachment:d.png) ![five](e.svg)"
        " <img src='absent.png'> `attachment:x`"
    )
    data = base64.b64encode(b"PNG").decode()
    shown["attachments"] = {
        "a b.png": {"image/png": data},
        "figures/c.png": {"image/png": data},
        "e.svg": {"image/svg+xml": data},  # could hold scripts
    }
    add_run(tmp_path, "c/a", notebook(shown))
    build(tmp_path)
    page = read_page(tmp_path, "c/a")
    pictures = page.select("section.prose img")
    assert [each["alt"] for each in pictures] == ["one", "two", "three"]
    assert {each["src"] for each in pictures} == {f"data:image/png;base64,{data}"}
    assert "[picture not shown: four]" in page.get_text()
    assert "[picture not shown: five]" in page.get_text()
    assert "[picture not shown: absent.png]" in page.get_text()
    assert page.select_one("section.prose code").get_text() == "attachment:x"


def test_an_empty_folder_gives_a_page_that_says_what_to_do(tmp_path):
    page = build(tmp_path / "reports")
    assert page == (tmp_path / "reports/index.html").resolve()
    assert "make report" in read_page(tmp_path / "reports").get_text()


def test_runs_under_way_in_hidden_folders_are_not_listed(tmp_path):
    folder = add_run(tmp_path, "c/a")
    folder.rename(folder.with_name(f".tmp-{folder.name}-00000000"))
    build(tmp_path)
    assert read_page(tmp_path).select(".card") == []


def test_numbers_of_a_table_stand_flush_right(tmp_path):
    frame = pd.DataFrame({"kind": ["a", "b"], "r": [0.5, -1.0]}, index=["x", "y"])
    frame.index.name = "unit"
    cell = new_code_cell("t", outputs=[html_output(frame.to_html())])
    add_run(tmp_path, "c/a", notebook(cell))
    build(tmp_path)
    table = read_page(tmp_path, "c/a").table
    numbers = [cell.get_text() for cell in table.select(".number")]
    assert numbers == ["r", "0.5", "-1.0"]
    assert [cell.get_text() for cell in table.thead("th")] == ["unit", "kind", "r"]
    assert table.parent["class"] == ["table-scroll"]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="i")), [["i", "a"]]),
        (
            pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="i")).rename_axis(
                columns="c"
            ),
            [["i / c", "a"]],
        ),
        (
            pd.DataFrame({"i": [1], "j": [2], "a": [3]}).set_index(["i", "j"]),
            [["i", "j", "a"]],
        ),
        (
            pd.DataFrame([[1, 2]], columns=[["a", "b"], ["c", "d"]]),
            [["", "a", "b"], ["", "c", "d"]],
        ),
    ],
)
def test_names_of_a_table_index_stand_beside_those_of_the_columns(
    tmp_path, frame, expected
):
    cell = new_code_cell("t", outputs=[html_output(frame.to_html())])
    add_run(tmp_path, "c/a", notebook(cell))
    build(tmp_path)
    rows = read_page(tmp_path, "c/a").select("thead tr")
    assert [[cell.get_text() for cell in row("th")] for row in rows] == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.84, "0.8 s"),
        (41.2, "41 s"),
        (185, "3 min 5 s"),
        (3840, "1 h 4 min"),
        ("", ""),
    ],
)
def test_durations_are_short(seconds, expected):
    assert format_duration(seconds).replace(NO_BREAK, " ") == expected


def test_dates_and_numbers_read_well():
    moment = format_moment("2026-11-21T05:31:12+00:00").replace(NO_BREAK, " ")
    assert moment == "21 Nov 2026, 05:31 UTC"
    assert format_date("2026-11-21T05:31:12") == f"21{NO_BREAK}Nov{NO_BREAK}2026"
    assert format_date("yesterday") == "yesterday"
    assert format_number(48210) == "48\u202f210"
    assert format_number(0.98765) == "0.988"
    assert format_number(12345.6) == "12\u202f300"
    assert format_number(100.0) == "100"
    assert format_number(-0.5) == "−0.5"
    assert format_number(-2.0) == "−2"
    assert format_number(float("nan")) == "nan"
    assert format_number(0.713, "test_accuracy") == f"71.3{NO_BREAK}%"
    assert plain_name("a/b/my_net.keras") == "my net"


@pytest.mark.parametrize("text", ["1. first", "- first", "# first"])
def test_one_line_of_markdown_stays_one_line(text):
    assert inline_markdown(text) == text


def test_colors_of_text_reach_the_contrast_of_wcag_aa():
    style = (STATIC / "report.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    palette = {name: values for name, *values in pairs}
    texts = ("ink", "soft", "happy", "sad", "good", "bad", "code-comment")
    backgrounds = {"paper", "card", "sunk"}
    tinted = {each: backgrounds | {f"{each}-tint"} & set(palette) for each in texts}
    tinted["ink"] = tinted["soft"] = {name for name in palette if "tint" in name}
    tinted["ink"] = tinted["soft"] = tinted["ink"] | backgrounds
    for text, grounds in tinted.items():
        for ground in grounds:
            for mode in (0, 1):
                ratio = contrast(palette[text][mode], palette[ground][mode])
                assert ratio >= 4.5, (text, ground, mode, ratio)


def contrast(first, second):
    """The contrast ratio of WCAG 2.2."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in channels
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([luminance(first), luminance(second)])
    return (light + 0.05) / (dark + 0.05)
