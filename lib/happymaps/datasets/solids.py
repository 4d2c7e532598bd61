"""Solid bodies as they are seen along z, without perspective.

Lengths are in head units (a head is about 2 high): x to the viewer's right, y up, z
towards the viewer. Arrays are float32 and broadcast to (images, height, width). A
`view` holds the positions `x` and `y` of the pixels and the direction of the `light`.
"""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation


class Frame(NamedTuple):
    """Where a rigid part is and how it is turned."""

    center: np.ndarray  # (images, 3)
    rotation: np.ndarray  # (images, 3, 3), own frame to view

    def local(self, view: SimpleNamespace, depth: np.ndarray) -> list[np.ndarray]:
        """Return x, y, z in the part's own frame of the points seen at `depth`."""
        cx, cy, cz = self.center.T[..., None, None]
        r = self.rotation[..., None, None]
        dx, dy, dz = view.x - cx, view.y - cy, depth - cz
        return [(r[:, 0, k] * dx + r[:, 1, k] * dy) + r[:, 2, k] * dz for k in range(3)]


class Solid(NamedTuple):
    """What is seen of a solid body."""

    inside: np.ndarray  # distance to the outline in head units, positive inside
    depth: np.ndarray  # z of the visible surface
    shade: np.ndarray  # cosine between normal and light, about -1 to 1

    def join(self, other: "Solid", softness: float, relief: float) -> "Solid":
        """Return the union, its seam rounded over `softness` head units.

        Where `other` is in front, it takes a part `relief` of the shading over.
        """
        ahead = other.depth - self.depth
        mix = np.clip(0.5 + ahead / (2 * softness), 0, 1)
        depth = self.depth + mix * (ahead + softness * (1 - mix))
        shade = self.shade + relief * mix * (other.shade - self.shade)
        return Solid(np.maximum(self.inside, other.inside), depth, shade)


def vector(num_images: int, components: tuple) -> np.ndarray:
    """Return `(images, 3)` from three numbers or arrays `(images, 1, 1)`."""
    parts = [np.broadcast_to(np.ravel(part), num_images) for part in components]
    return np.stack(parts, axis=-1).astype(np.float32)


def rotation_matrices(
    yaw: np.ndarray, pitch: np.ndarray, roll: np.ndarray
) -> np.ndarray:
    """Return pitch, then yaw, then roll in degrees as matrices `(images, 3, 3)`."""
    angles = np.stack([np.ravel(-pitch), np.ravel(yaw), np.ravel(roll)], axis=-1)
    matrices = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return matrices.astype(np.float32)


def ellipsoid(
    view: SimpleNamespace, frame: Frame, offset: tuple, radii: tuple, side: int = 1
) -> Solid:
    """Return an ellipsoid with center `offset` and `radii` along the axes of `frame`.

    `to_sphere` maps it onto the unit sphere, whose center the ray through a pixel then
    misses by m: m^2 is a quadratic form of the pixel's position, and the surface lies
    sqrt(1 - m^2) before the point of closest approach; behind it for `side` -1.
    """
    offset, radii = (vector(len(frame.center), v) for v in (offset, radii))
    to_sphere = frame.rotation.transpose(0, 2, 1) / radii[..., None]
    plane, ray = to_sphere[..., :2], to_sphere[..., 2:]
    length = np.sqrt((ray**2).sum((1, 2), keepdims=True))
    slope = -(ray.transpose(0, 2, 1) @ plane) / length**2
    miss = plane + ray @ slope
    form = (miss.transpose(0, 2, 1) @ miss)[..., None, None]
    normal = np.einsum("nji,nj->ni", frame.rotation, view.light) / radii
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    lit = np.einsum("nj,njk->nk", normal, to_sphere)[..., None, None]
    center = frame.center + np.einsum("nij,nj->ni", frame.rotation, offset)
    cx, cy, cz = center.T[..., None, None]
    dx, dy = view.x - cx, view.y - cy
    within = (1 - form[:, 0, 0] * dx * dx) - form[:, 1, 1] * dy * dy
    within -= (2 * form[:, 0, 1] * dx) * dy
    height = np.copysign(np.sqrt(np.abs(within)), within) * (side / length)
    height += slope[..., :1] * dx + slope[..., 1:] * dy
    shade = lit[:, 2] * height + (lit[:, 0] * dx + lit[:, 1] * dy)
    mean_radius = (0.5 * (radii[:, 0] + radii[:, 1]))[:, None, None]
    return Solid(0.5 * mean_radius * within, height + cz, shade)
