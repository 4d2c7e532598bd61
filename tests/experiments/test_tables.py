"""Experiments 3 and 6: the drawn table, and what is measured of it."""

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment3.measures import which_columns_matter as columns
from experiments.experiment6.measures import diffusion_or_k_fold as diffusion
from experiments.shared.drawn_table import KINDS, NAMES, draw_table


def test_the_drawn_table_is_what_it_says():
    table, answers = draw_table(20_000, 0)
    kinds = np.array(KINDS)
    assert table.shape == (20_000, 65) and NAMES[15] == "suppressor 1"
    assert 0.47 < answers.mean() < 0.52
    np.testing.assert_allclose(table.std(axis=0)[kinds == "null"], 1, atol=0.05)
    told = np.abs([np.corrcoef(column, answers)[0, 1] for column in table.T])
    assert told[:7].min() > 0.1 and told[kinds == "suppressor"].max() < 0.03
    assert np.corrcoef(table[:, 5], table[:, 15])[0, 1] == pytest.approx(
        0.5**0.5, abs=0.02
    )
    assert np.corrcoef(table[:, 0], table[:, 10])[0, 1] > 0.97


@pytest.mark.parametrize(("coupling", "ratio"), [(1, 0.381966), (2, 0.5), (6, 2 / 3)])
def test_the_ring_of_the_theory(coupling, ratio):
    far = diffusion.ring_influence(400, coupling)
    np.testing.assert_allclose(far[1:4] / far[:3], ratio, atol=1e-6)
    ten = (0.333985, 0.167481, 0.084718, 0.044314, 0.026067, 0.020854)
    np.testing.assert_allclose(diffusion.ring_influence(10, 2), ten, atol=1e-6)
    leak = 0.7 * np.cosh((5 - np.arange(6)) / 1.9)
    xi, error = diffusion.fit_cosh(leak, 10)
    assert xi == pytest.approx(1.9, abs=1e-3) and error < 1e-3


def test_a_ring_and_k_fold_are_measured_on_the_same_rows():
    options = {"num_rows": 200, "num_folds": 4, "epochs": 1, "seed": 3}
    ring = diffusion.measure_diffusion(**options)
    assert ring.leak.shape == (3,) and float(ring.gradients) == 1
    folds = diffusion.measure_k_fold(**options)
    assert float(folds.gradients) == 3 and 0.5 < float(folds.score) < 1.5
    assert folds.identical(diffusion.measure_k_fold(**options))


def test_columns_are_measured_again_alike_and_shuffled_answers_apart(monkeypatch):
    monkeypatch.setattr(columns, "NUM_ROWS", 300)
    monkeypatch.setattr(columns, "NUM_LEARNED", 200)
    options = {"num_repeats": 1, "num_fresh": 100, "seed": 3}
    monkeypatch.setitem(columns.TRAININGS["short"], "epochs", 1)
    found = columns.measure_columns(**options)
    assert found.identical(columns.measure_columns(**options))
    assert found.permutation.shape == found.refit.shape == (65,)
    assert found.pair.shape == (5,) and 0 <= float(found.auroc_refit) <= 1
    shuffled = columns.measure_columns(labels="shuffled", **options)
    told = (np.abs(each.correlation[:7]).mean() for each in (found, shuffled))
    assert next(told) > next(told)


def test_folds_of_faces_share_no_people_and_a_ring_learns_them():
    faces = {"faces": "synthetic_faces", "num_folds": 4, "epochs": 1, "seed": 3}
    images, labels, parts = diffusion._deal_people("synthetic_faces", 4, 3)
    assert len(images) == len(labels) == len(np.unique(np.concatenate(parts)))
    people = hm.load_dataset("synthetic_faces").metadata["person"].to_numpy()
    found = [set(people[part]) for part in parts]
    assert sum(map(len, found)) == len(set(people)) == len(set.union(*found))
    ring, folds = (
        diffusion.measure_diffusion(**faces),
        diffusion.measure_k_fold(**faces),
    )
    assert ring.profile.shape == (3,) and np.isnan(ring.leak).all()
    assert 0.5 < float(ring.far_score) < 3 and float(folds.score) < float(
        ring.far_score
    )
