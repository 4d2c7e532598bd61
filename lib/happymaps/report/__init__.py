"""Turn executed notebooks into a static site that opens from a folder, offline."""

from happymaps.lean_imports import skip_url_grammar

skip_url_grammar()

from happymaps.report.site import build_site  # noqa: E402 - after the line above

__all__ = ["build_site"]
