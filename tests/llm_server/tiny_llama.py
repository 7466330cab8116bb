"""A language model small enough to be made by a test: a Llama of random weights that speaks letter by letter."""

import string
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE

from tests.adapters.tiny_models import write_json, write_safetensors

SPECIAL = ("<unk>", "<s>", "</s>")
LETTERS = string.ascii_letters + string.digits + string.punctuation + " \n"
VOCABULARY = {piece: at for at, piece in enumerate((*SPECIAL, *LETTERS))}
HIDDEN, WIDE, LAYERS, HEADS, POSITIONS = 16, 32, 2, 2, 2_048
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": len(VOCABULARY),
    "hidden_size": HIDDEN,
    "intermediate_size": WIDE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "max_position_embeddings": POSITIONS,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": VOCABULARY["<s>"],
    "eos_token_id": VOCABULARY["</s>"],
    "dtype": "float32",
}
TEMPLATE = (
    "{{ '<s>' }}{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def write_model(directory: Path, seed: int = 0) -> Path:
    """Everything a server wants of a model's directory; a few thousand parameters."""
    directory.mkdir()
    tokenizer = Tokenizer(BPE(VOCABULARY, [], unk_token="<unk>"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(directory / "tokenizer.json"))
    named = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    write_json(
        directory / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": TEMPLATE, **named},
    )
    write_json(directory / "config.json", CONFIG)
    ends = {"bos_token_id": VOCABULARY["<s>"], "eos_token_id": VOCABULARY["</s>"]}
    write_json(directory / "generation_config.json", ends)
    write_safetensors(directory / "model.safetensors", _weights(seed))
    return directory


def _weights(seed: int) -> dict[str, np.ndarray[Any, Any]]:
    """What is said is nonsense, and never the end: the rows of the special tokens are zero."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (len(VOCABULARY), HIDDEN),
        "lm_head.weight": (len(VOCABULARY), HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(LAYERS):
        inner = f"model.layers.{layer}"
        for name in ("q", "k", "v", "o"):
            shapes[f"{inner}.self_attn.{name}_proj.weight"] = (HIDDEN, HIDDEN)
        shapes[f"{inner}.mlp.gate_proj.weight"] = (WIDE, HIDDEN)
        shapes[f"{inner}.mlp.up_proj.weight"] = (WIDE, HIDDEN)
        shapes[f"{inner}.mlp.down_proj.weight"] = (HIDDEN, WIDE)
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{inner}.{name}.weight"] = (HIDDEN,)
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    weights["lm_head.weight"][: len(SPECIAL)] = 0.0
    return weights
