"""Loads one service's official model and its overlay, resolves what the emitters need, and refuses anything unknown."""
import gzip
import importlib.util
import json
import os
import pathlib
import re

PINNED_BOTOCORE = "1.43.11"

# Names that cannot be C++ members: keywords, and macros that system headers define.
RESERVED = set("""alignas alignof and asm auto bool break case catch char class const constexpr continue default delete do
double else enum explicit export extern false float for friend goto if inline int long mutable namespace new not operator or
private protected public register return short signed sizeof static struct switch template this throw true try typedef typeid
typename union unsigned using virtual void volatile while xor concept requires co_await co_return co_yield major minor unix
linux EOF NULL TRUE FALSE DELETE IN OUT ERROR DEBUG INFINITY NAN OVERFLOW UNDERFLOW DOMAIN errno stdin stdout stderr""".split())

OVERLAY_MEMBERS = {"service", "resources", "operations", "errors", "response_roots", "corrections"}

PROTOCOLS = ["rest-xml", "query", "ec2", "json", "rest-json", "smithy-rpc-v2-cbor"]


class ModelError(Exception):
    """A message for the person who runs the build."""


def snake_case(name):
    if re.fullmatch(r"[A-Z0-9]+", name):
        result = name.lower()
    else:
        result = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
        result = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", result)
        result = re.sub(r"[^A-Za-z0-9_]", "_", result).lower()
        result = re.sub(r"__+", "_", result)
    return result + "_" if result in RESERVED else result


def identifier(name):
    result = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not result or result[0].isdigit():
        result = "_" + result
    return result + "_" if result in RESERVED else result


def models_folder():
    """AWS_MODELS_DIR, else the data folder of the importable botocore at the pinned version."""
    folder = os.environ.get("AWS_MODELS_DIR")
    if folder:
        if not pathlib.Path(folder).is_dir():
            raise ModelError(f"AWS_MODELS_DIR={folder} is not a folder")
        return pathlib.Path(folder)
    spec = importlib.util.find_spec("botocore")
    if not spec:
        raise ModelError("the API models come from the Python package botocore, which cannot be imported: "
                         "run ./dev setup, or point AWS_MODELS_DIR at botocore's data folder")
    import botocore
    if botocore.__version__ != PINNED_BOTOCORE:
        raise ModelError(f"botocore {botocore.__version__} is importable but {PINNED_BOTOCORE} is pinned: run ./dev setup")
    return pathlib.Path(spec.origin).parent / "data"


def load_official(service):
    versions = sorted((models_folder() / service).glob("*/service-2.json*"))
    if not versions:
        raise ModelError(f"no model of {service} in {models_folder()}")
    path = versions[-1]
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return json.load(file)


def accesses_of(entry):
    """What an operation of an overlay touches: {"action", "resource"} with lists in both, and "when" if not always."""
    as_list = lambda value: [value] if isinstance(value, str) else value
    accesses = [entry] if "action" in entry else []
    return [{key: value if key == "when" else as_list(value) for key, value in access.items() if access is not entry or key in ("action", "resource")}
            for access in accesses + entry.get("also", [])]


