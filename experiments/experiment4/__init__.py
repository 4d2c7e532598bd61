"""Experiment 4: frames, or videos?"""
