"""How one training step is made of losses, parameters and optimizers."""
