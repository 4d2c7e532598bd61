"""What kind of unit is this? One row of measurements, and a word, for every unit.

`diagnosing` puts together what the other modules measure: `activity` (what a unit does
on data), `unit_maps` (what it looks for), `repeatability` (whether that comes out
again), `kernel_classes` and `map_classes` (edges, lines, means), `ablation` (what the
network loses without it). `kinds` decides by the limits of `thresholds`; `pruning`
takes units out in the order that the diagnosis says.
"""
