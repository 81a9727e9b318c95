"""Emits one Markdown page per service: every operation, served or not, with its quirks."""
import pathlib
import sys

from .model import Service, accesses_of


def needs(entry):
    """`s3:PutObject` on object; with Tagging `s3:PutObjectTagging` on object"""
    shown = []
    for access in accesses_of(entry):
        actions, kinds = ", ".join(f"`{a}`" for a in access["action"]), ", ".join(access["resource"])
        shown.append(f"{actions} on {kinds}" + (f" ({access['when']})" if "when" in access else ""))
    return "; ".join(shown) or "nothing"


def page(service):
    overlay = service.overlay
    served = overlay.get("operations", {})
    count = len(served)
    lines = [f"# {service.metadata['serviceFullName']}", "",
             f"Made from the official API model and `models/{service.name}.json` by `./dev gen`. "
             f"{count} of {len(service.all_operations)} operations are served; the others answer "
             f"`{overlay.get('service', {}).get('not_implemented_error', 'NotImplemented')}` with status 501.", "",
             f"Protocols: {', '.join(service.protocols)}. Signing name: "
             f"`{service.metadata.get('signingName') or service.metadata['endpointPrefix']}`.", ""]
    for note in overlay.get("service", {}).get("notes", []):
        lines += [f"- {note}"]
    if overlay.get("service", {}).get("notes"):
        lines.append("")
    if served:
        lines += ["## Served", "", "| operation | needs | quirks |", "|---|---|---|"]
        for name in sorted(served):
            entry = served[name]
            lines.append(f"| {name} | {needs(entry)} | {entry.get('quirks', '')} |")
        lines += ["", "Kinds of resources are those of the Service Authorization Reference; `*` has none. A denial names the action and the resource.", ""]
        kinds = overlay.get("resources", {})
        if kinds:
            lines += ["| resource | ARN |", "|---|---|"] + [f"| {kind} | `{arn}` |" for kind, arn in sorted(kinds.items())] + [""]
    corrections = overlay.get("corrections", {})
    if corrections:
        lines += ["## Corrections to the official model", ""]
        lines += [f"- `{path}`: {c['reason']}" for path, c in sorted(corrections.items())]
        lines.append("")
    unserved = [o for o in service.all_operations if o not in served]
    if unserved:
        lines += ["## Not served", "", ", ".join(unserved) + ".", ""]
    return "\n".join(lines)


def run(arguments):
    out = pathlib.Path(arguments.out)
    pages, index = {}, ["# Services", "", "| service | served | of |", "|---|---|---|"]
    for overlay in sorted(pathlib.Path(arguments.models).glob("*.json")):
        service = Service(overlay.stem, overlay)
        pages[out / f"{service.name}.md"] = page(service)
        index.append(f"| [{service.name}]({service.name}.md) | {len(service.operations)} | {len(service.all_operations)} |")
    pages[out / "README.md"] = "\n".join(index) + "\n"
    stale = [p for p, text in pages.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    if arguments.check:
        for path in stale:
            print(f"{path} is stale: run ./dev gen", file=sys.stderr)
        return 1 if stale else 0
    out.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(pages[path], encoding="utf-8")
    return 0
