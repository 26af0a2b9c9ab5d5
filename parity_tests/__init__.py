"""The judge: asks the frameworks through shared.worker and imports none of them."""
