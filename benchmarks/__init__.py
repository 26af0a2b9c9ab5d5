"""Throughput of what passed parity; asks the frameworks through shared.running.client."""
