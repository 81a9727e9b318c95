"""What hearth-train computes on, where there is no GPU: what it says, and that it goes on or does not."""
import pathlib
import subprocess

import pytest
from conftest import BINARY

pytestmark = pytest.mark.skipif(any(pathlib.Path("/dev").glob("nvidia[0-9]*")), reason="THIS HOST HAS A GPU")


def train(folder, *options):
    data = folder / "data.txt"
    data.write_text("the quick brown fox jumps over the lazy dog\n" * 50)
    small = ["--hidden-size", "16", "--layers", "1", "--heads", "2", "--kv-heads", "1", "--vocab-size", "280", "--context", "16", "--steps", "1",
             "--validation-fraction", "0"]
    return subprocess.run([str(BINARY.parent / "hearth-train"), "--train", str(data), "--output", str(folder / "model"), *small, *options],
                          capture_output=True, text=True, timeout=120)


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error_that_says_so(tmp_path):
    refused = train(tmp_path, "--device", "cuda")
    assert refused.returncode == 2
    assert "--device cuda: this machine has no NVIDIA GPU" in refused.stderr
    assert not (tmp_path / "model").exists()


def test_by_default_the_processor_takes_over_and_says_why(tmp_path):
    trained = train(tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "computing on cpu: this machine has no NVIDIA GPU" in trained.stderr
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_other_devices_are_refused_by_name(tmp_path):
    refused = train(tmp_path, "--device", "tpu")
    assert refused.returncode == 2 and "--device" in refused.stderr
