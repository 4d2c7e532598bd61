"""Painting a face from its parameters, back to front.

A head is a smooth union of ellipsoids; eyes, brows and mouth are functions of position
in the head's own frame, so that turning the head moves and foreshortens them as it
should. Each pixel's region is that of the last layer to cover more than half of it.

Units and axes are those of `solids`. A `p` holds the arrays that
`face_parameters.draw_parameters` gives, of shape (images, 1, 1), by name.
"""

from types import SimpleNamespace

import numpy as np

from happymaps.datasets.face_parameters import NUM_THINGS, THING
from happymaps.datasets.solids import (
    Frame,
    Solid,
    ellipsoid,
    rotation_matrices,
    vector,
)

REGIONS = ("background", "body", "face", "hair", "eyes", "mouth")
BACKGROUND, BODY, FACE, HAIR, EYE, MOUTH = range(len(REGIONS))


class _Canvas:
    """Painted back to front: tone in [0, 1] and region of each pixel."""

    def __init__(self, view: SimpleNamespace, tone: np.ndarray, region: int):
        self.view = view
        self.tone = tone
        self.region = np.full(tone.shape, region, np.uint8)

    def cover(self, inside: np.ndarray) -> np.ndarray:
        """Return how much of each pixel lies inside, from the distance to the edge."""
        cover = inside / self.view.pixel
        cover += 0.5
        return np.clip(cover, 0, 1, out=cover)

    def paint(
        self,
        cover: np.ndarray,
        tone: np.ndarray | float,
        region: int | np.ndarray | None = None,
    ) -> None:
        """Blend `tone` in; pixels more than half covered change region, if given."""
        self.tone += cover * (tone - self.tone)
        if region is not None:
            np.copyto(self.region, np.uint8(region), where=cover > 0.5)


