"""The comparison of notebook outputs: which differences count."""

import platform
import re
import shutil

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns
from numpy._core._multiarray_umath import __cpu_dispatch__
from places import TESTS

from happymaps_runs.nbval_tolerance import TolerantText, same_output
from happymaps_runs.portable import AVX2, PLANTED, plant_error, run_setting

SANITIZER = TESTS / "nbval_sanitize.cfg"


@pytest.mark.parametrize(
    ("reference", "received"),
    [
        ("accuracy 0.9312", "accuracy 0.9412"),
        ("loss -12.25", "loss -12.30"),
        ("loss 1.300e-05", "loss 1.310e-05"),
        ("noise 3.1e-12", "noise -2.7e-13"),
        ("noise 0.0", "noise 1e-16"),
        ("gain 93%", "gain 94%"),
        ("gain 12.34%", "gain 12.50%"),
        # One unit of the last place: 0.1049 and 0.1051 print like this.
        ("loss 0.10", "loss 0.11"),
        ("loss 1.2e-05", "loss 1.3e-05"),
        ("change 0.001", "change -0.001"),
        ("change −0.500", "change -0.501"),
        # A digit more moves the columns.
        ("a   9.99\nb  10.00\n-------", "a  10.00\nb  10.00\n--------"),
        ("[ 0.001 -0.500]", "[-0.001 -0.500]"),
        ("<td>0.931</td>\n  <td>2</td>", "<td>0.932</td> <td>2</td>"),
        ("nan and inf", "nan and inf"),
    ],
)
def test_near_numbers_are_the_same(reference, received):
    assert same_output(reference, received)
    assert same_output(received, reference)


@pytest.mark.parametrize(
    ("reference", "received"),
    [
        ("accuracy 0.931", "accuracy 0.961"),
        ("accuracy 0.931", "score 0.931"),
        ("loss -12.25", "loss 12.25"),
        ("loss 1.30e-05", "loss 1.40e-05"),
        ("weight 1e-05", "weight 2e-05"),
        ("weight 0.1", "weight 0.2"),
        ("value 0.", "value 1."),
        ("gain 5%", "gain 6%"),
        ("640 images", "641 images"),
        ("shape (640, 60, 64)", "shape (640, 60, 65)"),
        ("conv2d_1", "conv2d_2"),
        ("0.5 0.6", "0.5"),
        ("0.5", "nan"),
        ("[0.5 0.6]", "[0.5, 0.6]"),
        ("happy", "sad"),
    ],
)
def test_other_differences_count(reference, received):
    assert not same_output(reference, received)
    assert not same_output(received, reference)


def test_a_tolerant_text_compares_with_any_text():
    assert TolerantText("0.500") == "0.501"
    assert TolerantText("0.500") != "0.600"
    assert TolerantText("1") != 1


def sanitize(text: str) -> str:
    for regex, replacement in dict(
        get_sanitize_patterns(SANITIZER.read_text())
    ).items():
        text = re.sub(regex, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<object at 0x7f12ab34cd56>", "<object at 0x7f00aa00cd00>"),
        ("/tmp/ipykernel_123/456.py:3: W", "/tmp/ipykernel_9/78.py:3: W"),
        ("to /tmp/tmpab12/x.png now", "to /tmp/tmpzz/x.png now"),
        ("/home/me/maps/data/raw/a.pgm", "/srv/maps2/data/raw/a.pgm"),
        ("took 12.3 s", "took 9.87 s"),
        ("313/313 ━━━━━━━━━━ 1s 2ms/step - loss: 0.5\n", ""),
        (" 50%|█████     | 5/10 [00:01<00:01,  4.6it/s]\r", ""),
        ("on 2026-11-21T05:50:53+00:00", "on 2027-01-02T03:04:05+00:00"),
        ("commit 8e69cc2ce620", "commit 0123456789ab"),
        ("tensorflow 2.21.0", "tensorflow 2.22.1"),
        ('"keras": "3.15.1"', '"keras": "3.16.0"'),
        (
            "2026-11-21 05:50:53.1 I tensorflow/core/util/port.cc:153] oneDNN custom "
            "operations are on.\n",
            "",
        ),
    ],
)
def test_what_differs_from_run_to_run_is_sanitized(one, other):
    assert sanitize(one) == sanitize(other)


@pytest.mark.parametrize(
    "text",
    [
        "accuracy 0.931 of 640 images, 4 sad",
        "shape (640, 60, 64)",
        "step 10 of 200: score 12.5",
        "fingerprint 4ead8f0123456789",
        "conv2d_1  12  0.5\nmax  1.0\nmin  0.1",
        "tv_weight  0.01   score",
    ],
)
def test_results_are_not_sanitized_away(text):
    assert sanitize(text) == text


def test_nbval_passes_near_numbers_and_fails_far_ones(tmp_path, monkeypatch, capsys):
    for name, score in {"near": "0.505", "far": "0.900"}.items():
        path = tmp_path / f"{name}.ipynb"
        shutil.copy(TESTS / "notebooks" / "print_numbers_executed.ipynb", path)
        text = path.read_text()
        assert text.count("0.50") == 2  # in the text and in the HTML of the table
        path.write_text(text.replace("0.50", score))
    # As from the repository's root, where the options and the comparison are set.
    shutil.copy(TESTS.parent / "conftest.py", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(SANITIZER, tmp_path / "tests")
    monkeypatch.chdir(tmp_path)
    failed = run_setting("own-onednn0-threads1", ["near.ipynb", "far.ipynb"])
    assert failed == ["far.ipynb::Cell 2"]
    assert "own-onednn0-threads1: 1 failed, 5 passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("notebook", "old", "new"),
    [(name, *error) for name, errors in PLANTED.items() for error in errors],
)
def test_planted_error_changes_one_line_and_no_output(tmp_path, notebook, old, new):
    before = nbformat.read(TESTS.parent / notebook, 4)
    after = nbformat.read(plant_error(notebook, old, new, tmp_path), 4)
    pairs = list(zip(before.cells, after.cells, strict=True))
    (changed,) = [pair for pair in pairs if pair[0].source != pair[1].source]
    assert changed[1].source == changed[0].source.replace(old, new)
    assert all(one.get("outputs") == two.get("outputs") for one, two in pairs)


def test_planted_error_in_a_line_that_is_not_there_is_refused(tmp_path):
    notebook = "notebooks/01_make_a_first_map.ipynb"
    with pytest.raises(ValueError, match=r"Expected 'tv_wait' once in notebooks/01"):
        plant_error(notebook, "tv_wait", "x", tmp_path)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX is of x86_64 alone")
def test_avx2_disables_all_that_numpy_has_above_it():
    # NumPy only warns of names that it does not know.
    disabled = AVX2["NPY_DISABLE_CPU_FEATURES"].split()
    assert disabled == [name for name in __cpu_dispatch__ if name != "X86_V3"]


def test_the_sanitizer_holds_only_pairs_that_nbval_reads():
    lines = SANITIZER.read_text().splitlines()
    regexes = sum(line.startswith("regex:") for line in lines)
    pairs = get_sanitize_patterns(SANITIZER.read_text())
    assert len(pairs) == len(dict(pairs)) == regexes
