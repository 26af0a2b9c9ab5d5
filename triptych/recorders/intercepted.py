"""What the recorders of Flax share: the calls of Linen modules, seen from outside."""

from typing import Any

from flax import linen

from triptych.recorders.common import Tape
from triptych.recorders.modules import quiet


def interceptor(
    tape: Tape, known: dict[str, Any], rates: dict[str, float], bridge: str | None
) -> Any:
    """Gives what records every call, without dropout, and which modules there are.

    bridge: the path of the NNX module that holds them, and records its own calls.
    """

    def intercept(function: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        held = bridge is not None and not module.path
        if context.method_name != "__call__" or held:
            return function(*args, **kwargs)
        path = ".".join(filter(None, (bridge, *module.path)))
        if isinstance(module, linen.Dropout):
            if isinstance(module.rate, float) and 0 < module.rate < 1:
                quiet(module.rate, f"{path}:rate", rates)
            return args[0]
        known[path] = module.clone(parent=None)
        entry, args, kwargs = tape.enter(path, args, kwargs)
        return tape.leave(entry, function(*args, **kwargs))

    return intercept
