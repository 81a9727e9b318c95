#!/usr/bin/env python3
"""What `./dev tidy` checks. Prints one line per finding, exits 1 if there is any.

- doors: a file includes only what its room may (ARCHITECTURE.md draws the same table)
- format: clang-format-19 would change nothing
- every folder that holds code has a README.md of at most one screen
- every relative link in a Markdown file leads to a file
- no registry host or path of a machine in a committed file
- docs/services matches models/
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
README_LINES_MAX = 60

# Room -> prefixes of project includes it may use besides its own folder. The longest name that fits a file is its room.
DOORS = {
    "src/base": [],
    "src/http": ["base/"],
    "src/wire": ["base/", "http/message.h"],
    "src/ports": ["base/"],
    "src/gateway": ["base/", "http/", "wire/", "ports/"],
    "src/services/*": ["base/", "ports/", "api/", "wire/values.h"],  # values.h: what generated types are made of
    "src/engines/*": ["base/", "ports/", "engines/common/"],
    "src/cli": ["base/", "http/", "wire/", "api/"],
    "src/server": None,  # sees everything
    "llm/common": ["base/", "http/client.h", "wire/sigv4.h"],
    "llm/convert": ["base/"],
    "llm/infer": ["base/", "http/", "llm/common/", "llm/convert/"],
    "llm/train": ["base/", "llm/common/", "llm/convert/"],
    "llm/testing": ["base/"],
    # Look at rooms from outside; nobody includes them.
    "bench/*": ["base/", "http/", "wire/", "api/", "ports/", "engines/"],
    "fuzz": ["base/", "http/", "wire/", "api/", "services/", "engines/", "llm/"],
    "tests": ["base/", "http/message.h", "wire/", "api/"],
    "cmake": ["base/", "ports/", "wire/"],  # what precompiled headers hold, for rooms that may include it
}
# Tests may use the memory engine and the faulty decorators; contract suites live in ports/.
TEST_EXTRA = {
    "src": ["engines/memory/", "engines/faulty/", "engines/common/", "ports/", "base/", "wire/", "api/"],
    "llm": ["llm/testing/", "http/server.h"],
}
PROJECT_PREFIXES = ("base/", "http/", "wire/", "ports/", "gateway/", "services/", "engines/", "server/", "cli/", "api/", "llm/", "bench/", "fuzz/")
THIRD_PARTY_ROOMS = {  # header prefix -> rooms whose files may include it
    "rocksdb/": ["src/engines/rocksdb"],
    "archive": ["src/engines/images"],
    "boost/asio": ["src/http", "src/server", "bench/http"],
    "boost/beast": ["src/http", "bench/http"],
    "torch/": ["llm/train"],
    "ATen/": ["llm/train"],
    "c10/": ["llm/train"],
    "llama": ["llm/infer", "llm/convert"],
    "gguf": ["llm/infer", "llm/convert"],
    "ggml": ["llm/infer", "llm/convert"],
}
FORBIDDEN_TEXT = [
    (re.compile(r"registry\.npmjs|files\.pythonhosted|pypi\.org|deb\.debian|crates\.io/api|proxy\.golang|repo\.maven"), "a registry's host"),
    (re.compile(r"^--(find-links|index-url|extra-index-url|trusted-host)", re.M), "where one machine gets its packages"),
    (re.compile(r"/work/(main|wt|shared|\.library)|/root/\.(cache|pyenv)"), "a path of a machine"),
]

findings = []


def find(path, text):
    findings.append(f"{path.relative_to(ROOT) if path.is_absolute() else path}: {text}")


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
                         cwd=ROOT, check=True, capture_output=True).stdout
    return [ROOT / name for name in out.decode().split("\0") if name and (ROOT / name).exists()]


def room_of(path):
    """The room a file lies in, and the start of what it includes from its own folder; None for what has no door."""
    parts = path.relative_to(ROOT).parts
    for depth in (3, 2, 1):
        for name in ("/".join(parts[:depth]), "/".join((*parts[:depth - 1], "*"))):
            if len(parts) > depth and name in DOORS:
                return name, "/".join(parts[:depth]).removeprefix("src/") + "/"
    return None


def check_doors(files):
    include = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
    for path in files:
        relative = str(path.relative_to(ROOT))
        if relative.startswith("codegen/golden/"):
            continue  # what the generator writes, beside the room it is written for
        found = room_of(path)
        if not found:
            find(path, "lies in no room: tools/tidy.py and ARCHITECTURE.md say which there are")
            continue
        room, home = found
        allowed = DOORS[room]
        is_test = path.name.endswith(("_test.cpp", "_test_support.h", "_fixture.h", "_contract.h", "_test_support.cpp"))
        extra = TEST_EXTRA.get(relative.split("/")[0], []) if is_test else []
        for quote, name in include.findall(path.read_text(encoding="utf-8")):
            if name.startswith(PROJECT_PREFIXES):
                if allowed is None or name.startswith(home) or any(name.startswith(p) for p in [*allowed, *extra]):
                    continue
                if is_test and room == "src/engines/*" and name.startswith("engines/"):
                    continue  # an engine that stands on other ports is also tested on their real engines
                find(path, f"{home[:-1]} may not include {name}")
            for prefix, rooms in THIRD_PARTY_ROOMS.items():
                if name.startswith(prefix) and not any(relative.startswith(r + "/") for r in rooms):
                    find(path, f"only {', '.join(rooms)} may include {name}")


def check_format(files):
    files = [f for f in files if not f.is_relative_to(ROOT / "codegen" / "golden")]  # as the generator writes it
    if not files:
        return
    run = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *map(str, files)], cwd=ROOT, capture_output=True, text=True)
    unformatted = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "code should be clang-formatted" in line})
    for name in unformatted:
        find(pathlib.Path(name), "not formatted: run ./dev fmt")


def check_readmes(files):
    folders = {path.parent for path in files if path.suffix in (".cpp", ".h", ".py", ".sh", ".mjs")}
    for folder in sorted(folders):
        # A room's sub-folders may be described by the room.
        candidates = [folder, *folder.parents]
        described = next((c for c in candidates if c.is_relative_to(ROOT) and (c / "README.md").exists()), None)
        depth_limit = ROOT if folder.parent == ROOT else folder.parent
        if described is None or described == ROOT or described not in (folder, depth_limit):
            find(folder, "has no README.md")
    for path in tracked("*README.md"):
        if path == ROOT / "README.md":
            continue
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > README_LINES_MAX:
            find(path, f"{lines} lines; a folder's README is one screen ({README_LINES_MAX})")


def check_links():
    link = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
    for path in tracked("*.md"):
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
        for target in link.findall(text):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                find(path, f"dead link {target}")


def check_text():
    for path in tracked():
        if path == pathlib.Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for pattern, what in FORBIDDEN_TEXT:
            match = pattern.search(text)
            if match:
                find(path, f"names {what}: {match.group(0)}")


def check_generated_docs():
    if not (ROOT / "codegen" / "__main__.py").exists():
        return
    run = subprocess.run([sys.executable, "-m", "codegen", "docs", "--models", "models", "--out", "docs/services", "--check"],
                         cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        find(ROOT / "docs/services", (run.stdout + run.stderr).strip() or "stale: run ./dev gen")


def main():
    cpp = tracked("*.cpp", "*.h")
    check_doors(cpp)
    check_format(cpp)
    check_readmes(tracked())
    check_links()
    check_text()
    check_generated_docs()
    for line in findings:
        print(line)
    print(f"tidy: {len(findings)} finding(s) in {len(cpp)} C++ files", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
