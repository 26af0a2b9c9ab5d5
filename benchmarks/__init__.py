"""Throughput of what passed parity; asks the frameworks through their workers."""
