"""The recorders: each runs a person's model where it lives, and writes what it saw.

A recorder is one file that needs the standard library, NumPy and its framework. Here
it is kept in parts, so that what all share stands once; `bundle` joins them.
"""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent
# The parts of each recorder behind those that all have.
PARTS = {
    "pytorch": ("pytorch",),
    "keras": ("keras",),
    "nnx": ("jaxed", "nnx"),
    "linen": ("jaxed", "linen"),
}
FRAMEWORKS = tuple(PARTS)


def bundle(framework: str) -> str:
    """Gives the whole recorder of a framework as the text of one file."""
    names = ("values", "common", *PARTS[framework])
    parts = [_alone(FOLDER / f"{name}.py") for name in names]
    return "\n\n".join([*parts, 'if __name__ == "__main__":\n    main()\n'])


def _alone(path: Path) -> str:
    """A part without what it imports of the others, which stand before it."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(__name__):
            del lines[node.lineno - 1 : node.end_lineno]
    return "".join(lines)
