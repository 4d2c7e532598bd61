"""One network's filters as a point of a sweep, with a network that was planted."""

import numpy as np
import pytest
from planted_networks import FILTERS, planted_filters

from experiments.experiment1.measures.diagnosis_of_units import diagnose_network
from happymaps.networks.models import save_model

KINDS = np.array([kind for *_, kind in FILTERS])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = save_model(planted_filters().model, tmp_path_factory.mktemp("m") / "p.keras")
    return diagnose_network(
        model=str(path), num_starts=2, num_steps=40, num_orders=3, seed=1
    )


def test_what_the_head_does_not_read_is_unused(found):
    expected = np.arange(len(FILTERS)) != KINDS.tolist().index("brightness")
    assert found.is_unused.values.tolist() == expected.tolist()


def test_bright_maps_of_planted_means_are_those_of_light_detectors(found):
    means = found.kernel_class.values == "mean"
    assert found.is_bright.values[means].all()
    assert found.is_light_detector.values[means].all()
    assert not found.is_light_detector.values[KINDS == "edge"].any()


def test_pruning_runs_from_all_filters_to_none(found):
    kept = found.kept_share.values
    np.testing.assert_allclose(kept, 1 - np.arange(18) / 17)
    assert found.accuracy_random.dims == ("order", "kept_share")
    curves = [found.accuracy_diagnosed, *found.accuracy_random]
    np.testing.assert_allclose([curve[0] for curve in curves], float(found.accuracy))
    assert len({float(curve[-1]) for curve in curves}) == 1


def test_one_filter_suffices_where_the_head_reads_one(found):
    # The one that matters raises the loss most, so it is the last by use.
    curve = found.accuracy_least_use.values
    np.testing.assert_allclose(curve[:-1], float(found.accuracy))


def test_numbers_without_dimensions_agree_with_those_of_the_units(found):
    alive = found.kind.values != "dead"
    assert int(found.num_filters_diagnosed) == len(FILTERS)
    # The only filter that is used has a flat map, of which no noise can be told.
    assert np.isnan(float(found.noise_auroc))
    static = found.high_frequency_share.values[alive]
    used = ~found.is_unused.values[alive]
    expected = np.mean(static[~used] > static[used])
    expected += np.mean(static[~used] == static[used]) / 2
    assert float(found.static_auroc) == pytest.approx(expected)
    assert 0 < float(found.kernel_map_kappa) <= 1


def test_every_number_has_a_meaning(found):
    numbers = [v for v in found.data_vars.values() if v.ndim == 0]
    assert all(value.attrs.get("long_name") for value in numbers)
