"""What experiment 2 measures of one network, on a tiny one that is brought along."""

import dataclasses

import numpy as np
import pytest

import happymaps as hm
from experiments.experiment2.measures.attribution_first_pass import measure_regions
from experiments.experiment2.measures.explained_images import (
    ellipse_overlap,
    head_ellipse,
    head_masks,
    method_names,
    open_point,
    overlap,
    to_heatmap,
)
from experiments.experiment2.measures.remove_and_retrain import measure_removal
from experiments.experiment2.measures.sanity_checks import measure_sanity
from experiments.experiment2.measures.which_method_is_faithful import (
    measure_faithfulness,
)
from happymaps.base.sweepable import Source
from happymaps.datasets import load_dataset
from happymaps.networks.models import build_cnn, save_model
from happymaps_runs.store.functions import function_parameters

METHODS = "gradient,grad_cam"
FEW = {"methods": METHODS, "num_images": 4, "num_samples": 2}
REGIONS = ["face", "hair", "eyes", "mouth", "body", "background"]


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    network = build_cnn((16, 18, 1), 2, filters=(2,), dense_units=(3,), seed=4)
    return str(save_model(network, tmp_path_factory.mktemp("networks") / "tiny.keras"))


@pytest.fixture(scope="module")
def point(brought):
    return open_point(Source(model=brought), num_images=6)


@pytest.fixture(scope="module")
def regions(brought):
    return measure_regions(model=brought, **FEW, num_shown=2)


@pytest.fixture(scope="module")
def sanity(brought):
    return measure_sanity(model=brought, **FEW)


@pytest.fixture(scope="module")
def faithful(brought):
    return measure_faithfulness(model=brought, **FEW, num_steps=4, num_noises=1)


# ------------------------------------------------------------------- the shared parts


def test_images_are_as_many_of_each_class_and_spread(point):
    assert point.chosen.class_counts().tolist() == [3, 3]
    assert len(set(point.chosen.metadata["file"])) == 6
    assert point.baseline == pytest.approx(float(point.study.learned.images.mean()))


def test_images_of_one_class_alone(brought):
    found = open_point(Source(model=brought), num_images=5, class_index=1)
    assert found.chosen.labels.tolist() == [1] * 5
    with pytest.raises(ValueError, match="class_index one of 0 to 1"):
        open_point(Source(model=brought), num_images=5, class_index=2)


def test_pixel_range_scales_the_images(brought, point):
    scaled = open_point(Source(model=brought, highest_pixel=255.0), num_images=6)
    assert scaled.chosen.images == pytest.approx(255 * point.chosen.images, rel=1e-5)


def test_names_of_methods_are_checked_and_all_of_an_empty_text():
    assert method_names(" grad_cam, gradient") == ["grad_cam", "gradient"]
    assert method_names("") == list(hm.attribution.all_methods())
    with pytest.raises(ValueError, match="gradient"):
        method_names("gradeint")
    with pytest.raises(ValueError, match="grad_cam"):
        measure_removal(method="grad_cm")


def test_heat_map_is_absolute_where_the_sign_means_nothing():
    values = np.array([[[[1.0, -3.0]]]])
    assert to_heatmap(values, "gradient").tolist() == [[[4]]]
    assert to_heatmap(values, "occlusion").tolist() == [[[-2]]]


def test_head_and_features_are_put_together_of_the_exact_masks(point):
    masks = head_masks(point.chosen)
    parts = point.chosen.masks
    assert (masks["features"] == (parts["eyes"] | parts["mouth"])).all()
    assert (masks["head"] == ~(parts["body"] | parts["background"])).all()


def test_ellipse_covers_its_area_and_stands_for_drawn_heads():
    ellipse = head_ellipse((300, 320))
    assert ellipse.mean() == pytest.approx(np.pi * 0.3 * 0.2, abs=1e-3)
    faces = load_dataset("synthetic_faces", image_size=(30, 32), num_images=64)
    found = ellipse_overlap(faces)
    assert found == overlap(head_masks(faces)["head"], head_ellipse((30, 32))[None])
    assert 0.5 < found < 1


