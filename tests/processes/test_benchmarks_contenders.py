"""The contenders do the work that they are timed for; no test looks at a time."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from experiments.benchmarks.measures.benchmark import Benchmark
from experiments.benchmarks.measures.report import run_benchmark
from experiments.benchmarks.measures.tf_keras_vis_runner import TfKerasVis
from happymaps_cli.main import app


def test_tf_keras_vis_climbs_an_objective_of_its_own_for_each_map(
    dense_network, checkerboard
):
    board = 20 * checkerboard.ravel()
    model = dense_network(np.stack([board, -board], axis=1))
    starts = np.full((3, 8, 8, 1), 0.5, np.float32)
    images = TfKerasVis(model, "out").activation([0, 1, 0], starts, max_iter=5)
    assert images.shape == (3, 8, 8, 1)
    np.testing.assert_allclose(images[0, ..., 0], checkerboard > 0, atol=1e-5)
    np.testing.assert_allclose(images[1, ..., 0], checkerboard < 0, atol=1e-5)
    np.testing.assert_array_equal(images[0], images[2])


def test_file_of_another_kind_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.json"):
        run_benchmark("quick", tmp_path / "numbers.csv")


def test_command_tells_a_wrong_profile_without_a_traceback():
    result = CliRunner().invoke(app, ["benchmark", "--profile", "quik"])
    assert result.exit_code == 1
    assert "Did you mean 'quick'" in result.stderr
    assert "Traceback" not in result.stderr


def test_benchmark_prints_each_table_and_writes_all(tmp_path, monkeypatch, capsys):
    tables = {"ceilings": pd.Series({"rate": 2.5}), "growth": pd.DataFrame({"n": [1]})}
    monkeypatch.setattr(Benchmark, "tables", lambda self: iter(tables.items()))
    path = tmp_path / "new" / "numbers.json"
    run_benchmark("quick", path)
    written = json.loads(path.read_text())
    assert written["settings"]["profile"] == "quick"
    assert written["ceilings"] == {"rate": 2.5}
    assert written["growth"] == [{"n": 1}]
    assert capsys.readouterr().out.startswith("ceilings\nrate")
