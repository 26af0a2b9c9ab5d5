"""Changes in one place of arithmetic, for the mutants of optimizers, losses and
schedules (parity_tests/mutants.py)."""

import ast
from collections.abc import Iterator

_PAIRS = {
    "min": "max",
    "minimum": "maximum",
    "clamp_min": "clamp_max",
    "beta1": "beta2",
}
OTHER = {**_PAIRS, **{b: a for a, b in _PAIRS.items()}}
TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Mult: ast.Div,
    ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
}
# Without these their argument is left as it is.
DROPPED = {"sqrt", "square", "abs", "sign", "relu", "stop_gradient", "exp", "log"}
# Their last argument of so many scales what is added.
SCALED = {"addcmul": 4, "addcdiv": 4, "lerp": 3}


def places(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """What stands as a condition or as a statement of its own, and where."""
    found: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp):
            found[node.test] = node
        elif isinstance(node, ast.Expr):
            found[node.value] = node
    return found


def replacements(node: ast.AST, parent: ast.AST | None) -> Iterator[ast.expr]:
    """Yield what may stand in the node's place. parent: what `places` says of it."""
    if isinstance(node, ast.expr) and isinstance(parent, ast.If | ast.IfExp):
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Call):
        if isinstance(parent, ast.Expr):
            yield ast.Constant(None)
        yield from _call(node)
    elif isinstance(node, ast.BinOp):
        yield from _operation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        operator = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(operator, node.values)
    elif isinstance(node, ast.Compare):
        yield from _comparison(node)
    else:
        yield from _name(node)


def _operation(node: ast.BinOp) -> Iterator[ast.expr]:
    other = OPERATORS.get(type(node.op))
    if other is not None:
        yield ast.BinOp(node.left, other(), node.right)
    if isinstance(node.op, ast.Sub | ast.Div):
        yield node.left


def _comparison(node: ast.Compare) -> Iterator[ast.expr]:
    for i, operator in enumerate(node.ops):
        if type(operator) in TURNED:
            turned = TURNED[type(operator)]()
            operators = [*node.ops[:i], turned, *node.ops[i + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)


def _name(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant) and node.value in ("beta1", "beta2"):
        yield ast.Constant(OTHER[node.value])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in OTHER:
            yield ast.Name(OTHER[node.id], node.ctx)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        bare = node.attr.removeprefix("_foreach_").removesuffix("_")
        if bare in OTHER:
            other = node.attr.replace(bare, OTHER[bare])
            yield ast.Attribute(node.value, other, node.ctx)


def _call(node: ast.Call) -> Iterator[ast.expr]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    bare = name.removeprefix("_foreach_").removesuffix("_")
    if bare in DROPPED:
        if node.args:
            yield node.args[0]
        elif isinstance(node.func, ast.Attribute):
            yield node.func.value
    if len(node.args) == SCALED.get(bare):
        *first, last = node.args
        yield ast.Call(node.func, [*first, _twice(last)], node.keywords)
    for i, keyword in enumerate(node.keywords):
        rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
        if keyword.arg in ("alpha", "beta", "value") and bare:
            scaled = ast.keyword(keyword.arg, _twice(keyword.value))
            yield ast.Call(node.func, node.args, [*rest, scaled])
        if keyword.arg in ("min", "max"):
            other = ast.keyword(OTHER[keyword.arg], keyword.value)
            yield ast.Call(node.func, node.args, [*rest, other])


def _twice(value: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(2), ast.Mult(), value)
