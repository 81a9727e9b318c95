"""codegen/ makes of the toy model in codegen/golden exactly what is written there, and refuses overlays that name nothing."""
import json
import os
import subprocess
import sys

import pytest

from codec_probe import ROOT

GOLDEN = ROOT / "codegen" / "golden"


def generate(overlay, out):
    environment = dict(os.environ, AWS_MODELS_DIR=str(GOLDEN / "models"))
    command = [sys.executable, "-m", "codegen", "generate", "--overlay", str(overlay), "--out", str(out)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_generated_code_is_as_expected(tmp_path):
    run = generate(GOLDEN / "toy.json", tmp_path)
    assert run.returncode == 0, run.stderr
    expected = {path.name: path.read_text() for path in (GOLDEN / "expected").iterdir()}
    made = {path.name: path.read_text() for path in tmp_path.iterdir() if path.name != "generated.stamp"}
    assert set(made) == set(expected)
    for name in expected:
        assert made[name] == expected[name], name


@pytest.mark.parametrize("change, complaint", [
    ({"operations": {"MeltToy": {}}}, "MeltToy"),
    ({"operations": {"PaintToy": {"actoin": "toy:PaintToy"}}}, "actoin"),
    ({"operations": {"PaintToy": {"action": "toy:PaintToy"}}}, "PaintToy"),
    ({"operations": {"PaintToy": {"action": "toy:PaintToy", "resource": "tyo"}}}, "tyo"),
    ({"operations": {"PaintToy": {"action": "toy:PaintToy", "resource": "toy", "also": [{"resource": "toy", "when": "it is wet"}]}}}, "PaintToy"),
    ({"errors": {"ToyIsWetException": {"message": "no status"}}}, "ToyIsWetException"),
    ({"corrections": {"Tyo": {"min": 1, "reason": "a typing error"}}}, "Tyo"),
    ({"corrections": {"Toy$Wheels": {"min": 1, "reason": "no such member"}}}, "Toy$Wheels"),
    ({"corrections": {"Count": {"min": 1}}}, "gives no reason"),
])
def test_overlays_that_do_not_fit_the_model_are_refused(tmp_path, change, complaint):
    overlay = tmp_path / "toy.json"
    overlay.write_text(json.dumps(json.loads((GOLDEN / "toy.json").read_text()) | change))
    run = generate(overlay, tmp_path / "out")
    assert run.returncode != 0 and complaint in run.stderr, run.stderr
    assert not (tmp_path / "out" / "types.h").exists()
