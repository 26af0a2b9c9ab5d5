"""The chat form of a model, as a file gives it: a template of Jinja that makes one text
of messages.

A template comes out of a file that somebody else wrote, so no more of Jinja is run than
forms of chat need: text, conditions and one loop over the messages. What such a
template makes is no longer than itself and its messages, in as much time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import UsageError, brief

LONGEST = 1 << 16  # characters of a template
_ALLOWED = (
    "Template",
    "Output",
    "TemplateData",
    "If",
    "For",
    "Const",
    "Name",
    "Getattr",
    "Getitem",
    "Compare",
    "Operand",
    "Add",
    "Concat",
    "And",
    "Or",
    "Not",
    "CondExpr",
)
Message = Mapping[str, str]


def rendered(template: str, messages: Sequence[Message], where: object) -> str:
    """The text of these messages, up to where the answer begins."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    if len(template) > LONGEST:
        raise UsageError(f"{where}: a chat form of {len(template):,} characters")
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    try:
        _refuse_other(environment.parse(template), where)
        made = environment.from_string(template)
        return made.render(messages=[*messages], add_generation_prompt=True)
    except (TemplateError, TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{where}: its chat form fails ({brief(error)})") from None


def _refuse_other(tree: Any, where: object) -> None:
    """A UsageError where the template has more than is run, or loops in loops."""
    from jinja2 import nodes

    for node in (tree, *tree.find_all(nodes.Node)):
        kind = type(node).__name__
        if kind not in _ALLOWED:
            raise UsageError(f"{where}: its chat form has {kind}, which is not run")
        if isinstance(node, nodes.For):
            over = isinstance(node.iter, nodes.Name) and node.iter.name == "messages"
            if node.recursive or not over or [*node.find_all(nodes.For)]:
                raise UsageError(f"{where}: its chat form loops beyond messages")
