"""The lines of both sides at which a wrong place is written."""

from dataclasses import replace

from parity_tests.ports.blame import Guilty
from parity_tests.ports.dumps import Dump


def placed(guilty: Guilty, reference: Dump, port: Dump) -> Guilty:
    """With the file and line, in both, of the class that is wrong or holds what is."""
    file, line = _place(port, guilty.other)
    reference_file, reference_line = _place(reference, guilty.layer)
    return replace(
        guilty,
        file=file,
        line=line,
        reference_file=reference_file,
        reference_line=reference_line,
    )


def _place(dump: Dump, layer: str) -> tuple[str, int]:
    path = layer if layer in dump.modules else ""
    while path and _foreign(dump, path):
        path = path.rpartition(".")[0]
    module = dump.modules.get(path)
    if module is None or not module.file or _foreign(dump, path):
        return "", 0
    return module.file, module.line or 0


def _foreign(port: Dump, path: str) -> bool:
    module = port.modules.get(path)
    return module is None or not module.file or "site-packages" in module.file
