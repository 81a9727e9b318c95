"""Emits one Markdown page per service: every operation, served or not, with its quirks."""
import pathlib
import sys

from .model import Service


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
        lines += ["## Served", "", "| operation | IAM action | quirks |", "|---|---|---|"]
        for name in sorted(served):
            entry = served[name]
            actions = entry.get("action", "")
            actions = ", ".join(f"`{a}`" for a in ([actions] if isinstance(actions, str) else actions) if a)
            lines.append(f"| {name} | {actions} | {entry.get('quirks', '')} |")
        lines.append("")
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
