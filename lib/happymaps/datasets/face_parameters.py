"""What a drawn face is made of: ranges to draw from, and one draw per image."""

import numpy as np

from happymaps.datasets.faces import POSES

# What makes a person: uniform between two bounds. Angles are in degrees, tones in
# [0, 1]; `turn_*` is how far this person turns when asked to look that way.
PERSON = {
    "turn_left": (30, 62),
    "turn_right": (30, 62),
    "turn_up": (20, 38),
    "turn_straight": (-6, 6),
    "head_width": (0.66, 0.82),
    "head_depth": (0.84, 0.98),
    "face_length": (0.78, 0.92),
    "jaw_width": (0.34, 0.55),
    "nose_width": (0.10, 0.15),
    "nose_length": (0.17, 0.28),
    "skin": (0.42, 0.80),
    "hair": (0.04, 0.34),
    "hair_volume": (0.04, 0.20),
    "hair_level": (0.10, 0.52),
    "hair_slope": (0.45, 0.80),
    "hair_part": (-0.40, 0.40),
    "hair_long": (-2.0, 1.0),
    "hair_waves": (5, 14),
    "beard": (-2.4, 0.9),
    "eye_spacing": (0.27, 0.35),
    "eye_width": (0.14, 0.19),
    "eye_height": (0.055, 0.085),
    "iris": (0.04, 0.35),
    "brow_thickness": (0.025, 0.065),
    "brow_height": (0.20, 0.28),
    "mouth_width": (0.23, 0.32),
    "lip_thickness": (0.045, 0.085),
    "expressiveness": (0.6, 1.2),
    "glasses_size": (0.85, 1.15),
    "neck_width": (0.42, 0.54),
    "shoulder_width": (1.5, 2.0),
    "cloth": (0.10, 0.85),
    "cloth_pattern": (-0.25, 0.25),
    "collar": (0.0, 0.45),
    "seat_x": (-0.45, 0.45),
    "seat_y": (-0.15, 0.10),
    "seat_scale": (0.85, 1.15),
    "wall": (0.12, 0.62),
    "wall_tilt_x": (-0.08, 0.08),
    "wall_tilt_y": (-0.08, 0.08),
}
# Things on the wall behind a person: centers, half sizes and tones.
THING = {"x": (-2.6, 2.6), "y": (-2.0, 2.2), "w": (0.10, 0.65), "h": (0.10, 0.65)}
THING |= {"tone": (-0.22, 0.30)}
NUM_THINGS = 6
PERSON |= {f"thing_{i}_{k}": v for i in range(NUM_THINGS) for k, v in THING.items()}

# What changes from one photograph to the next.
NUISANCE = {
    "yaw": (-5, 5),
    "pitch": (-6, 6),
    "roll": (-5, 5),
    "body_yaw": (-10, 10),
    "shift_x": (-0.15, 0.15),
    "shift_y": (-0.10, 0.10),
    "scale": (0.95, 1.05),
    "wall_shift": (-0.10, 0.10),
    "light_x": (-0.9, 0.9),
    "light_y": (-0.1, 1.0),
    "ambient": (0.25, 0.55),
    "exposure": (0.85, 1.15),
    "blur": (1.0, 1.7),
    "noise": (0.008, 0.022),
}
# One value per entry of EXPRESSIONS: neutral, happy, sad, angry.
FACIAL = {
    "mouth_curve": (0.0, 0.16, -0.13, -0.04),
    "mouth_stretch": (0.0, 0.30, -0.08, -0.12),
    "mouth_open": (0.0, 0.075, 0.0, 0.0),
    "brow_slope": (0.0, -0.08, -0.45, 0.55),
    "brow_lift": (0.0, 0.03, 0.03, -0.08),
    "eye_squint": (0.0, 0.20, 0.15, 0.30),
}


def _uniform(ranges: dict, keys: np.ndarray, seed: int, kind: int) -> dict:
    """Return one value per key and range, a function of seed, kind and key only."""
    draws = [
        np.random.default_rng([seed, kind, *key]).random(len(ranges)) for key in keys
    ]
    low, high = np.array(list(ranges.values()), float).T
    values = low + (high - low) * np.array(draws)
    return dict(zip(ranges, values.T.astype(np.float32), strict=True))


def draw_parameters(design: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return what `render_faces` needs: name to float32 array of shape (images,).

    Args:
        design: Person, pose, expression, eyes and repeat of each image, as indices,
            shape (images, 5). An image's numbers depend on its own row only.
        seed: Of the population.
    """
    people, index = np.unique(design[:, 0], return_inverse=True)
    person = _uniform(PERSON, people[:, None], seed, kind=1)
    values = {name: value[index] for name, value in person.items()}
    drawn = _uniform(NUISANCE, design, seed, kind=2)
    strength = values["expressiveness"]
    for name, levels in FACIAL.items():
        values[name] = strength * np.float32(levels)[design[:, 2]]
    left, right, up = (design[:, 1] == POSES.index(p) for p in ("left", "right", "up"))
    turn = np.where(left, values["turn_left"], -values["turn_right"])
    drawn["yaw"] += np.where(left | right, turn, values["turn_straight"])
    drawn["pitch"] += up * values["turn_up"]
    drawn["body_yaw"] += 0.35 * drawn["yaw"]
    values["sunglasses"] = design[:, 3].astype(np.float32)
    return values | drawn
