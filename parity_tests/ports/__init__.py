"""The judge of other people's models: it reads what the recorders wrote, no framework.

dumps reads, codecs lays weights out as PyTorch does, matching pairs the two trees,
compare measures, blame says where, causes says why, and diff asks them in turn.
"""
