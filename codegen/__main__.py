"""python -m codegen generate --overlay models/s3.json --out DIR     types.h, errors.h, service.h, operations.inc, tables.cpp
python -m codegen docs --models models --out docs/services [--check]"""
import argparse
import pathlib
import sys

from . import docs, tables, types
from .model import ModelError, Service


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(arguments):
    overlay = pathlib.Path(arguments.overlay)
    service = Service(overlay.stem, overlay)
    out = pathlib.Path(arguments.out)
    write_if_changed(out / "types.h", types.emit_types(service))
    write_if_changed(out / "errors.h", types.emit_errors(service))
    write_if_changed(out / "service.h", types.emit_service(service))
    write_if_changed(out / "operations.inc", types.emit_operations(service))
    write_if_changed(out / "tables.cpp", tables.emit_tables(service))
    (out / "generated.stamp").touch()
    return 0


def main():
    parser = argparse.ArgumentParser(prog="codegen", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("generate")
    command.add_argument("--overlay", required=True)
    command.add_argument("--out", required=True)
    command.set_defaults(run=generate)
    command = commands.add_parser("docs")
    command.add_argument("--models", required=True)
    command.add_argument("--out", required=True)
    command.add_argument("--check", action="store_true", help="fail if a page would change")
    command.set_defaults(run=docs.run)
    arguments = parser.parse_args()
    try:
        return arguments.run(arguments)
    except ModelError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
