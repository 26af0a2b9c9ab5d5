"""Public checkpoints <-> canonical weights: a table for each family that needs one."""
