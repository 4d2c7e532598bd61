"""What a sweep may run: the flat parameters of functions that take a source."""

import inspect
import re

import pytest
from places import ROOT

from happymaps.base.sweepable import Source, TrainedSource, sweepable
from happymaps_runs.store.functions import coerce_arguments, find_function

# Sweep files, notebooks and kept runs name these: another default is another result.
PARAMETERS = {
    "experiments.experiment7.measures.which_tool_finds_which_flaw:"
    "measure_flawed_network": (
        "dataset: str = 'synthetic_faces'; plant: str = 'clean'; seed: int = 0"
    ),
    "experiments.experiment7.measures.how_much_a_happymap_tells:measure_choices": (
        "dataset: str = 'synthetic_faces'; plant: str = 'clean'; seed: int = 0"
    ),
    "experiments.experiment7.measures.how_much_a_happymap_tells:measure_weights": (
        "dataset: str = 'synthetic_faces'; plant: str = 'clean'; seed: int = 0"
    ),
    "experiments.experiment7.measures.what_a_diagnosis_says:measure_diagnosis": (
        "dataset: str = 'synthetic_faces'; plant: str = 'clean'; seed: int = 0"
    ),
    "experiments.experiment7.measures.follow_the_page:measure_workflow": (
        "plant: str = 'mark'; seed: int = 0"
    ),
    "experiments.experiment7.measures.does_the_repair_help:measure_repair": (
        "dataset: str = 'synthetic_faces'; plant: str = 'mark'; seed: int = 0"
    ),
    "experiments.experiment2.measures.which_method_is_faithful:measure_faithfulness": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; methods: str = ''; num_images: int = 16; "
        "num_samples: int = 16; num_steps: int = 20; num_noises: int = 3; "
        "noise_radius: float = 0.02; lowest_pixel: float = 0.0; highest_pixel: float "
        "= 1.0; seed: int = 0"
    ),
    "experiments.experiment2.measures.attribution_first_pass:measure_regions": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; class_index: int = 1; methods: str = ''; "
        "num_images: int = 16; num_samples: int = 16; num_shown: int = 4; "
        "lowest_pixel: float = 0.0; highest_pixel: float = 1.0; seed: int = 0"
    ),
    "experiments.experiment2.measures.remove_and_retrain:measure_removal": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; method: str = 'gradient'; removed_share: float = 0.5; "
        "num_samples: int = 8; num_filters: int = 16; epochs: int = 20; seed: int = 0"
    ),
    "experiments.experiment2.measures.sanity_checks:measure_sanity": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; methods: str = ''; num_images: int = 16; "
        "num_samples: int = 16; whole_cascade: bool = True; label_epochs: int = 0; "
        "lowest_pixel: float = 0.0; highest_pixel: float = 1.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.diagnosis_of_units:diagnose_network": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; num_filters: int = 32; num_starts: int = 8; "
        "num_steps: int = 100; num_orders: int = 20; lowest_pixel: float = 0.0; "
        "highest_pixel: float = 1.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.visualization_with_a_prior:measure_looks": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'pose'; split: str = 'person'; num_networks: int = 2; num_starts: int = 2; "
        "num_steps: int = 100; num_components: int = 0; layer: str = 'conv2_3'; "
        "num_filters: int = 6; seed: int = 0"
    ),
    "experiments.experiment2.measures.marks:measure_marks": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; planted: bool = False; num_learned: int = 400; epochs: int = "
        "12; search: bool = False; seed: int = 0"
    ),
    "experiments.experiment1.measures.dead_starts:measure_dead_starts": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; lowest_pixel: float = 0.0; highest_pixel: float "
        "= 1.0; climbed: list[str] = []; num_units: int = 8; num_filters: int = 32; "
        "num_starts: int = 2; num_steps: int = 60; filter_tv_weight: float = 0.01; "
        "dense_tv_weight: float = 10.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.depth_and_width:measure_form": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; form: str = '32-32-64/64-64'; split: str = 'person'; "
        "num_folds: int = 5; num_starts: int = 4; num_units: int = 8; num_steps: int "
        "= 100; tv_weight: float = 10.0; filter_tv_weight: float = 0.01; seed: int = "
        "0"
    ),
    "experiments.experiment1.measures.four_poses:measure_poses": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'pose'; split: str = 'person'; num_folds: int = 5; num_starts: int = 0; "
        "num_steps: int = 100; tv_weight: float = 10.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.hidden_brightness:measure_control": (
        "height: int = 30; width: int = 32; num_steps: int = 60; tv_weight: float = "
        "0.01; seed: int = 0"
    ),
    "experiments.experiment1.measures.less_filters:measure_width": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; num_filters: int = 32; split: str = 'person'; num_folds: int "
        "= 5; fold: int = -1; num_starts: int = 0; num_steps: int = 100; tv_weight: "
        "float = 10.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.norm_weight:measure_norm_weights": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; num_layers: int = 5; num_units: int = 4; "
        "num_steps: int = 100; tv_weight: float = 0.0; weights_per_decade: int = 2; "
        "lowest_pixel: float = 0.0; highest_pixel: float = 1.0; seed: int = 0"
    ),
    "experiments.experiment1.measures.noise_or_texture:measure_repeats": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; lowest_pixel: float = 0.0; highest_pixel: float "
        "= 1.0; layers: list[str] = []; twins: list[str] = ['fresh', 'shuffled']; "
        "num_units: int = 4; num_starts: int = 3; num_steps: int = 60; "
        "filter_tv_weight: float = 0.01; dense_tv_weight: float = 10.0; shift: int = "
        "4; seed: int = 0"
    ),
    "experiments.experiment1.measures.softmax_or_linear:measure_output_maps": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; head: str = 'softmax'; tv_weight: float = 10.0; lp_weight: "
        "float = 10.0; num_steps: int = 100; seed: int = 0"
    ),
    "experiments.experiment1.measures.tv_weight_rule:measure_tv_weights": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; num_layers: int = 5; num_units: int = 4; "
        "num_starts: int = 2; num_steps: int = 100; weights_per_decade: int = 2; "
        "lowest_pixel: float = 0.0; highest_pixel: float = 1.0; seed: int = 0"
    ),
    "happymaps.maps.layer_maps:layer_maps": (
        "dataset: str = 'synthetic_faces'; model: str = ''; image_size: str = ''; "
        "target: str = 'facing_left'; layer: str = 'conv2d_1'; tv_weight: float = "
        "1.0; lp_weight: float = 10.0; sign: str = 'happy'; look: str = 'study'; "
        "num_units: int = 8; num_steps: int = 100; lowest_pixel: float = 0.0; "
        "highest_pixel: float = 1.0; network_seed: int = 0; seed: int = 0"
    ),
    "experiments.experiment0.measures.train_one_network:train_network": (
        "dataset: str = 'synthetic_faces'; image_size: str = ''; target: str = "
        "'facing_left'; num_filters: int = 32; num_dense_units: int = 64; split: str "
        "= 'person'; num_folds: int = 5; fold: int = 0; epochs: int = 20; patience: "
        "int = 5; data_seed: int = 0; seed: int = 0"
    ),
    "experiments.experiment3.measures.breast_cancer:measure_breast_cancer": (
        "num_repeats: int = 20; num_fits: int = 0; epochs: int = 40; seed: int = 0"
    ),
    "experiments.experiment3.measures.which_columns_matter:measure_columns": (
        "training: str = 'short'; labels: str = 'true'; num_repeats: int = 20; "
        "num_fresh: int = 20000; seed: int = 0"
    ),
    "experiments.experiment4.measures.frames_or_videos:measure_frames": (
        "rates: list[float] = [15.0, 1.0, 0.25]; clips_per_kind: int = 12; num_steps: "
        "int = 200; controls: bool = True; seed: int = 0"
    ),
    "experiments.experiment5.measures.deep_features:measure_features": (
        "dataset: str = 'synthetic_faces'; image_size: str = '96x96'; target: str"
        " = 'eyes'; num_learned: int = 128; num_images: int = 0; slow_heads: bool"
        " = False; scratch: bool = False; tuned: bool = False; seed: int = 0"
    ),
    "experiments.experiment5.measures.which_layer_transfers:measure_layers": (
        "dataset: str = 'synthetic_faces'; image_size: str = '96x96'; target: str"
        " = 'eyes'; num_learned: int = 128; num_images: int = 0; seed: int = 0"
    ),
    "experiments.experiment6.measures.diffusion_or_k_fold:measure_diffusion": (
        "coupling: float = 0.03; every: int = 1; num_rows: int = 3000; num_folds:"
        " int = 10; epochs: int = 24; weight_decay: float = 0.001; labels: str = "
        "'true'; faces: str = ''; seed: int = 0"
    ),
    "experiments.experiment6.measures.diffusion_or_k_fold:measure_k_fold": (
        "num_rows: int = 3000; num_folds: int = 10; epochs: int = 8; "
        "weight_decay: float = 0.001; labels: str = 'true'; faces: str = ''; seed: "
        "int = 0"
    ),
    "experiments.experiment6.measures.smooth_kernel_machine:measure_head": (
        "head: str = 'kernel_machine'; digits: str = 'mnist_5k'; num_learned: int"
        " = 0; epochs: float = 8.0; without_unseen: bool = False; "
        "num_features: int = 64; seed: int = 0"
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_function_takes_the_parameters_that_its_sweeps_and_notebooks_give(name):
    taken = inspect.signature(find_function(name)).parameters.values()
    assert sorted(map(str, taken)) == sorted(PARAMETERS[name].split("; "))
    assert {each.kind for each in taken} == {inspect.Parameter.KEYWORD_ONLY}
    assert set(coerce_arguments(name, {})) == {each.name for each in taken}


def test_parameters_of_all_sweepable_functions_are_pinned():
    found = {
        f"{'.'.join(path.relative_to(root).with_suffix('').parts)}:{name}"
        for root, folder in ((ROOT / "lib", "."), (ROOT, "experiments"))
        for path in (root / folder).rglob("*.py")
        for name in re.findall(r"@sweepable\ndef (\w+)", path.read_text())
    }
    assert found == set(PARAMETERS)


# -------------------------------------------------------------- a source that is spread


@sweepable
def look(*, source: Source, layer: str, seed: int = 5) -> tuple:
    """Return what was given."""
    return source, layer, seed


POSES = Source(target="pose")


@sweepable
def train(*, source: TrainedSource = POSES, units: int = 1) -> tuple:
    """Return what was given."""
    return source, units


def test_source_stands_for_its_fields_images_first_and_pixels_and_seeds_last():
    assert str(inspect.signature(look)) == (
        "(*, dataset: str = 'synthetic_faces', model: str = '', image_size: str = '', "
        "target: str = 'facing_left', layer: str, lowest_pixel: float = 0.0, "
        "highest_pixel: float = 1.0, seed: int = 5) -> tuple"
    )
    assert look.__name__ == "look"
    assert look.is_sweepable is True


def test_fields_that_are_named_alone_are_taken_with_the_defaults_of_the_function():
    assert str(inspect.signature(train)) == (
        "(*, dataset: str = 'synthetic_faces', image_size: str = '', "
        "target: str = 'pose', units: int = 1, seed: int = 0) -> tuple"
    )
    assert train() == (POSES, 1)
    assert train(seed=3, dataset="cmu_faces", units=2) == (
        Source(dataset="cmu_faces", target="pose", seed=3),
        2,
    )


def test_what_a_function_declares_itself_does_not_go_into_its_source():
    given = {"model": "a.keras", "highest_pixel": 255.0, "layer": "out", "seed": 7}
    source = Source(model="a.keras", highest_pixel=255.0)
    assert look(**given) == (source, "out", 7)
    assert source.arguments() == {
        "dataset": "synthetic_faces",
        "model": "a.keras",
        "image_size": "",
        "pixel_range": (0.0, 255.0),
        "target": "facing_left",
        "seed": 0,
    }


@pytest.mark.parametrize("name", ["source", "model", "lowest_pixel", "layr"])
def test_name_that_is_not_among_the_parameters_is_refused(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        train(**{name: Source()})
