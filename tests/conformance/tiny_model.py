"""A LLaMA of 100,000 random weights in Hugging Face's layout, small enough to be served within seconds: config.json,
model.safetensors, tokenizer.json with a byte-level vocabulary, tokenizer_config.json with a chat template."""
import array
import json
import random
import struct

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KV_HEADS, VOCABULARY = 64, 128, 2, 4, 2, 300


def byte_tokens():
    """GPT-2's way of writing any byte as a printable character."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def tensors(seed=1):
    numbers = random.Random(seed)

    def make(*shape, centre=0.0, spread=0.3):
        count = 1
        for length in shape:
            count *= length
        return shape, array.array("f", (centre + spread * numbers.uniform(-1, 1) for _ in range(count)))

    kv_rows = HIDDEN // HEADS * KV_HEADS
    made = {"model.embed_tokens.weight": make(VOCABULARY, HIDDEN, spread=1.0), "model.norm.weight": make(HIDDEN, centre=1, spread=0.2),
            "lm_head.weight": make(VOCABULARY, HIDDEN, spread=0.5)}
    for layer in range(LAYERS):
        shapes = {"self_attn.q_proj": (HIDDEN, HIDDEN), "self_attn.k_proj": (kv_rows, HIDDEN), "self_attn.v_proj": (kv_rows, HIDDEN),
                  "self_attn.o_proj": (HIDDEN, HIDDEN), "mlp.gate_proj": (FEED_FORWARD, HIDDEN), "mlp.up_proj": (FEED_FORWARD, HIDDEN),
                  "mlp.down_proj": (HIDDEN, FEED_FORWARD)}
        for name, shape in shapes.items():
            made[f"model.layers.{layer}.{name}.weight"] = make(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            made[f"model.layers.{layer}.{name}.weight"] = make(HIDDEN, centre=1, spread=0.2)
    return made


def safetensors():
    header, data = {}, b""
    for name, (shape, values) in tensors().items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def files():
    """Name -> bytes."""
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|im_start|>", "<|im_end|>"]
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": HIDDEN,
              "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "num_key_value_heads": KV_HEADS, "max_position_embeddings": 512, "vocab_size": VOCABULARY,
              "tie_word_embeddings": False, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "bos_token_id": VOCABULARY - 4, "eos_token_id": VOCABULARY - 3}
    tokenizer = {"version": "1.0", "normalizer": None,
                 "added_tokens": [{"id": VOCABULARY - 4 + i, "content": text, "special": True} for i, text in enumerate(specials)],
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
                 "model": {"type": "BPE", "byte_fallback": False, "merges": [["t", "h"]],
                           "vocab": {token: i for i, token in enumerate([*byte_tokens(), "th"])}}}
    settings = {"bos_token": specials[0], "eos_token": specials[1], "add_bos_token": False, "chat_template":
                "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
                "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}
    return {"config.json": json.dumps(config).encode(), "tokenizer.json": json.dumps(tokenizer).encode(),
            "tokenizer_config.json": json.dumps(settings).encode(), "model.safetensors": safetensors()}
