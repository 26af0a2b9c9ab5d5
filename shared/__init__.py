"""What the three implementations must agree on. Nothing here imports a framework."""

VERSION = "0.1.0"
