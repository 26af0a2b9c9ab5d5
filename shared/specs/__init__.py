"""One file a family: a frozen dataclass that settles every number, and its VARIANTS."""
