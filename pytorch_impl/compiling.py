"""What torch.compile is told of a function."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """Give a function that torch.compile leaves as it is; what it calls is compiled.

    `torch.compiler.disable` imports the compiler, which takes longer than all else that
    this package imports: it is asked only where something is compiled.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.compiler.is_compiling():
            return function(*args, **kwargs)
        alone = torch.compiler.disable(function, recursive=False)  # type: ignore[no-untyped-call]
        return alone(*args, **kwargs)

    return call
