"""rclone, unmodified: a tree goes up, is checked, synchronised, read in parts, and comes back."""
import hashlib
import os
import shutil
import subprocess

import pytest
from conftest import ACCESS_KEY, SECRET_KEY

pytestmark = pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed: ./dev setup installs it")
MEBIBYTE = 1 << 20


@pytest.fixture
def rclone(hearth, tmp_path):
    """rclone("copy", "a", "hearth:b") runs it with nothing but this server configured; returns what it prints."""
    config = tmp_path / "rclone.conf"
    config.write_text(f"[hearth]\ntype = s3\nprovider = Other\nendpoint = {hearth.url}\nregion = us-east-1\n"
                      f"access_key_id = {ACCESS_KEY}\nsecret_access_key = {SECRET_KEY}\nforce_path_style = true\n")

    def run(*arguments, rc=0):
        command = ["rclone", "--config", str(config), "--retries", "1", "--low-level-retries", "1", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def tree(tmp_path):
    """A folder with what makes trouble: big, empty and odd names."""
    folder = tmp_path / "tree"
    files = {"weights.bin": os.urandom(12 * MEBIBYTE + 5), "empty": b"", "data/train.jsonl": b'{"a": 1}\n' * 1000, "data/ü b+c&d.txt": b"odd", "deep/er/and/deeper": b"x"}
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_a_tree_goes_up_and_comes_back(rclone, tree, tmp_path):
    rclone("mkdir", "hearth:backup")
    rclone("copy", tree, "hearth:backup/tree", "--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi")
    rclone("check", tree, "hearth:backup/tree")
    listed = rclone("lsf", "-R", "--files-only", "hearth:backup/tree").splitlines()
    assert sorted(listed) == sorted(digests(tree))
    rclone("copy", "hearth:backup/tree", tmp_path / "back")
    assert digests(tmp_path / "back") == digests(tree)


def test_sync_makes_both_sides_the_same(rclone, tree, s3):
    rclone("sync", tree, "hearth:backup")
    (tree / "data" / "train.jsonl").write_bytes(b"changed\n")
    (tree / "new").write_bytes(b"new")
    (tree / "empty").unlink()
    assert "differences found" in rclone("check", tree, "hearth:backup", rc=1)
    rclone("sync", tree, "hearth:backup")
    rclone("check", tree, "hearth:backup")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="backup")["Contents"]]
    assert sorted(keys) == sorted(digests(tree))
    assert "There was nothing to transfer" in rclone("sync", tree, "hearth:backup", "-v")


def test_parts_moves_and_removals(rclone, tree, s3):
    rclone("copy", tree, "hearth:backup")
    body = (tree / "weights.bin").read_bytes()
    assert rclone("cat", "hearth:backup/data/train.jsonl", "--offset", "9", "--count", "9") == '{"a": 1}\n'
    rclone("moveto", "hearth:backup/weights.bin", "hearth:backup/moved.bin")
    assert s3.get_object(Bucket="backup", Key="moved.bin")["Body"].read() == body
    rclone("hashsum", "md5", "hearth:backup/moved.bin")
    rclone("purge", "hearth:backup/data")
    assert not [o for o in s3.list_objects_v2(Bucket="backup")["Contents"] if o["Key"].startswith("data/")]
    rclone("purge", "hearth:backup")
    assert s3.list_buckets()["Buckets"] == []
