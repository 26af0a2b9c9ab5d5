"""One run on a machine with a GPU: parity, training and speed within a few minutes."""