def render_faces(
    p: SimpleNamespace, image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures of faces, without the camera's noise.

    Args:
        p: What each face is like, arrays of shape (images, 1, 1).
        image_size: Height and width in pixels.

    Returns:
        Tones, float32 that may exceed 1 a little, and indices into `REGIONS`, uint8;
        both of shape `(images, height, width)`.
    """
    view = _look(p, image_size)
    neck = vector(len(p.yaw), (0, -0.75, -0.3))
    rotation = rotation_matrices(p.yaw, p.pitch, p.roll)
    center = neck - np.einsum("nij,nj->ni", rotation, neck)
    head = Frame(center, rotation)
    hanging = Frame(center, rotation_matrices(p.yaw, 0.2 * p.pitch, 0 * p.roll))
    length = (p.head_width + 0.16, 1.25, 0.72)
    mane = ellipsoid(view, hanging, (0, -0.30, -0.25), length)
    canvas = _Canvas(view, _wall(p, view), BACKGROUND)
    _paint_back_hair(p, canvas, head, mane)
    _paint_body(p, canvas)
    skull = _paint_head(p, canvas, head)
    _paint_hair(p, canvas, head, skull)
    _paint_mane(p, canvas, hanging, mane, skull)
    return p.exposure * canvas.tone, canvas.region


def _look(p: SimpleNamespace, image_size: tuple[int, int]) -> SimpleNamespace:
    """Return pixel positions in head units, pixel size and direction of the light."""
    height, width = image_size
    unit = height / 4.1 * p.scale * p.seat_scale
    columns = np.arange(width, dtype=np.float32) - (width - 1) / 2
    rows = (height - 1) / 2 - np.arange(height, dtype=np.float32)
    light = vector(len(p.yaw), (p.light_x, p.light_y, 1))
    return SimpleNamespace(
        x=columns[None, None, :] / unit - p.seat_x - p.shift_x,
        y=rows[None, :, None] / unit - p.seat_y - p.shift_y - 0.25,
        pixel=p.blur / unit,
        light=light / np.linalg.norm(light, axis=1, keepdims=True),
    )


def _luminance(p: SimpleNamespace, solid: Solid) -> np.ndarray:
    """Return the light that a surface sends back, as a factor on its tone."""
    return p.ambient + (1.05 - p.ambient) * np.maximum(solid.shade, -0.2)


def _sheen(
    p: SimpleNamespace, solid: Solid, across: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """Return `_luminance` for hair: more contrast than skin, and strands."""
    strands = 1 + 0.12 * np.sin(4 * p.hair_waves * across + 2 * np.sin(4 * along))
    light = _luminance(p, solid)
    return (0.25 + 1.1 * light * light) * strands


def _wall(p: SimpleNamespace, view: SimpleNamespace) -> np.ndarray:
    """Return the room behind the person: a gradient with blurred things on it."""
    soft = 2.5 * view.pixel
    x, y = view.x - p.wall_shift, view.y
    tone = (p.wall + p.wall_tilt_x * x) + p.wall_tilt_y * y
    for thing in range(NUM_THINGS):
        cx, cy, w, h, change = (getattr(p, f"thing_{thing}_{k}") for k in THING)
        across = np.clip(0.5 + (w - np.abs(x - cx)) / soft, 0, 1)
        tone += (change * across) * np.clip(0.5 + (h - np.abs(y - cy)) / soft, 0, 1)
    return np.clip(tone, 0.03, 0.9, out=tone)


def _paint_back_hair(
    p: SimpleNamespace, canvas: _Canvas, head: Frame, mane: Solid
) -> None:
    """Paint the hair that is seen past the head and neck."""
    cover = canvas.cover(mane.inside) * (p.hair_long > 0)
    canvas.paint(cover, (0.8 * p.hair) * _sheen(p, mane, 0.0, 0.0), HAIR)
    cap = ellipsoid(canvas.view, head, *_cap(p), side=-1)
    hairy = canvas.cover(_hairline(p, *head.local(canvas.view, cap.depth)))
    canvas.paint(canvas.cover(cap.inside) * hairy, 0.6 * p.hair, HAIR)


def _paint_body(p: SimpleNamespace, canvas: _Canvas) -> None:
    """Paint neck, shoulders and clothes."""
    view, width = canvas.view, p.shoulder_width
    rotation = rotation_matrices(p.body_yaw, 0 * p.yaw, 0 * p.yaw)
    body = Frame(np.zeros((len(rotation), 3), np.float32), rotation)
    neck = ellipsoid(view, body, (0, -1.0, -0.25), (p.neck_width, 0.85, 0.45))
    chin_shadow = 0.6 + 0.8 * np.clip(-view.y - 1.0, 0, 0.4)
    tone = (p.skin * chin_shadow) * _luminance(p, neck)
    canvas.paint(canvas.cover(neck.inside), tone, BODY)
    chest = ellipsoid(view, body, (0, -2.55, -0.3), (width, 1.15, 0.75))
    slope = ellipsoid(view, body, (0, -1.75, -0.3), (0.6 * width, 0.5, 0.5))
    chest = chest.join(slope, softness=0.2, relief=1)
    x, y, _ = body.local(view, chest.depth)
    weave = np.sign(np.sin(9 * x)) + np.sign(np.sin(9 * y))
    cloth = p.cloth * (1 + np.maximum(p.cloth_pattern, 0) * weave)
    collar = canvas.cover(np.abs(x) - y - (0.3 * p.collar + 1.42))
    cover = canvas.cover(chest.inside) * collar
    canvas.paint(cover, cloth * _luminance(p, chest), BODY)


def _paint_head(p: SimpleNamespace, canvas: _Canvas, head: Frame) -> Solid:
    """Paint the head with its features, less the hair's volume; return its surface."""
    solid, view = None, canvas.view
    for offset, radii, softness, relief in (
        ((0, 0.22, -0.12), (p.head_width, 0.80, p.head_depth), 0, 1),
        ((0, -0.22, 0.15), (0.90 * p.head_width, p.face_length, 0.68), 0.15, 1),
        ((0, 0.12 - p.face_length, 0.28), (p.jaw_width, 0.36, 0.42), 0.15, 1),
        ((0, -0.16, 0.75), (p.nose_width, 0.30, p.nose_length), 0.10, 0.6),
        ((p.head_width, -0.05, -0.10), (0.09, 0.20, 0.14), 0.03, 0.5),
        ((-p.head_width, -0.05, -0.10), (0.09, 0.20, 0.14), 0.03, 0.5),
    ):
        part = ellipsoid(view, head, offset, radii)
        solid = solid.join(part, softness, relief) if solid else part
    cover = canvas.cover(solid.inside)
    skin = _Canvas(view, np.broadcast_to(p.skin, cover.shape).copy(), FACE)
    x, y, z = head.local(view, solid.depth)
    front = skin.cover(z - 0.25)
    skin.paint(skin.cover(_hairline(p, x, y, z)), 0.8 * p.hair, HAIR)
    _paint_beard_and_nostrils(p, skin, np.abs(x), y, front)
    _paint_mouth(p, skin, x, y, front)
    _paint_eyes(p, skin, np.abs(x) - p.eye_spacing, y - 0.05, front)
    _paint_sunglasses(p, skin, np.abs(x) - p.eye_spacing, y - 0.05, z)
    canvas.paint(cover, skin.tone * _luminance(p, solid), skin.region)
    return solid


def _hairline(
    p: SimpleNamespace, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Return the height of points of the head above its hairline."""
    fringe = 0.04 * np.sin(p.hair_waves * x) + p.hair_part * np.abs(x + p.hair_part)
    return y - p.hair_slope * z + (fringe - p.hair_level)


def _paint_beard_and_nostrils(
    p: SimpleNamespace,
    skin: _Canvas,
    side: np.ndarray,
    y: np.ndarray,
    front: np.ndarray,
) -> None:
    moustache = np.minimum(0.02 - np.abs(y + 0.47), 0.18 - side)
    beard = np.maximum(0.8 * side * side - (y + 0.55), moustache)
    density = np.sqrt(np.maximum(p.beard, 0))
    skin.paint(np.clip(0.5 + 6 * beard, 0, 1) * density, p.hair)
    nostril = 0.05 - _radius(side - 0.6 * p.nose_width, y + 0.41)
    skin.paint(0.7 * front * skin.cover(nostril), 0.25 * p.skin)


def _radius(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sqrt(x * x + y * y)  # np.hypot guards against overflow, ten times slower


def _paint_mouth(
    p: SimpleNamespace, skin: _Canvas, x: np.ndarray, y: np.ndarray, front: np.ndarray
) -> None:
    """Paint lips along a parabola, which curves up for a smile, and teeth."""
    along = np.square(x / (p.mouth_width * (1 + p.mouth_stretch)))
    across = np.abs(y + 0.60 - p.mouth_curve * (along - 0.4))
    bow = 1 - along
    lips = skin.cover((p.lip_thickness + p.mouth_open) * bow - across) * front
    skin.paint(lips, 0.62 * p.skin, MOUTH)
    skin.paint(skin.cover(0.018 * bow - across) * lips, 0.15)
    skin.paint(skin.cover((p.mouth_open - 0.01) * bow - across) * lips, 0.9)


def _paint_eyes(
    p: SimpleNamespace, skin: _Canvas, x: np.ndarray, y: np.ndarray, front: np.ndarray
) -> None:
    """Paint brows and eyes; x runs outwards and y up from the center of either eye."""
    socket = np.maximum(1 - np.square(x / 0.30) - np.square(y / 0.22), 0)
    skin.tone *= 1 - 0.35 * socket * front
    arch = p.brow_height + p.brow_lift + (p.brow_slope - 1.2 * x) * x
    brow = np.minimum(p.brow_thickness - np.abs(y - arch), 0.22 - np.abs(x))
    skin.paint(skin.cover(brow) * front, 0.6 * p.hair)
    lid = (p.eye_height * (1 - p.eye_squint)) * (1 - np.square(x / p.eye_width))
    opening = skin.cover(lid - np.abs(y)) * front
    radius = _radius(x, y)
    skin.paint(opening, 0.85, EYE)
    skin.paint(skin.cover(0.085 - radius) * opening, p.iris)
    skin.paint(skin.cover(0.035 - radius) * opening, 0.02)
    skin.paint(skin.cover(0.022 - np.abs(y - lid)) * front * (lid > 0), 0.12)


def _paint_sunglasses(
    p: SimpleNamespace, skin: _Canvas, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> None:
    """Paint lenses, and one band that is both the bridge and the arms."""
    wide, high = x / (0.28 * p.glasses_size), (y + 0.02) / (0.20 * p.glasses_size)
    lens = 1 - np.square(wide * wide) - np.square(high * high)
    band = np.minimum(0.035 - np.abs(y - 0.09), z + 0.05)
    glasses = np.maximum(np.minimum(0.05 * lens, z), band)
    sky = 0.07 + 0.4 * np.maximum(y, 0)
    skin.paint(skin.cover(glasses) * p.sunglasses, sky, EYE)


def _cap(p: SimpleNamespace) -> tuple[tuple, tuple]:
    """Return offset and radii of the solid that hair fills, around the skull."""
    rise = p.hair_volume
    return (0, 0.22, -0.12), (
        p.head_width + 0.8 * rise,
        0.8 + rise,
        p.head_depth + rise,
    )


def _paint_hair(p: SimpleNamespace, canvas: _Canvas, head: Frame, skull: Solid) -> None:
    """Paint the cap of hair above the hairline."""
    cap = ellipsoid(canvas.view, head, *_cap(p))
    x, y, z = head.local(canvas.view, cap.depth)
    cover = canvas.cover(cap.inside) * canvas.cover(_hairline(p, x, y, z))
    cover *= canvas.cover(cap.depth - skull.depth + 0.15)
    canvas.paint(cover, p.hair * _sheen(p, cap, np.abs(x), z), HAIR)


def _paint_mane(
    p: SimpleNamespace, canvas: _Canvas, hanging: Frame, mane: Solid, skull: Solid
) -> None:
    """Paint long hair beside the face: the back half of the mane, not over the neck."""
    x, _, z = hanging.local(canvas.view, mane.depth)
    strand = np.minimum(np.minimum(0.05 - z, np.abs(x) - 0.4), mane.depth - skull.depth)
    cover = canvas.cover(mane.inside) * canvas.cover(strand) * (p.hair_long > 0)
    canvas.paint(cover, p.hair * _sheen(p, mane, np.abs(x), z), HAIR)