class Service:
    """What emitters read: operations, the structures they reach, and the overlay's corrections applied."""

    def __init__(self, name, overlay_path):
        self.name = name
        self.namespace = name.replace("-", "_")
        self.model = load_official(name)
        self.overlay = json.loads(overlay_path.read_text(encoding="utf-8"))
        self.shapes = self.model["shapes"]
        self.metadata = self.model["metadata"]
        self.protocol = self.metadata["protocol"]
        self.protocols = [p for p in self.metadata.get("protocols", [self.protocol]) if p in PROTOCOLS]
        if self.protocol not in PROTOCOLS:
            raise ModelError(f"{name}: protocol {self.protocol} is not one we write")
        unknown = set(self.overlay) - OVERLAY_MEMBERS
        if unknown:
            raise ModelError(f"{overlay_path}: unknown members {sorted(unknown)}")
        self._apply_shape_corrections()
        self.all_operations = sorted(self.model["operations"])
        served = self.overlay.get("operations", {})
        unknown = [o for o in served if o not in self.model["operations"]]
        if unknown:
            raise ModelError(f"{overlay_path}: unknown operations {unknown}")
        self.operations = [(o, self.model["operations"][o]) for o in sorted(served)]
        self._check_errors(overlay_path)
        self._check_response_roots(overlay_path)
        self._reach_structures()

    # --- overlay

    def _apply_shape_corrections(self):
        for path, correction in self.overlay.get("corrections", {}).items():
            shape, _, member = path.partition("$")
            if shape not in self.shapes or (member and member not in self.shapes[shape].get("members", {})):
                raise ModelError(f"{self.name}: correction of unknown {path}")
            if not correction.get("reason"):
                raise ModelError(f"{self.name}: correction of {path} gives no reason")
            target = self.shapes[shape]["members"][member] if member else self.shapes[shape]
            for key, value in correction.items():
                if key == "reason":
                    continue
                if value is None:
                    target.pop(key, None)
                else:
                    target[key] = value

    def _check_errors(self, overlay_path):
        for operation, entry in self.overlay.get("operations", {}).items():
            unknown = set(entry) - {"action", "resource", "also", "quirks", "deprecated", "unsigned"}
            if unknown:
                raise ModelError(f"{overlay_path}: {operation} has unknown members {sorted(unknown)}")
            for access in accesses_of(entry):
                if set(access) - {"action", "resource", "when"} or not access.get("action"):
                    raise ModelError(f"{overlay_path}: an access of {operation} wants action, resource and perhaps when")
                kinds = access.get("resource", [])
                unknown = set(kinds) - set(self.overlay.get("resources", {})) - {"*"}
                if unknown or not kinds:
                    raise ModelError(f"{overlay_path}: {operation} touches resources of unknown kinds or of none: {sorted(unknown)}")
        for code, entry in self.overlay.get("errors", {}).items():
            if set(entry) - {"status", "message", "reason"} or not isinstance(entry.get("status"), int):
                raise ModelError(f"{overlay_path}: error {code} wants status, and optionally message and reason")

    def _check_response_roots(self, overlay_path):
        unknown = [shape for shape in self.overlay.get("response_roots", {}) if shape not in self.shapes]
        if unknown:
            raise ModelError(f"{overlay_path}: response roots of unknown structures {unknown}")

    def error_catalogue(self):
        """code -> (status, default message): the model's own error shapes, then the overlay's."""
        errors = {}
        for name, shape in self.shapes.items():
            if shape.get("exception") or shape.get("error"):
                error = shape.get("error", {})
                status = error.get("httpStatusCode") or (500 if shape.get("fault") else 400)
                errors[error.get("code", name)] = (status, "")
        for code, entry in self.overlay.get("errors", {}).items():
            errors[code] = (entry["status"], entry.get("message", ""))
        return dict(sorted(errors.items()))

    # --- structures

    def _reach_structures(self):
        used = {}
        for _, operation in self.operations:
            roots = [operation.get("input"), operation.get("output"), *operation.get("errors", [])]
            stack = [r["shape"] for r in reversed([r for r in roots if r])]
            while stack:
                name = stack.pop()
                if name in used:
                    continue
                used[name] = True
                shape = self.shapes[name]
                if shape["type"] == "structure":
                    stack += [m["shape"] for m in reversed(list(shape.get("members", {}).values()))]
                elif shape["type"] == "list":
                    stack.append(shape["member"]["shape"])
                elif shape["type"] == "map":
                    stack += [shape["key"]["shape"], shape["value"]["shape"]]
        self.used = list(used)
        self.structures = self._ordered([n for n in used if self.is_structure(n)])
        self.structure_index = {n: i for i, n in enumerate(self.structures)}

    def is_structure(self, name):
        shape = self.shapes[name]
        return shape["type"] == "structure" and not shape.get("document")

    def _ordered(self, names):
        """Structures after those they hold, in lists and maps too; by-value members that close a cycle are boxed."""
        self.boxed = set()
        ordered, state = [], {}

        def held(shape_name):
            """The structure behind lists and maps, and whether it is held by value."""
            by_value = True
            while self.shapes[shape_name]["type"] in ("list", "map"):
                shape, by_value = self.shapes[shape_name], False
                shape_name = (shape.get("member") or shape["value"])["shape"]
            return shape_name, by_value

        def visit(name):
            state[name] = "open"
            for member in self.shapes[name].get("members", {}).values():
                inner, by_value = held(member["shape"])
                if not self.is_structure(inner):
                    continue
                if state.get(inner) == "open" and by_value:
                    self.boxed.add((name, inner))
                elif inner not in state:
                    visit(inner)
            state[name] = "done"
            ordered.append(name)

        for name in names:
            if name not in state:
                visit(name)
        return ordered

    def kind(self, name, member=None):
        shape = self.shapes[name]
        if shape.get("document"):
            return "document"
        if shape.get("eventstream"):
            return "events"
        if shape["type"] == "blob" and ((member or {}).get("streaming") or shape.get("streaming")):
            return "stream"
        return {"character": "string"}.get(shape["type"], shape["type"])

    def cpp_type(self, name, member=None):
        shape, kind = self.shapes[name], self.kind(name, member)
        if kind == "list":
            return f"std::vector<{self.cpp_type(shape['member']['shape'])}>"
        if kind == "map":
            return f"wire::Map<{self.cpp_type(shape['value']['shape'])}>"
        if kind == "structure":
            return identifier(name)
        return {"boolean": "bool", "integer": "std::int32_t", "long": "std::int64_t", "float": "float", "double": "double",
                "string": "std::string", "blob": "wire::Blob", "timestamp": "wire::Timestamp", "document": "wire::Document",
                "stream": "wire::Stream", "events": "wire::Stream"}[kind]

    def members(self, structure):
        """One dict per member, with its names on every wire."""
        shape = self.shapes[structure]
        required, payload, taken = set(shape.get("required", [])), shape.get("payload"), set()
        for name, member in shape.get("members", {}).items():
            cpp_name = snake_case(name)
            while cpp_name in taken:
                cpp_name += "_"
            taken.add(cpp_name)
            target = self.shapes[member["shape"]]
            kind = self.kind(member["shape"], member)
            flattened = bool(member.get("flattened") or target.get("flattened"))
            boxed = (structure, member["shape"]) in self.boxed
            element_name = target["member"].get("locationName") if kind == "list" else None
            wire = member.get("locationName") or name
            # botocore names a flattened list's elements by the element, not the member, unless the member says otherwise.
            if flattened and element_name and "locationName" not in member and ("query" in self.protocols or self.protocol == "rest-xml"):
                wire = element_name
            form = wire
            if self.protocol == "ec2":
                location = member.get("locationName", "")
                form = member.get("queryName") or (location[:1].upper() + location[1:] if location else name)
            yield {
                "name": name, "cpp": cpp_name, "shape": member["shape"], "kind": kind, "owner": structure,
                "location": "payload" if name == payload else member.get("location"),
                "required": name in required, "flattened": flattened, "boxed": boxed,
                "plain": name in required and not boxed and kind not in ("stream", "events"),
                "attribute": bool(member.get("xmlAttribute")), "idempotency": bool(member.get("idempotencyToken")),
                "wire": wire, "form": form, "xmlns": (member.get("xmlNamespace") or {}).get("uri", ""),
                "type": self.cpp_type(member["shape"], member),
                "timestamp_format": member.get("timestampFormat"),
            }
