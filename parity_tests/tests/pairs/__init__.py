"""Pairs of models that compute the same, and the mistakes that are planted in them."""
