"""Open, inspect, build and train a Keras network; a network with its images."""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.networks",
    {
        "activation_name": "inspection",
        "build_cnn": "models",
        "choose_outputs": "chosen_outputs",
        "efficientnet_lite0": "pretrained",
        "evaluate": "training",
        "fingerprint": "models",
        "hold_inputs": "held_inputs",
        "include_preprocessing": "fed",
        "probabilities": "training",
        "randomize_weights": "models",
        "state_outputs": "outputs",
        "save_model": "models",
        "smooth_hinge": "kernel_machine",
        "study_network": "study",
        "train": "training",
    },
)
