"""Emits tables.cpp: pointer-free index tables that one codec per protocol walks (src/wire/schema.h)."""
from .model import identifier
from .types import cpp_string

KIND = {"boolean": "boolean", "integer": "i32", "long": "i64", "float": "f32", "double": "f64", "string": "string",
        "blob": "blob", "timestamp": "timestamp", "list": "list", "map": "map", "structure": "structure",
        "document": "document", "stream": "stream", "events": "events"}
TIMESTAMP = {None: "unset", "iso8601": "iso8601", "rfc822": "http_date", "unixTimestamp": "unix_seconds"}
LOCATION = {None: "body", "header": "header", "headers": "headers", "querystring": "query", "uri": "label",
            "statusCode": "status", "payload": "payload"}
NONE = 0xFFFF

# Classes of characters that Java's regular expressions name and PCRE2 does not:
# https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html#posix
JAVA_CLASSES = {r"\p{Print}": r"\x20-\x7e", r"\p{Graph}": r"\x21-\x7e", r"\p{ASCII}": r"\x00-\x7f", r"\p{Alnum}": "0-9A-Za-z",
                r"\p{Alpha}": "A-Za-z", r"\p{Digit}": "0-9", r"\p{Lower}": "a-z", r"\p{Upper}": "A-Z",
                r"\p{Space}": r"\t-\r\x20", r"\p{XDigit}": "0-9A-Fa-f"}


def portable_pattern(pattern):
    """The model's regular expression as PCRE2 takes it."""
    out, at, is_in_class = "", 0, False
    while at < len(pattern):
        named = next((name for name in JAVA_CLASSES if pattern.startswith(name, at)), None)
        if named:
            out += JAVA_CLASSES[named] if is_in_class else f"[{JAVA_CLASSES[named]}]"
            at += len(named)
            continue
        length = 2 if pattern[at] == "\\" else 1
        if length == 1:
            is_in_class = pattern[at] == "[" or (is_in_class and pattern[at] != "]")
        out += pattern[at:at + length]
        at += length
    return out


