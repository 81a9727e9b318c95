"""What hearth-train writes is what hearth-infer serves: the logits of both programs agree on a model that was just trained.

Each kind of model is trained until its logits are far apart, so that a wrong row order, rope or scale shows as a difference
a hundred times the one allowed."""
import json
import random
import shutil
import subprocess

import pytest
from conftest import BINARY

TRAIN, INFER = BINARY.parent / "hearth-train", BINARY.parent / "hearth-infer"
VOCABULARY, CONTEXT = 320, 48
DIFFERENCE_MAX = 1e-2
SMALL = ["--hidden-size", 32, "--layers", 2, "--heads", 4, "--vocab-size", VOCABULARY]
WINDOW = 24


def run(program, *arguments):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def train(data, output, *options, context=CONTEXT):
    run(TRAIN, "--train", data, "--output", output, "--steps", 30, "--batch-size", 4, "--context", context, "--learning-rate", 0.01,
        "--threads", 1, "--validation-fraction", 0, *options)
    return output


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Texts and conversations, so that every special token is learnt too."""
    lines = []
    for i in range(300):
        lines.append({"text": f"number {i % 7} of the quick brown foxes jumps over {i % 5} lazy dogs, naïvely; それから…"})
        lines.append({"prompt": f"What is {i % 9} and {i % 4}?", "completion": f"It is {i % 9 + i % 4}."})
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A model with grouped heads and tied embeddings."""
    return train(data, tmp_path_factory.mktemp("trained") / "model", *SMALL, "--kv-heads", 2)


def prompts(length_max=CONTEXT):
    """One token, the four special tokens in a row, and random ones, as many as are read at most."""
    numbers = random.Random(5)
    return [[7], list(range(VOCABULARY - 4, VOCABULARY)), [numbers.randrange(VOCABULARY) for _ in range(length_max)]]


def logits(program, model, tokens, folder):
    ids = folder / "tokens"
    ids.write_text(" ".join(map(str, tokens)))
    cache = ["--cache", folder / "cache"] if program == INFER else []
    return [[float(x) for x in line.split()] for line in run(program, "--model", model, *cache, "logits", "--tokens", ids).splitlines()]


def argmax(row):
    return max(range(len(row)), key=row.__getitem__)


def expect_agreement(model, folder, all_prompts):
    worst, spread = 0.0, 0.0
    for tokens in all_prompts:
        trainers, servers = logits(TRAIN, model, tokens, folder), logits(INFER, model, tokens, folder)
        assert len(trainers) == len(servers) == len(tokens)
        for ours, theirs in zip(trainers, servers):
            assert len(ours) == len(theirs) == VOCABULARY
            assert argmax(ours) == argmax(theirs), (model, tokens)
            worst = max(worst, max(abs(a - b) for a, b in zip(ours, theirs)))
            spread = max(spread, max(ours) - min(ours))
    print(f"largest difference {worst:.2g}, logits spread over {spread:.2g}")
    assert spread > 100 * DIFFERENCE_MAX, "the model has learnt too little to tell anything"
    assert worst <= DIFFERENCE_MAX, f"logits differ by {worst}"


def test_grouped_heads_and_tied_embeddings(trained, tmp_path):
    expect_agreement(trained, tmp_path, prompts())


@pytest.mark.parametrize("kv_heads", [1, 4])
def test_untied_embeddings_with_one_key_head_or_one_for_each(data, kv_heads, tmp_path):
    model = train(data, tmp_path / "model", *SMALL, "--kv-heads", kv_heads, "--untied")
    assert not json.loads((model / "config.json").read_text())["tie_word_embeddings"]
    expect_agreement(model, tmp_path, prompts())


def test_merged_adapters(data, trained, tmp_path):
    targets = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj"
    model = train(data, tmp_path / "model", "--model", trained, "--lora-rank", 4, "--lora-targets", targets)
    assert (model / "adapter" / "adapter_model.safetensors").exists()
    assert (model / "model.safetensors").read_bytes() != (trained / "model.safetensors").read_bytes()
    expect_agreement(model, tmp_path, prompts())


@pytest.fixture
def mistral(data, trained, tmp_path):
    """The trained weights under Mistral's name, attending to a window, then trained on within the window."""
    base = tmp_path / "base"
    shutil.copytree(trained, base, ignore=shutil.ignore_patterns("checkpoints"))
    config = json.loads((base / "config.json").read_text())
    config |= {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": WINDOW, "rope_theta": 1e6}
    (base / "config.json").write_text(json.dumps(config))
    model = train(data, tmp_path / "model", "--model", base, context=WINDOW)
    assert json.loads((model / "config.json").read_text())["sliding_window"] == WINDOW
    return model


def test_mistral_within_its_window(mistral, tmp_path):
    expect_agreement(mistral, tmp_path, prompts(length_max=WINDOW))


@pytest.mark.parametrize("program", [TRAIN, INFER], ids=lambda program: program.name)
def test_beyond_its_window_both_refuse_rather_than_compute_something_else(mistral, program, tmp_path):
    ids = tmp_path / "tokens"
    ids.write_text(" ".join(["5"] * (WINDOW + 1)))
    refused = subprocess.run([str(program), "--model", str(mistral), "logits", "--tokens", str(ids)], capture_output=True, text=True,
                             env={"HOME": str(tmp_path)}, timeout=60)
    assert refused.returncode != 0
    assert f"reads at most {WINDOW} tokens" in refused.stderr
