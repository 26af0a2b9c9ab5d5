"""The judge: asks the frameworks through workers and imports none."""
