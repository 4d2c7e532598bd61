"""A page printed to PDF by a real Chromium, and what is said where there is none."""

import zlib

import pytest
from browser_cases import find_chromium
from diagnosis_cases import make_findings, make_pictures, make_units

from happymaps.diagnosis.diagnose import Diagnosis
from happymaps_cli.diagnose import _write
from happymaps_pages.printing import BROWSERS, print_page


@pytest.fixture
def with_browser(tmp_path, monkeypatch):
    """Let the machine's Chromium be found as `chromium`, wherever it lies."""
    path = find_chromium()
    if path is None:
        pytest.skip("NO BROWSER TESTS: no Chromium on this machine")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "chromium").symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")


def test_a_diagnosis_is_printed_with_its_maps(tmp_path, with_browser):
    findings = make_findings()
    found = Diagnosis(findings, make_units(), make_pictures(findings=findings))
    assert _write(found, ("net", "mine"), tmp_path / "page", pdf=True) == ""
    pdf = (tmp_path / "page" / "diagnosis.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    assert 3 <= pdf.count(b"/Type /Page\n") <= 12
    # A map of 16 x 12 pixels for each of the 27 that the page has, none of them blank.
    maps = [part for part in images_of(pdf) if part[:2] == (16, 12)]
    assert len(maps) >= 27
    assert all(len(set(pixels)) > 20 for *_, pixels in maps)


def images_of(pdf: bytes):
    """Yield width, height and bytes of each compressed picture in a PDF."""
    for part in pdf.split(b"/Subtype /Image")[1:]:
        head, _, rest = part.partition(b"stream\n")
        fields = dict(zip(head.split()[::2], head.split()[1::2], strict=False))
        size = int(fields.get(b"/Width", 0)), int(fields.get(b"/Height", 0))
        if b"/FlateDecode" in head:
            yield *size, zlib.decompressobj().decompress(rest)


def test_without_a_browser_it_says_so_and_how_to(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = print_page(tmp_path / "index.html", tmp_path / "page.pdf")
    assert said.startswith("No PDF was made: there is no browser to print it. Install")
    assert all(name in said for name in BROWSERS)
    assert not (tmp_path / "page.pdf").exists()


def test_a_browser_that_fails_is_told(tmp_path, monkeypatch):
    (tmp_path / "chromium").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = print_page(tmp_path / "index.html", tmp_path / "page.pdf")
    assert "exit status 3" in said and said.startswith("No PDF was made")
