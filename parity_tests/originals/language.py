"""Public originals of sequences and language, as those of `parity_tests.originals`."""

import importlib
import math
from typing import Any

from parity_tests.originals.operators import without_operators


def small_llama() -> Any:
    """transformers' LLaMA at the sizes of the oracles of llama."""
    return _exact_logits("Llama", **_SMALL_LLAMA)


def small_llama_tied() -> Any:
    return _exact_logits("Llama", **_SMALL_LLAMA, tie_word_embeddings=True)


def small_mistral() -> Any:
    return _exact_logits("Mistral", **_SMALL_LLAMA, sliding_window=5)


def small_mixtral() -> Any:
    """Make transformers' Mixtral at the sizes of the oracle of moe; it puts out what
    its routers say as well."""
    return _exact_logits(
        "Mixtral", **_SMALL_LLAMA, num_local_experts=5, num_experts_per_tok=2
    )


def small_mamba() -> Any:
    """transformers' Mamba at the sizes of the oracle of mamba."""
    return _exact_logits(
        "Mamba",
        vocab_size=101,
        hidden_size=48,
        num_hidden_layers=3,
        expand=2,
        state_size=5,
        conv_kernel=3,
        time_step_rank=7,
        layer_norm_epsilon=1e-3,
        pad_token_id=None,
    )


def smollm2_135m() -> Any:
    """transformers' LLaMA at the sizes of SmolLM2-135M."""
    return _exact_logits(
        "Llama",
        vocab_size=49152,
        max_position_embeddings=8192,
        hidden_size=576,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        intermediate_size=1536,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        tie_word_embeddings=True,
    )


_SMALL_LLAMA: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    "rms_norm_eps": 1e-3,
    "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
}


def _exact_logits(family: str, **sizes: Any) -> Any:
    """A causal language model of transformers. What it computes in float32 whatever the
    weights are, norms, angles and routes, it computes in float64 here."""
    without_operators()
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    model: Any = getattr(transformers, f"{family}ForCausalLM")
    exact = _in_float64()
    told = {"output_router_logits": True} if family == "Mixtral" else {}

    class Logits(model):
        def forward(self, tokens: Any) -> Any:
            with exact:
                found = super().forward(tokens, use_cache=False, **told)
            if not told:
                return found.logits
            routes = [one.view(*tokens.shape, -1) for one in found.router_logits]
            return found.logits, torch.stack(routes, 1)

    with exact:
        made = Logits(getattr(transformers, f"{family}Config")(**sizes))
    for module in made.modules():  # tables that it makes are no weights
        for name in [*module._buffers]:
            setattr(module, name, module._buffers.pop(name).clone())
    return made


def _in_float64() -> Any:
    """Inside it float64 is computed where float32 is asked for by name."""
    torch = importlib.import_module("torch")
    mode: Any = importlib.import_module("torch.overrides").TorchFunctionMode

    class Exact(mode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            def widened(value: Any) -> Any:
                return torch.float64 if value is torch.float32 else value

            if function is torch.Tensor.float:
                function = torch.Tensor.double
            named = {name: widened(value) for name, value in (kwargs or {}).items()}
            return function(*map(widened, args), **named)

    return Exact()


def gpt2() -> Any:
    """Make transformers' GPT-2 at its published size."""
    return _logits()


def small_gpt2() -> Any:
    """Make transformers' GPT-2 at the sizes of the oracle of gpt."""
    return _logits(vocab_size=101, n_positions=32, n_embd=48, n_layer=3, n_head=4)


def _logits(**sizes: int) -> Any:
    without_operators()  # transformers imports torchvision where it is installed
    transformers = importlib.import_module("transformers")
    model: Any = transformers.GPT2LMHeadModel

    class Logits(model):
        def forward(self, tokens: Any) -> Any:
            return super().forward(tokens, use_cache=False).logits

    return Logits(transformers.GPT2Config(**sizes))


def small_bert() -> Any:
    """Make transformers' BERT at the sizes of the spec's ORACLES."""
    return _bert("BertModel", **_SMALL_BERT)


def small_bert_masked_lm() -> Any:
    return _bert("BertForMaskedLM", **_SMALL_BERT)


def small_bert_classes() -> Any:
    return _bert("BertForSequenceClassification", **_SMALL_BERT, num_labels=5)


def small_bert_tokens() -> Any:
    return _bert("BertForTokenClassification", **_SMALL_BERT, num_labels=5)


def small_bert_questions() -> Any:
    return _bert("BertForQuestionAnswering", **_SMALL_BERT)


def small_roberta() -> Any:
    return _bert("RobertaModel", **_SMALL_ROBERTA)


def small_roberta_masked_lm() -> Any:
    return _bert("RobertaForMaskedLM", **_SMALL_ROBERTA)


def small_roberta_classes() -> Any:
    kind = "RobertaForSequenceClassification"
    return _bert(kind, **_SMALL_ROBERTA, num_labels=5)


def small_distilbert() -> Any:
    return _bert("DistilBertModel", **_SMALL_DISTILBERT)


def small_distilbert_masked_lm() -> Any:
    return _bert("DistilBertForMaskedLM", **_SMALL_DISTILBERT)


def small_distilbert_classes() -> Any:
    kind = "DistilBertForSequenceClassification"
    return _bert(kind, **_SMALL_DISTILBERT, num_labels=5)


def small_albert() -> Any:
    return _bert("AlbertModel", **_SMALL_ALBERT)


def small_albert_masked_lm() -> Any:
    return _bert("AlbertForMaskedLM", **_SMALL_ALBERT)


def minilm_l6() -> Any:
    """Make transformers' BERT at the sizes of MiniLM-L6."""
    return _bert(
        "BertModel",
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )


_SMALL_BERT: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "type_vocab_size": 3,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "layer_norm_eps": 1e-3,
    "pad_token_id": None,  # else its row is not trained
}


