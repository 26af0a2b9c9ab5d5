"""GGUF files: what the package `gguf` writes is read, whole; what is cut or lies is one
line."""

import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from shared.catalog import variant
from shared.data.chat import rendered
from shared.errors import UsageError
from shared.files import voices
from shared.files.gguf import GGUF
from shared.running import convert

gguf = pytest.importorskip("gguf", reason="gguf is not installed: pip install .[text]")

SPEC = replace(variant("llama_tiny").spec, rotary="half")
CHAT = "{% for message in messages %}<s>{{ message['content'] }}\n{% endfor %}"


def written(path, change=lambda name, value: value, **fields):
    """A model of the tiny spec, quantised or not, and a tokenizer of bytes."""
    draw = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    for name, value in {
        "vocab_size": SPEC.vocab_size,
        "context_length": SPEC.tokens,
        "embedding_length": SPEC.width,
        "block_count": SPEC.depth,
        "attention.head_count": SPEC.heads,
        "attention.head_count_kv": SPEC.kv_heads,
        "feed_forward_length": SPEC.mlp_width,
        **fields,
    }.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_float32("llama.rope.freq_base", SPEC.rotary_base)
    writer.add_float32("llama.attention.layer_norm_rms_epsilon", SPEC.rms_eps)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(["<s>", "a", "b", "ab", "Ġ"])
    writer.add_token_types([3, 1, 1, 1, 1])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    writer.add_chat_template(CHAT)
    made = {}
    width, narrow, wide = SPEC.width, SPEC.kv_width, SPEC.mlp_width
    shapes = {"token_embd": (SPEC.vocab_size, width), "output_norm": (width,)}
    shapes["output"] = (SPEC.vocab_size, width)
    for i in range(SPEC.depth):
        for name, shape in {
            "attn_norm": (width,),
            "ffn_norm": (width,),
            "attn_q": (width, width),
            "attn_k": (narrow, width),
            "attn_v": (narrow, width),
            "attn_output": (width, width),
            "ffn_gate": (wide, width),
            "ffn_up": (wide, width),
            "ffn_down": (width, wide),
        }.items():
            shapes[f"blk.{i}.{name}"] = shape
    for name, shape in shapes.items():
        value = change(name, draw.random(shape, np.float32))
        made[f"{name}.weight"] = value
        writer.add_tensor(f"{name}.weight", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def test_all_of_it_is_read(tmp_path):
    path = tmp_path / "x.gguf"
    made = written(path)
    file = GGUF.read(path)
    found = file.tensors()
    assert found.keys() == made.keys()
    for name, value in made.items():
        np.testing.assert_array_equal(found[name], value)
    assert file.fields["llama.block_count"] == SPEC.depth
    assert file.fields["tokenizer.ggml.tokens"] == ["<s>", "a", "b", "ab", "Ġ"]


@pytest.mark.parametrize("kind", ["Q4_1", "Q8_0", "F16"])
def test_what_is_packed_is_unpacked_by_the_package(tmp_path, kind):
    path, kind = tmp_path / "x.gguf", gguf.GGMLQuantizationType[kind]
    value = np.random.default_rng(0).standard_normal((3, 64)).astype(np.float32)
    packed = gguf.quants.quantize(value, kind)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("x", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = GGUF.read(path).tensors()["x"]
    np.testing.assert_array_equal(found, gguf.quants.dequantize(packed, kind))
    assert np.abs(found - value).max() < 0.3


def test_rows_of_queries_and_keys_are_turned_back(tmp_path):
    """As llama.cpp's converter turned them: two halves of a head became pairs."""
    path, turned = tmp_path / "x.gguf", {}

    def change(name, value):
        heads = {"attn_q": SPEC.heads, "attn_k": SPEC.kv_heads}.get(name[6:])
        turned[f"{name}.weight"] = value
        if heads is None:
            return value
        halves = value.reshape(heads, 2, -1, value.shape[1])
        return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(value.shape)

    made = written(path, change)
    for spec, wanted in ((SPEC, turned), (replace(SPEC, rotary="interleaved"), made)):
        found = GGUF.read(path).state(spec)
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    name = "blocks.1.self_attn.k_proj.weight"
    own = convert.read(path, "llama_tiny", "gguf")
    np.testing.assert_array_equal(own[name], made["blk.1.attn_k.weight"])


def test_another_model_is_refused(tmp_path):
    written(tmp_path / "x.gguf", block_count=3)
    with pytest.raises(UsageError, match=r"block_count is 3; allowed: 2$"):
        convert.read(tmp_path / "x.gguf", "llama_tiny", "gguf")


def test_a_file_that_is_cut_is_refused(tmp_path):
    written(tmp_path / "x.gguf")
    content = (tmp_path / "x.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    for length in [*range(0, 2000, 7), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(UsageError, match=r"cut.gguf: "):
            GGUF.read(path)


def lying(head, *parts):
    return b"GGUF" + struct.pack("<IQQ", *head) + b"".join(parts)


def text(value):
    return struct.pack("<Q", len(value)) + value


def row(name, *axes, kind=0, offset=0):
    shape = struct.pack(f"<I{len(axes)}Q", len(axes), *axes)
    return text(name) + shape + struct.pack("<IQ", kind, offset)


NULLS = bytes(64)
LIES = {
    "other": (b"GGML" + NULLS, "it begins otherwise"),
    "version": (lying((9, 0, 0)), "version 9; allowed: 2, 3"),
    "tensors": (lying((3, 1 << 60, 0)), "says it has .* tensors; allowed"),
    "fields": (lying((3, 0, 1 << 60)), "says it has .* values in its header"),
    "name": (lying((3, 0, 1), struct.pack("<Q", 1 << 60)), "a text of .* bytes"),
    "long": (
        lying((3, 0, 1), text(b"a"), struct.pack("<IIQ", 9, 4, 1 << 60)),
        "values in a; allowed",
    ),
    "short": (
        lying((3, 0, 1), text(b"a"), struct.pack("<IIQ", 9, 4, 1000)),
        "it ends after",
    ),
    "nested": (
        lying((3, 0, 1), text(b"a"), struct.pack("<IIQ", 9, 9, 1)),
        "a is a list of the unknown type 9",
    ),
    "kind": (lying((3, 0, 1), text(b"a"), struct.pack("<I", 99)), "unknown type 99"),
    "utf8": (lying((3, 0, 1), text(b"\xff")), "not a readable GGUF file"),
    "axes": (lying((3, 1, 0), row(b"a", *[1] * 9)), "has 9 axes"),
    "huge": (lying((3, 1, 0), row(b"a", 1 << 40, 1 << 40), NULLS), "cannot have shape"),
    "empty": (lying((3, 1, 0), row(b"a", 0), NULLS), "cannot have shape"),
    "packing": (lying((3, 1, 0), row(b"a", 4, kind=77), NULLS), "the unknown kind 77"),
    "block": (lying((3, 1, 0), row(b"a", 4, kind=3), NULLS), "cannot have shape"),
    "outside": (lying((3, 1, 0), row(b"a", 4, offset=4096), NULLS), "lies outside"),
    "twice": (lying((3, 2, 0), row(b"a", 4), row(b"a", 4), NULLS), "is there twice"),
    "shared": (lying((3, 2, 0), row(b"a", 4), row(b"b", 4), NULLS), "or in another"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused(lie, tmp_path):
    content, said = LIES[lie]
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(UsageError, match=said):
        GGUF.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24


def test_a_gguf_is_not_written(tmp_path):
    written(tmp_path / "x.gguf")
    with pytest.raises(UsageError, match="is read here, not written"):
        convert.convert(
            tmp_path / "x.gguf", tmp_path / "y.gguf", "gguf", "gguf", "llama_tiny"
        )


# What a model reads and says


def test_a_voice_is_read(tmp_path):
    written(tmp_path / "x.gguf")
    voice = voices.read(tmp_path / "x.gguf")
    assert voice.end == 0
    assert voice.tokenizer.encode("abba") == [3, 2, 1]
    assert voice.prompt("ab", plain=True) == [3]
    with pytest.raises(UsageError, match="the prompt holds <s>"):
        voice.prompt("a<s>", plain=False)
    with pytest.raises(UsageError, match="an empty prompt"):
        voice.prompt("", plain=True)
    with pytest.raises(UsageError, match="not UTF-8"):
        voice.prompt("\udcff", plain=True)
    with pytest.raises(UsageError, match="the byte 0x63 is no token"):
        voice.prompt("c", plain=True)


LOOP = "{% for one in messages %}"
MESSAGES = [{"role": "user", "content": "Hi"}]


def test_a_chat_form_is_run():
    form = (
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != "
        "'system' %}{{ '<s>' }}{% endif %}{{ message['role'] + ':' + "
        "message['content'] }}{% endfor %}{% if add_generation_prompt %}{{ '>' }}"
        "{% endif %}"
    )
    assert rendered(form, MESSAGES, "x") == "<s>user:Hi>"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            "{% for a in messages %}{% for b in messages %}{% endfor %}{% endfor %}",
            "lo",
        ),
        ("{% for a in range(9999999) %}{% endfor %}", "Call, which is not run|loops"),
        ("{{ 'a' * 99999999 }}", "Mul, which is not run"),
        ("{% set x = 'a' %}", "Assign, which is not run"),
        ("{{ messages | join }}", "Filter, which is not run"),
        ("{% if %}", "x: its chat form fails"),
        ("a" * 70_000, "a chat form of 70,000 characters"),
    ],
)
def test_a_chat_form_that_does_more_is_refused(form, said):
    with pytest.raises(UsageError, match=said):
        rendered(form, MESSAGES, "x")


def test_a_chat_form_sees_no_insides():
    assert rendered("{{ messages.__class__ }}", MESSAGES, "x") == ""
