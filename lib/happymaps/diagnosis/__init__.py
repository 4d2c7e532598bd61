"""What is wrong with a network: from its accuracy to each of its units.

`diagnose.diagnose(model, dataset) -> Diagnosis`, plain data that a page is made from.
`units` says what kind of unit each one is, `behavior` what the network gets right and
what its decisions rest on, `marks` what it answers to that no image shows,
`outliers` which images are unlike those known, `advice` puts it in words; every number
that a sentence depends on is in `advice.thresholds`, `units.thresholds` or
`marks.judging`.
"""

from happymaps.base.namespaces import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    "happymaps.diagnosis",
    {"find_marks": "marks.finding", "find_outliers": "outliers"},
)
