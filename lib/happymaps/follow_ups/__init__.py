"""The measurements of experiment 1's follow-ups, one network or one point at a time.

A module holds the sweepable functions of one follow-up. They take plain values, return
numbers and small arrays, and need TensorFlow only when they are called.
"""
