"""What a model reads and says, as a file of it has it: the tokens of a text, the form
of a chat, and the token that ends an answer."""

from dataclasses import dataclass
from pathlib import Path

from shared.data.bpe import BytePair
from shared.data.chat import rendered
from shared.errors import UsageError, brief
from shared.files.gguf import GGUF

_PREFIX = "tokenizer.ggml."
# How a text is split before the pairs, as llama.cpp calls it: do digits stand alone?
_SPLITS = {"gpt-2": False, "smollm": True}
_CONTROL = 3  # the type of a token that is no text
GGUF_SUFFIX = ".gguf"


@dataclass(frozen=True)
class Voice:
    """end: the token that ends what is said; None where there is none. chat: a template
    of Jinja, or nothing."""

    tokenizer: BytePair
    end: int | None
    chat: str
    where: str

    def prompt(self, text: str, plain: bool) -> list[int]:
        """Number the tokens that are asked: of a chat's form where there is one, unless
        it is to be plain."""
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError("the prompt is not UTF-8") from None
        if not text:
            raise UsageError("an empty prompt; allowed: at least one character")
        if plain or not self.chat:
            return self.tokenizer.encode(text)
        names = [name for name in sorted(self.tokenizer.special) if name in text]
        if names:
            raise UsageError(
                f"the prompt holds {names[0]}, which no text of a chat may"
            )
        messages = [{"role": "user", "content": text}]
        whole = rendered(self.chat, messages, self.where)
        return self.tokenizer.encode(whole, special=True)


def read(path: Path) -> Voice:
    """Read the voice of a GGUF, or of a tokenizer.json, which has no form of a chat."""
    if path.suffix != GGUF_SUFFIX:
        return Voice(BytePair.read(path), None, "", str(path))
    file = GGUF.read(path)
    kind, split = (file.field(_PREFIX + name, str) for name in ("model", "pre"))
    if kind != "gpt2" or split not in _SPLITS:
        allowed = ", ".join(_SPLITS)
        said = brief(f"{kind}, {split}")
        raise UsageError(f"{path}: a tokenizer of {said}; allowed: gpt2, {allowed}")
    tokens, merges = (file.field(_PREFIX + name, list) for name in ("tokens", "merges"))
    types = file.fields.get(f"{_PREFIX}token_type", [])
    if not isinstance(types, list) or len(types) not in (0, len(tokens)):
        raise UsageError(f"{path}: {len(tokens)} tokens, but not as many types")
    special = [t for t, k in zip(tokens, types, strict=bool(types)) if k == _CONTROL]
    unknown, end = (_number(file, f"{n}_token_id") for n in ("unknown", "eos"))
    said = "" if unknown is None else str(tokens[unknown])
    tokenizer = BytePair.of(path, tokens, merges, special, _SPLITS[split], said)
    chat = file.fields.get("tokenizer.chat_template", "")
    return Voice(tokenizer, end, chat if isinstance(chat, str) else "", str(path))


def _number(file: GGUF, name: str) -> int | None:
    """A token that the header names, which must be one."""
    number = file.fields.get(_PREFIX + name)
    if number is None:
        return None
    most = len(file.field(f"{_PREFIX}tokens", list))
    if not isinstance(number, int) or not 0 <= number < most:
        said = brief(number)
        raise UsageError(f"{file.path}: {name} is {said}; allowed: below {most:,}")
    return number
