"""What public originals need before they are imported."""

import sys
import types


def without_operators() -> None:
    """torchvision's may be built for another torch; no model here needs them."""
    for module in ("_meta_registrations", "_autograd_registrations"):
        full = f"torchvision.{module}"
        sys.modules.setdefault(full, types.ModuleType(full))
