"""The measurements of experiment 2, one network at a time.

A module holds a sweepable function. It takes plain values, returns numbers and small
arrays, and needs TensorFlow only when it is called.
"""
