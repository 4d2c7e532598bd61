"""Open up Keras networks: what their neurons look for, and what is wrong with them."""

import importlib

# Its module has the same name, and would be found in its place.
from happymaps.sweepable import sweepable

# Loaded on first use, so that the command line and the notebooks that only read
# results do not wait for TensorFlow.
_HOMES = {
    "Adam": "optimizers",
    "Benchmark": "benchmarks.benchmark",
    "Blur": "transforms",
    "Dataset": "datasets",
    "Fourier": "parameterizations",
    "Jitter": "transforms",
    "LpNorm": "regularizers",
    "NormalizedGradient": "optimizers",
    "OriginalKerasVis": "benchmarks.original_keras_vis",
    "PATTERNS": "map_measures",
    "Pad": "transforms",
    "Penalty": "regularizers",
    "Pixels": "parameterizations",
    "RmsProp": "optimizers",
    "Rotate": "transforms",
    "Scale": "transforms",
    "Sharpness": "regularizers",
    "TotalVariation": "regularizers",
    "activation_name": "inspection",
    "build_cnn": "models",
    "channel": "objectives",
    "claims_table": "statistics",
    "classify_patterns": "map_measures",
    "color_factors": "parameterizations",
    "concentration": "map_measures",
    "contact_sheet": "plots",
    "convolution_layers": "inspection",
    "dense_layers": "inspection",
    "describe_images": "plots",
    "direction": "objectives",
    "diversity": "objectives",
    "evaluate": "training",
    "explore": "explorer",
    "fingerprint": "models",
    "generate_faces": "datasets",
    "high_frequency_share": "map_measures",
    "hold_inputs": "held_inputs",
    "interpolate": "objectives",
    "judge": "statistics",
    "kernels": "inspection",
    "layer": "objectives",
    "layer_objectives": "scoring",
    "layer_paths": "layers",
    "least_ratio": "benchmarks.timing",
    "line_chart": "plots",
    "load_dataset": "datasets",
    "load_model": "models",
    "logit": "objectives",
    "map_sheet": "plots",
    "maximize": "maximization",
    "mean_difference_interval": "statistics",
    "mean_interval": "statistics",
    "mean_similarity": "similarity",
    "median_ratio": "benchmarks.timing",
    "neuron": "objectives",
    "open_images": "study",
    "open_study": "study",
    "open_sweep": "store.opening",
    "output_layer": "inspection",
    "pairwise_similarity": "similarity",
    "person_folds": "datasets",
    "print_provenance": "provenance",
    "probabilities": "training",
    "processed_folder": "study",
    "proportion_interval": "statistics",
    "randomize_weights": "models",
    "recall": "store.recalling",
    "record_answer": "recording",
    "record_maps": "recording",
    "record_metrics": "recording",
    "save_dataset": "datasets",
    "save_film": "film",
    "save_model": "models",
    "score_images": "scoring",
    "share_claim": "statistics",
    "split_dataset": "datasets",
    "study_network": "study",
    "sweep": "maximization",
    "train": "training",
    "unit": "objectives",
    "value_claim": "statistics",
}
__all__ = [*_HOMES, "sweepable"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'happymaps' has no attribute {name!r}")
    return getattr(importlib.import_module(f"happymaps.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
