"""A whole examination of a classifier, from its accuracy to each of its units.

`examine.examine(model, dataset) -> Examination`, plain data that a report is made from.
Each module measures one thing; `thresholds` holds every number that a sentence or a
recommendation depends on.
"""
