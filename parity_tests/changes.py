"""The changes that make mutants: of one place of a source each."""

import ast
from collections.abc import Callable, Iterator
from functools import partial

from parity_tests import arithmetic

ACTIVATIONS = {
    "relu": "tanh",
    "tanh": "sigmoid",
    "sigmoid": "tanh",
    "gelu": "relu",
    "leaky_relu": "relu",
    "silu": "relu",
    "softmax": "sigmoid",
}
FLAGS = {"training", "deterministic", "use_running_average"}
BIASES = {"bias", "use_bias"}
JOINS = {"cat", "concat", "concatenate", "stack"}
SWAPS = {"permute", "transpose", "swapaxes", "moveaxis"}
WHOLE = {"stride", "padding", "k", "groups", "size", "pad", "heads", "window"}
REAL = ("eps", "epsilon", "decay", "momentum", "dropout", "rate", "slope", "alpha")


def changed(text: str, definition: bool = False) -> Iterator[tuple[int, str, str]]:
    """Yield every change in one place: its line, the change, the whole source after it.

    definition: with the changes of arithmetic.
    """
    tree = ast.parse(text)
    untouched, places = _untouched(tree), arithmetic.places(tree)
    written = [ast.unparse(statement) for statement in tree.body]
    for i, node, put in _inside(tree):
        if node in untouched:
            continue
        made = list(_replacements(node))
        if definition:
            made += arithmetic.replacements(node, places.get(node))
        before = ast.unparse(node) if made else ""
        for replacement in made:
            after = ast.unparse(replacement)
            if before != after:
                line: int = node.lineno  # type: ignore[attr-defined]
                put(replacement)
                statement = ast.unparse(tree.body[i])
                put(node)
                source = "\n".join([*written[:i], statement, *written[i + 1 :]])
                yield line, f"{before} -> {after}", source


def _inside(
    tree: ast.Module,
) -> Iterator[tuple[int, ast.AST, Callable[[ast.AST], None]]]:
    """Yield every node below the outermost statements, with the number of its
    statement, and what puts another in its place."""
    for i, statement in enumerate(tree.body):
        for parent in ast.walk(statement):
            for name, value in ast.iter_fields(parent):
                if isinstance(value, ast.AST):
                    yield i, value, partial(setattr, parent, name)
                for k, one in enumerate(value if isinstance(value, list) else ()):
                    if isinstance(one, ast.AST):
                        yield i, one, partial(value.__setitem__, k)


def _untouched(tree: ast.Module) -> set[ast.AST]:
    """Annotations, docstrings and `strict=` say nothing of the function computed."""
    left: set[ast.AST] = set()
    for node in ast.walk(tree):
        skipped: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            skipped.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            skipped.append(node.returns)
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            skipped.append(node.value)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            skipped.append(node)
        for root in skipped:
            left |= set(ast.walk(root)) if root else set()
    return left


def _replacements(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node)
    elif isinstance(node, ast.BinOp):
        yield from _operation(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in FLAGS:
            yield ast.UnaryOp(ast.Not(), node)
        if node.id in WHOLE - {"k"}:  # a bare k is an attention's key
            yield _binary(node, ast.Add(), 1)


def _constant(node: ast.Constant) -> Iterator[ast.expr]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        yield ast.Constant(value * 2)


def _attribute(node: ast.Attribute) -> Iterator[ast.expr]:
    if not isinstance(node.ctx, ast.Load):
        return
    if node.attr in ACTIVATIONS:
        yield ast.Attribute(node.value, ACTIVATIONS[node.attr], node.ctx)
    elif node.attr in FLAGS:
        yield ast.UnaryOp(ast.Not(), node)
    elif node.attr in WHOLE:
        yield _binary(node, ast.Add(), 1)
    elif node.attr.endswith(REAL):
        yield _binary(node, ast.Mult(), 0.5)


def _binary(left: ast.expr, operator: ast.operator, right: float) -> ast.expr:
    return ast.BinOp(left, operator, ast.Constant(right))


def _operation(node: ast.BinOp) -> Iterator[ast.expr]:
    literal = isinstance(node.left, ast.Constant) or isinstance(
        node.right, ast.Constant
    )
    if isinstance(node.op, ast.Add) and not literal:
        yield node.left
        yield node.right
    elif isinstance(node.op, ast.Sub):
        yield ast.BinOp(node.left, ast.Add(), node.right)
    elif isinstance(node.op, ast.Mult) and not literal:
        yield node.left
    elif isinstance(node.op, ast.Div):
        yield ast.BinOp(node.left, ast.Mult(), node.right)


def _call(node: ast.Call) -> Iterator[ast.expr]:
    name = name_of(node)
    own = (
        isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "self"
    )
    if own and "drop" in name and len(node.args) == 1:
        yield node.args[0]
    if name in JOINS and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        elements = node.args[0].elts[::-1]
        turned = ast.List(elements, ast.Load())
        yield ast.Call(node.func, [turned, *node.args[1:]], node.keywords)
    if name in SWAPS:
        yield from _swapped(node)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg in BIASES and not isinstance(keyword.value, ast.Constant):
            flipped = ast.keyword(keyword.arg, ast.UnaryOp(ast.Not(), keyword.value))
            keywords = [*node.keywords[:i], flipped, *node.keywords[i + 1 :]]
            yield ast.Call(node.func, node.args, keywords)


def _swapped(node: ast.Call) -> Iterator[ast.expr]:
    """Swap a permutation's last two axes; of two axes alone the order says nothing."""
    *first, last = node.args or [ast.Constant(None)]
    if isinstance(last, ast.Tuple) and len(last.elts) > 2:
        *rest, a, b = last.elts
        turned = ast.Tuple([*rest, b, a], ast.Load())
        yield ast.Call(node.func, [*first, turned], node.keywords)
    elif len(node.args) > 2 and name_of(node) in ("permute", "transpose"):
        *rest, a, b = node.args
        yield ast.Call(node.func, [*rest, b, a], node.keywords)


def name_of(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