_SMALL_ALBERT = {**_SMALL_BERT, "embedding_size": 20}
_SMALL_ROBERTA = {**_SMALL_BERT, "type_vocab_size": 1, "pad_token_id": 1}
_SMALL_DISTILBERT: dict[str, Any] = {
    "vocab_size": 101,
    "max_position_embeddings": 32,
    "dim": 48,
    "n_layers": 3,
    "n_heads": 4,
    "hidden_dim": 40,
    "pad_token_id": None,
}


def _bert(kind: str, **sizes: Any) -> Any:
    """transformers' BERT or a relative, which takes our inputs in our order; where an
    answer begins and ends together."""
    without_operators()
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    model: Any = getattr(transformers, kind)

    class Outputs(model):
        def forward(self, *given: Any) -> Any:
            found = tuple(super().forward(*given).values())
            return torch.stack(found, 1) if "Question" in kind else found

    made = Outputs(model.config_class(**sizes))
    for module in made.modules():
        if isinstance(module, torch.nn.Embedding):
            module.padding_idx = None  # else its row is not trained
    return made


def small_lamda() -> Any:
    """Make transformers' decoder of T5 1.1 alone, at the sizes of lamda's ORACLES, with
    a head."""
    without_operators()
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    module: Any = torch.nn.Module
    exact = _in_float64()

    class Logits(module):
        def __init__(self, config: Any):
            super().__init__()
            stack = importlib.import_module("transformers.models.t5.modeling_t5")
            self.decoder = stack.T5Stack(config)
            for block in self.decoder.block:  # it looks at no encoder
                del block.layer[1]
            self.lm_head = torch.nn.Linear(48, 101, bias=False)

        def forward(self, tokens: Any) -> Any:
            with exact:
                found = self.decoder(tokens, use_cache=False)
            return self.lm_head(found.last_hidden_state)

    return Logits(
        transformers.T5Config(
            vocab_size=101,
            d_model=48,
            num_layers=3,
            num_heads=4,
            d_kv=10,
            d_ff=40,
            relative_attention_num_buckets=12,
            relative_attention_max_distance=15,
            dropout_rate=0.0,
            layer_norm_epsilon=1e-3,
            feed_forward_proj="gated-gelu",
            is_decoder=True,
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def small_whisper() -> Any:
    """Make transformers' Whisper at the sizes of the spec's ORACLES."""
    without_operators()
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    model: Any = transformers.WhisperForConditionalGeneration

    class Logits(model):
        def forward(self, mel: Any, target: Any) -> Any:
            given = {"decoder_input_ids": target, "use_cache": False}
            return super().forward(mel, **given).logits

    config = transformers.WhisperConfig(
        vocab_size=101,
        num_mel_bins=9,
        d_model=48,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=40,
        decoder_ffn_dim=40,
        max_source_positions=20,
        max_target_positions=17,
        dropout=0.0,
        decoder_start_token_id=100,
        bos_token_id=99,
        eos_token_id=99,
        pad_token_id=None,
    )
    made = Logits(config)
    encoder = made.model.encoder
    module: Any = torch.nn.Module
    rates = 10000 ** (-torch.arange(24, dtype=torch.float64) / 23)
    angles = torch.arange(20, dtype=torch.float64)[:, None] * rates
    exact = torch.cat([angles.sin(), angles.cos()], 1)
    assert (encoder.embed_positions.weight - exact).abs().max() < 1e-6

    class Positions(module):
        """Its table, which is no weight, in float64."""

        num_embeddings = len(exact)

        def forward(self, places: Any) -> Any:
            return exact[places]

    encoder.embed_positions = Positions()
    return made


def small_t5() -> Any:
    """Make transformers' T5 at the sizes of the spec's ORACLES."""
    return _t5()


def small_t5_1_1() -> Any:
    """The same of version 1.1, whose published weights have a head of its own."""
    torch = importlib.import_module("torch")
    made = _t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    made.lm_head.weight = torch.nn.Parameter(made.lm_head.weight.detach().clone())
    return made


def _t5(**kind: Any) -> Any:
    """What it computes in float32 whatever the weights are, it computes in float64."""
    without_operators()
    transformers = importlib.import_module("transformers")
    model: Any = transformers.T5ForConditionalGeneration
    exact = _in_float64()

    class Logits(model):
        def forward(self, source: Any, mask: Any, target: Any) -> Any:
            with exact:
                given = {"decoder_input_ids": target, "use_cache": False}
                return super().forward(source, mask, **given).logits

    config = transformers.T5Config(
        vocab_size=101,
        d_model=48,
        num_layers=3,
        num_heads=4,
        d_kv=10,
        d_ff=40,
        relative_attention_num_buckets=12,
        relative_attention_max_distance=15,
        dropout_rate=0.0,
        layer_norm_epsilon=1e-3,
        **kind,
    )
    return Logits(config)


def t5_buckets(buckets: int, reach: int, both: bool) -> list[int]:
    """The bucket of each distance to a token before, as transformers' T5 has it."""
    without_operators()
    torch = importlib.import_module("torch")
    own = importlib.import_module("transformers.models.t5.modeling_t5")
    ways = -torch.arange(600)
    bucket = own.T5Attention._relative_position_bucket
    found: list[int] = bucket(ways, both, buckets, reach).tolist()
    return found


def small_transformer() -> Any:
    """torch's layers of a Transformer at the sizes of the spec's ORACLES, with its
    embedding and positions around them."""
    torch = importlib.import_module("torch")
    nn = torch.nn
    vocabulary, width, heads, depth = 101, 48, 4, 3
    sizes = {"dim_feedforward": 40, "dropout": 0.0, "layer_norm_eps": 1e-3}
    sizes |= {"batch_first": True}

    class Transformer(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            reading = nn.TransformerEncoderLayer(width, heads, **sizes)
            self.encoder = nn.TransformerEncoder(
                reading, depth, enable_nested_tensor=False
            )
            saying = nn.TransformerDecoderLayer(width, heads, **sizes)
            self.decoder = nn.TransformerDecoder(saying, depth)

        def forward(self, source: Any, mask: Any, target: Any) -> Any:
            unseen, later = mask == 0, nn.Transformer.generate_square_subsequent_mask
            memory = self.encoder(self.placed(source), src_key_padding_mask=unseen)
            y = self.decoder(
                self.placed(target),
                memory,
                tgt_mask=later(target.shape[1], dtype=memory.dtype),
                memory_key_padding_mask=unseen,
            )
            return y @ self.embedding.weight.T

        def placed(self, tokens: Any) -> Any:
            """Number by number, as the paper's section 3.5 writes them."""
            x = self.embedding(tokens) * math.sqrt(width)
            for place in range(tokens.shape[1]):
                for i in range(0, width, 2):
                    angle = place / 10000 ** (i / width)
                    x[:, place, i] += math.sin(angle)
                    x[:, place, i + 1] += math.cos(angle)
            return x

    return Transformer()


def torch_elman() -> Any:
    """torch's own, at the sizes of the oracle of rnn; so are the next two."""
    return _torch_layers("RNN", bidirectional=True)


def torch_gru() -> Any:
    return _torch_layers("GRU", bidirectional=True)


def torch_lstm() -> Any:
    return _torch_layers("LSTM", proj_size=4)


def _torch_layers(kind: str, **arguments: Any) -> Any:
    """torch's recurrent layers, which take padded sequences and their lengths."""
    torch = importlib.import_module("torch")
    packing = importlib.import_module("torch.nn.utils.rnn")
    base: Any = getattr(torch.nn, kind)

    class Padded(base):
        def forward(self, x: Any, lengths: Any) -> Any:
            packed = packing.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            y, state = super().forward(packed)
            y, _ = packing.pad_packed_sequence(
                y, batch_first=True, total_length=x.shape[1]
            )
            parts = state if isinstance(state, tuple) else (state,)
            return y, *(part.transpose(0, 1) for part in parts)

    return Padded(6, 9, 3, batch_first=True, **arguments)
