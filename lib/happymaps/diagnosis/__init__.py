"""What is wrong with a network: from its accuracy to each of its units.

`diagnose.diagnose(model, dataset) -> Diagnosis`, plain data that a page is made from.
`units` says what kind of unit each one is, `behavior` what the network gets right and
what its decisions rest on, `advice` puts it in words; every number that a sentence
depends on is in `advice.thresholds` or `units.thresholds`.
"""
