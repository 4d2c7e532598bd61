"""Turn executed notebooks into a static site that opens from a folder, offline."""

from happymaps_runs.lean_imports import skip_url_grammar

skip_url_grammar()

from happymaps_pages.site import build_site  # noqa: E402 - after the line above

__all__ = ["build_site"]
