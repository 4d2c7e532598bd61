"""Labelled images: synthetic faces, CMU faces, or a folder of one's own."""

from happymaps.datasets.dataset import Dataset
from happymaps.datasets.loading import load_dataset
from happymaps.datasets.saving import save_dataset
from happymaps.datasets.splitting import person_folds, split_dataset
from happymaps.datasets.synthetic_faces import generate_faces

__all__ = [
    "Dataset",
    "generate_faces",
    "load_dataset",
    "open_images",
    "person_folds",
    "processed_folder",
    "save_dataset",
    "split_dataset",
]


def __getattr__(name: str):
    if name in ("open_images", "processed_folder"):
        import importlib

        return getattr(importlib.import_module("happymaps.networks.study"), name)
    raise AttributeError(f"module 'happymaps.datasets' has no attribute {name!r}")
