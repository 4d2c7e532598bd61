"""Turn executed notebooks into a static site that opens from a folder, offline."""

from happymaps.report.site import build_site

__all__ = ["build_site"]
