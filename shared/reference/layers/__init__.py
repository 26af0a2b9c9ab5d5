"""Layers in NumPy, by subject, each with its derivative."""
