"""How much a benchmark measures: the quick profile, and the full one."""

import dataclasses

from happymaps.base.messages import unknown_name

_DECADES = tuple(10.0**exponent for exponent in range(-5, 4))


@dataclasses.dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured, and how often.

    Attributes:
        profile: `"quick"` (about a minute) or `"full"` (about a quarter of an hour).
        num_steps: Steps of a map; all times are given for so many.
        activation: As in `maximize`; `"post"` is the objective of keras-vis.
        layers: Of the study's network.
        channels: How many of each layer, evenly spread; None for all.
        tv_weights: Of the sweep, as in the study.
        rounds: How often the contenders take turns.
        slow_rounds: The same for growth and for large networks.
        keras_vis_calls: Maps of keras-vis in a round; it makes one per call.
        tf_keras_vis_batches: Batch sizes of tf-keras-vis to choose the best of.
        tf_keras_vis_steps: Steps that tf-keras-vis is timed for; fewer than `num_steps`
            are extrapolated, and the tables say so.
        single_layers: Layers for the time of a single map.
        score_layers: Layers for the time to the score of keras-vis.
        score_channels: Channels of each of them.
        map_counts: Numbers of maps, for growth.
        sizes: Heights and widths, for growth.
        step_counts: Numbers of steps, for growth.
        growth_steps: Steps of each call, where another quantity grows.
        diagnosis_factors: By which units, images and pixels of a diagnosis grow.
        profiled_layers: Layers of the study's network whose step is profiled.
        profiled_maps: Maps in the batch; of a larger network the first two.
        profiled_networks: The same of networks of `keras.applications`.
        memory_maps: Maps whose peak memory is measured; 0 for none.
        large_layers: Network of `keras.applications` to the layers looked at.
        large_maps: Maps in a call on these.
        large_steps: Steps that these are timed for, and extrapolated from.
    """

    profile: str
    num_steps: int = 200
    activation: str = "post"
    layers: tuple[str, ...] = ("conv2d_1", "conv2_2", "conv2_3", "dense_1", "dense_3")
    channels: int | None = None
    tv_weights: tuple[float, ...] = _DECADES
    rounds: int = 3
    slow_rounds: int = 2
    keras_vis_calls: int = 5
    tf_keras_vis_batches: tuple[int, ...] = (1, 8, 32)
    tf_keras_vis_steps: int = 50
    single_layers: tuple[str, ...] = layers
    score_layers: tuple[str, ...] = layers
    score_channels: int = 3
    map_counts: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096)
    sizes: tuple[tuple[int, int], ...] = ((30, 32), (60, 64), (120, 128), (240, 256))
    step_counts: tuple[int, ...] = (25, 50, 100, 200, 400, 800)
    growth_steps: int = 50
    diagnosis_factors: tuple[int, ...] = (1, 2, 4, 8, 16)
    profiled_layers: tuple[str, ...] = layers
    profiled_maps: int = 16
    profiled_networks: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("VGG16", ("block3_conv3",)),
        ("MobileNetV2", ("block_6_expand_relu",)),
    )
    memory_maps: int = 4096
    large_layers: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("VGG16", ("block1_conv2", "block3_conv3", "block5_conv3")),
        ("MobileNetV2", ("Conv1_relu", "block_6_expand_relu", "out_relu")),
    )
    large_maps: int = 16
    large_steps: int = 3


_PROFILES = {
    "quick": BenchmarkSettings(
        profile="quick",
        layers=("conv2d_1", "conv2_3", "dense_3"),
        channels=2,
        slow_rounds=1,
        keras_vis_calls=2,
        tf_keras_vis_batches=(32,),
        tf_keras_vis_steps=5,
        single_layers=("conv2_3",),
        score_layers=("conv2_3",),
        score_channels=1,
        map_counts=(1, 16, 64),
        sizes=((30, 32), (60, 64), (120, 128)),
        step_counts=(25, 50, 100),
        growth_steps=10,
        diagnosis_factors=(1, 4),
        profiled_layers=("conv2_3",),
        profiled_networks=(),
        memory_maps=0,
        large_layers=(("VGG16", ("block3_conv1",)),),
        large_maps=1,
        large_steps=2,
    ),
    "full": BenchmarkSettings(profile="full"),
}


def benchmark_settings(profile: str) -> BenchmarkSettings:
    """Return the settings of a profile, `"quick"` or `"full"`.

    Raises:
        ValueError: Another profile.
    """
    if profile not in _PROFILES:
        raise ValueError(unknown_name("profile", profile, _PROFILES))
    return _PROFILES[profile]
