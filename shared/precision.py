"""What is computed in which precision where a plan says bfloat16: once, for all.

It is what people mean by mixed precision. The native side stands in
`*_impl/precision.py`; the tier `bfloat16` (parity_tests/bfloat16.py) holds the three
frameworks to this table.
"""

PARTS = {
    "products and convolutions, with the weights and inputs they take": "bfloat16",
    "what lies between them: activations, sums of branches, windows of pooling": (
        "what it is given"
    ),
    "parameters, their gradients and what an optimizer keeps": "float32",
    "norms, with their parameters and statistics": "float32",
    "softmax": "float32",
    "sums and means over an axis": "float32",
    "losses": "float32",
}
"""Each part, and what it is computed in. What is computed in float32 between products
may be kept in bfloat16 afterwards."""