class Tables:
    def __init__(self, service):
        self.service = service
        self.pool, self.pool_bytes = {"": 0}, bytearray(b"\0")
        self.types, self.type_index = [], {}
        self.constraints, self.constraint_index, self.enum_values = [None], {}, []
        self.list_ops, self.list_op_index = [], {}
        self.members, self.structures, self.operations = [], [], []
        for name in service.structures:
            first = len(self.members)
            for member in service.members(name):
                member["type_index"] = self.type_of(member["shape"], member["kind"], member["timestamp_format"])
                self.members.append(member)
            self.structures.append((name, first, len(self.members) - first))

    def string(self, text):
        """A reference into the pool: offset in the low 24 bits, length (255: until NUL) in the top byte."""
        if text not in self.pool:
            data = text.encode("utf-8", "surrogatepass")
            offset = len(self.pool_bytes)
            if offset >= 1 << 24:
                raise ValueError("string pool is full")
            self.pool[text] = offset | min(len(data), 255) << 24
            self.pool_bytes += data + b"\0"
        return self.pool[text]

    def constraint_of(self, name):
        shape = self.service.shapes[name]
        pattern = portable_pattern(shape.get("pattern") or "")
        key = (shape.get("min"), shape.get("max"), pattern, tuple(shape.get("enum", ())))
        if key == (None, None, "", ()):
            return 0
        if key not in self.constraint_index:
            self.constraint_index[key] = len(self.constraints)
            self.constraints.append((key, len(self.enum_values)))
            self.enum_values += key[3]
        return self.constraint_index[key]

    def ops_of(self, cpp_type, form):
        if (cpp_type, form) not in self.list_op_index:
            self.list_op_index[cpp_type, form] = len(self.list_ops)
            self.list_ops.append((cpp_type, form))
        return self.list_op_index[cpp_type, form]

    def type_of(self, name, kind=None, timestamp_format=None):
        service = self.service
        kind = kind or service.kind(name)
        shape = service.shapes[name]
        timestamp_format = timestamp_format or shape.get("timestampFormat")
        key = (name, kind, timestamp_format)
        if key in self.type_index:
            return self.type_index[key]
        index = self.type_index[key] = len(self.types)
        entry = {"kind": kind, "timestamp": TIMESTAMP[timestamp_format], "flattened": bool(shape.get("flattened")),
                 "sensitive": bool(shape.get("sensitive")), "union": bool(shape.get("union")), "element": NONE, "key": NONE,
                 "ops": NONE, "element_name": "", "key_name": "", "constraint": self.constraint_of(name)}
        self.types.append(entry)
        if kind == "list":
            entry["element"] = self.type_of(shape["member"]["shape"])
            entry["element_name"] = shape["member"].get("locationName") or "member"
            entry["ops"] = self.ops_of(service.cpp_type(shape["member"]["shape"]), "list")
        elif kind == "map":
            entry["element"] = self.type_of(shape["value"]["shape"])
            entry["key"] = self.type_of(shape["key"]["shape"])
            entry["key_name"] = shape["key"].get("locationName") or "key"
            entry["element_name"] = shape["value"].get("locationName") or "value"
            entry["ops"] = self.ops_of(service.cpp_type(shape["value"]["shape"]), "map")
        elif kind == "events":
            entry["element"] = service.structure_index[name]
        elif kind == "structure":
            entry["element"] = service.structure_index[name]
            if any(boxed == name for _, boxed in service.boxed):
                entry["ops"] = self.ops_of(service.cpp_type(name), "box")
        return index

    # --- emitting

    def emit(self):
        service = self.service
        body = []
        body.append("constexpr ListOps list_op_table[] = {")
        body += [f"    {form}_ops<{cpp_type}>()," for cpp_type, form in self.list_ops]
        body.append("    {}};")
        body.append("constexpr TypeEntry types[] = {")
        for t in self.types:
            flags = " | ".join(f"TypeFlag::{n}" for n in ("flattened", "sensitive", "union") if t[n]).replace("union", "union_") or "0"
            body.append(f"    {{Kind::{KIND[t['kind']]}, TimestampFormat::{t['timestamp']}, {flags}, {self.string(t['element_name'])}, "
                        f"{self.string(t['key_name'])}, {t['element']}, {t['key']}, {t['ops']}, {t['constraint']}}},")
        body.append("    {}};")
        body.append("constexpr MemberEntry members[] = {")
        for m in self.members:
            field = f"{identifier(m['owner'])}, {m['cpp']}"
            offsets = (f"offsetof({field}), no_index" if m["plain"] or m["kind"] in ("stream", "events")
                       else f"offsetof({field}.v), offsetof({field}.has)")
            names = ("required", "flattened", "attribute", "idempotency", "boxed", "plain")
            flags = " | ".join(f"MemberFlag::{n}" for n in names if m[n]) or "0"
            body.append(f"    {{{self.string(m['name'])}, {self.string(m['wire'])}, {self.string(m['form'])}, {self.string(m['xmlns'])}, "
                        f"{m['type_index']}, {offsets}, Location::{LOCATION[m['location']]}, {flags}}},")
        body.append("    {}};")
        body.append("constexpr StructEntry structs[] = {")
        roots = service.overlay.get("response_roots", {})
        for name, first, count in self.structures:
            shape = service.shapes[name]
            payload = list(shape["members"]).index(shape["payload"]) if shape.get("payload") else NONE
            root = roots.get(name) or shape.get("locationName", "")
            flags = "StructFlag::union_" if shape.get("union") else "0"
            body.append(f"    {{{self.string(name)}, {self.string(root)}, {first}, {count}, {payload}, {flags}}},")
        body.append("    {}};")
        body.append("constexpr OperationEntry operations[] = {")
        for name, operation in service.operations:
            http, source, target = operation["http"], operation.get("input"), operation.get("output")
            flags = []
            if (operation.get("authtype") == "none" or "smithy.api#noAuth" in operation.get("auth", [])
                    or service.overlay["operations"][name].get("unsigned")):
                flags.append("OperationFlag::unsigned_")
            if service.overlay["operations"][name].get("deprecated") or operation.get("deprecated"):
                flags.append("OperationFlag::deprecated")
            if source and any(service.kind(m["shape"], m) == "stream" for m in service.shapes[source["shape"]].get("members", {}).values()):
                flags.append("OperationFlag::streams_input")
            body.append(
                f"    {{{self.string(name)}, {self.string(http['method'])}, {self.string(http.get('requestUri', '/'))}, "
                f"{self.string((target or {}).get('resultWrapper', ''))}, {self.string((source or {}).get('locationName', ''))}, "
                f"{self.string(((source or {}).get('xmlNamespace') or {}).get('uri', ''))}, "
                f"{self.string((operation.get('endpoint') or {}).get('hostPrefix', ''))}, "
                f"{service.structure_index[source['shape']] if source else NONE}, "
                f"{service.structure_index[target['shape']] if target else NONE}, {http.get('responseCode', 200)}, "
                f"{' | '.join(flags) or 0}}},")
        body.append("    {}};")
        body.append("constexpr ConstraintEntry constraints[] = {")
        for constraint in self.constraints:
            if constraint is None:
                body.append("    {},")
                continue
            (low, high, pattern, values), first = constraint
            body.append(f"    {{{float(low) if low is not None else -1e300!r}, {float(high) if high is not None else 1e300!r}, "
                        f"{self.string(pattern)}, {first}, {len(values)}}},")
        body.append("    };")
        enum_refs = [self.string(v) for v in self.enum_values]
        body.append("constexpr std::uint32_t enum_values[] = {" + ", ".join(map(str, enum_refs + [0])) + "};")
        unserved = [o for o in service.all_operations if o not in dict(service.operations)]
        body.append("constexpr UnservedEntry unserved[] = {")
        for name in unserved:
            operation = service.model["operations"][name]
            body.append(f"    {{{self.string(name)}, {self.string(operation['http']['method'])}, "
                        f"{self.string(operation['http'].get('requestUri', '/'))}}},")
        body.append("    {}};")

        protocols = " | ".join("ProtocolSet::" + p.replace("-", "_").replace("smithy_rpc_v2_cbor", "rpc_cbor").replace("ec2", "ec2_query")
                               for p in service.protocols)
        metadata = service.metadata
        namespace = metadata.get("xmlNamespace")
        settings = service.overlay.get("service", {})
        header = [f"// Made by codegen/ from the official model of {service.name}. Not to be edited.", "#include <cstddef>", "",
                  f'#include "api/{service.namespace}/service.h"', f'#include "api/{service.namespace}/types.h"', "",
                  "// offsetof of members of aggregates that hold strings: fine on every compiler we build with.",
                  '#pragma clang diagnostic ignored "-Winvalid-offsetof"', "",
                  f"namespace hearth::api::{service.namespace} {{", "namespace {", "using namespace wire;", ""]
        pool = bytes(self.pool_bytes)
        header.append("constexpr char pool[] =")
        for start in range(0, len(pool), 100):
            header.append("    " + pool_literal(pool[start:start + 100]))
        header[-1] += ";"
        primary = "Protocol::" + {"rest-xml": "rest_xml", "query": "query", "ec2": "ec2_query", "json": "json",
                                  "rest-json": "rest_json", "smithy-rpc-v2-cbor": "rpc_cbor"}[service.protocol]
        footer = ["}  // namespace", "", "constinit const wire::ServiceSchema schema = {",
                  f"    .name = {cpp_string(service.name)},", f"    .primary_protocol = wire::{primary},",
                  f"    .protocols = {protocols},",
                  f"    .xml_namespace = {cpp_string(namespace if isinstance(namespace, str) else (namespace or {}).get('uri', '') if namespace else '')},",
                  f"    .target_prefix = {cpp_string(metadata.get('targetPrefix', ''))},",
                  f"    .api_version = {cpp_string(metadata['apiVersion'])},",
                  f"    .signing_name = {cpp_string(metadata.get('signingName') or metadata['endpointPrefix'])},",
                  f"    .endpoint_prefix = {cpp_string(metadata['endpointPrefix'])},",
                  f"    .json_version = {cpp_string(metadata.get('jsonVersion', '1.0'))},",
                  f"    .query_compatible = {'true' if metadata.get('awsQueryCompatible') is not None else 'false'},",
                  f"    .open_enums = {'true' if settings.get('open_enums') else 'false'},",
                  f"    .validation_error = {cpp_string(settings.get('validation_error', 'ValidationException'))},",
                  f"    .not_implemented_error = {cpp_string(settings.get('not_implemented_error', 'NotImplemented'))},",
                  f"    .denied_error = {cpp_string(settings.get('denied_error', ''))},",
                  "    .pool = pool,", "    .types = types,", "    .members = members,", "    .structs = structs,",
                  "    .operations = operations,", "    .constraints = constraints,", "    .enum_values = enum_values,",
                  "    .list_ops = list_op_table,", "    .unserved = unserved,", f"    .operation_count = {len(service.operations)},",
                  f"    .struct_count = {len(self.structures)},", f"    .unserved_count = {len(unserved)},", "};", "",
                  f"}}  // namespace hearth::api::{service.namespace}", ""]
        return "\n".join(header + body + footer)


def pool_literal(data):
    # Octal escapes take at most three digits, so a digit after one is safe.
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else "\\%03o" % b for b in data) + '"'


def emit_tables(service):
    return Tables(service).emit()
