"""torchvision's own operators may be built for another torch; none is needed."""

import sys
import types

for module in ("_meta_registrations", "_autograd_registrations"):
    sys.modules.setdefault(f"torchvision.{module}", types.ModuleType(module))
