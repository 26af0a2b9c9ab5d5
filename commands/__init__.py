"""What the longer commands of triptych.py do; none imports a framework."""
