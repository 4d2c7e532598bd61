"""A panel in the notebook: choose what to look at, and see its maps form."""

from happymaps.explorer.opening import explore
from happymaps.explorer.panel import Panel
from happymaps.explorer.settings import MapSettings

__all__ = ["MapSettings", "Panel", "explore"]
