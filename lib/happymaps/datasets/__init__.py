"""Labelled images: synthetic faces, CMU faces, or a folder of one's own."""

from happymaps.datasets.dataset import Dataset
from happymaps.datasets.drawn_clips import draw_clips
from happymaps.datasets.drawn_loops import draw_loops
from happymaps.datasets.loading import load_dataset, open_images
from happymaps.datasets.preprocessing import Preprocessing, make_preprocessing
from happymaps.datasets.saving import processed_folder, save_dataset
from happymaps.datasets.splitting import person_folds, split_dataset
from happymaps.datasets.synthetic_faces import generate_faces
from happymaps.datasets.videos import write_frames

__all__ = [
    "Dataset",
    "Preprocessing",
    "draw_clips",
    "draw_loops",
    "generate_faces",
    "load_dataset",
    "make_preprocessing",
    "open_images",
    "person_folds",
    "processed_folder",
    "save_dataset",
    "split_dataset",
    "write_frames",
]
