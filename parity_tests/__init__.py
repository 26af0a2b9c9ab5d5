"""The judge: asks the frameworks through shared.running.client and imports none of them."""
