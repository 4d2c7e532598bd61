"""Imports without what they would load for nothing."""

import sys


def skip_url_grammar() -> None:
    """Let jsonschema do without its grammar of URLs; call it before nbformat is loaded.

    It would build the grammar for seconds, to check nothing that is in a notebook, and
    it does without where the module is missing.
    """
    sys.modules.setdefault("rfc3987_syntax", None)
