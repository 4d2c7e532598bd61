"""keras-vis on Keras 3: the same modules, names, signatures and results.

A script written for `vis` works with `happymaps.keras_vis` in its place:

    from happymaps.keras_vis.visualization import visualize_activation

It behaves as the repository's last state, 0.5.0, does; `use("0.4.1")` selects the last
release on the package index, which normalizes gradients otherwise and colors its heat
maps. Where the original's behavior is a trap it is kept, and a `KerasVisTrap` warning
names the way around it, once per process.

Two things are Keras 3's: a Sequential network has `inputs[0]` and no `input`, and a
layer that stands in several networks has the output of its first call.

Source: Kotikalapudi et al. 2017, https://github.com/raghakot/keras-vis.
"""

from happymaps.keras_vis.releases import use
from happymaps.keras_vis.traps import KerasVisTrap

__all__ = ["KerasVisTrap", "use"]
