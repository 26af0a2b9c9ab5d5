"""What the longer commands do; none imports a framework."""