def test_photographs_of_cmu_have_an_ellipse_and_other_images_nothing(point):
    bare = dataclasses.replace(point.chosen, masks={}, name="cmu_faces")
    masks = head_masks(bare)
    assert list(masks) == ["head", "outside"]
    assert (masks["outside"] == ~masks["head"]).all()
    assert 0.4 < ellipse_overlap(bare) < 1
    assert head_masks(dataclasses.replace(bare, name="folder:mine")) == {}


def test_overlap_is_intersection_over_union():
    first = np.array([[[True, True, False]]])
    assert overlap(first, np.array([[[False, True, True]]])) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "name",
    ["attribution_first_pass:measure_regions", "sanity_checks:measure_sanity",
     "remove_and_retrain:measure_removal",
     "which_method_is_faithful:measure_faithfulness"],
)  # fmt: skip
def test_function_can_be_swept(name):
    assert "seed" in function_parameters(f"experiments.experiment2.measures.{name}")


# ------------------------------------------------------------------- regions


def test_regions_share_out_image_and_relevance(regions):
    assert float(regions["area"].sel(region=REGIONS).sum()) == pytest.approx(1)
    assert float(regions["feature_density"]) == pytest.approx(
        regions["density"].values[:2, regions.region.values.tolist().index("features")]
        .mean()
    )  # fmt: skip


def test_controls_do_not_know_the_network(regions):
    for name in ("edges", "random"):
        row = {"attribution": name}
        assert regions["density"].sel(row).equals(regions["shuffled_density"].sel(row))
    assert float(regions["edge_similarity"][-2]) == pytest.approx(1)


def test_maps_are_those_of_the_method(regions, brought):
    network = hm.load_model(brought)
    images = regions["image"].values
    expected = np.abs(
        hm.attribution.gradient(network, hm.logit(1), images).values[..., 0]
    )
    assert regions["heatmap"].values[0] == pytest.approx(expected, rel=1e-5)


# ------------------------------------------------------------------- sanity


def test_cascade_runs_through_all_layers_and_decides_at_the_dense_ones(sanity):
    assert sanity.unlearned.values.tolist() == ["dense_2", "dense_1", "conv2d_1"]
    assert sanity.attrs["decision"] == "dense_1"
    assert np.isnan(sanity["label_accuracy"])


def test_edges_stay_alike_whatever_is_unlearned(sanity):
    edges = sanity["similarity"].sel({"attribution": "edges"})
    assert edges.values == pytest.approx(1)
    assert (sanity["similarity"].sel({"attribution": "gradient"}) < 0.999).all()


def test_cascade_can_stop_at_two_places_only(sanity, brought):
    found = measure_sanity(model=brought, **FEW, whole_cascade=False)
    assert found.unlearned.values.tolist() == ["dense_1", "conv2d_1"]
    places = {"unlearned": found.unlearned.values}
    same = sanity["similarity"].sel(places)
    assert found["similarity"].values == pytest.approx(same.values, rel=1e-5)


# ------------------------------------------------------------------- faithfulness


def test_random_control_depends_on_nothing(faithful):
    row = faithful["value"].sel({"attribution": "random"})
    assert float(row.sel(measure="unlearned")) == pytest.approx(1)
    assert float(row.sel(measure="instability")) == 0


def test_area_of_the_mean_curve_is_the_mean_area(faithful):
    curves = faithful["curve"]
    for direction in ("deletion", "insertion"):
        areas = np.trapezoid(
            curves.sel(direction=direction), faithful["share"].values, axis=1
        )
        found = faithful["value"].sel(measure=direction).values
        assert found == pytest.approx(areas)


def test_unlearned_maps_are_those_of_the_sanity_check(faithful, sanity):
    here = faithful["value"].sel(measure="unlearned").values[:2]
    place = {"unlearned": "dense_1", "kind": "absolute_rank"}
    assert here == pytest.approx(sanity["similarity"].sel(place).values[:2], rel=1e-5)


def test_head_area_is_that_of_the_images(faithful, brought):
    chosen = open_point(Source(model=brought), num_images=4).chosen
    area = head_masks(chosen)["head"].mean()
    assert float(faithful["head_area"]) == pytest.approx(area)
