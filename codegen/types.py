"""Emits types.h (structures, enumerations, operation tags), errors.h and service.h."""
from .model import identifier, snake_case


def cpp_string(text):
    out = []
    for char in text:
        if 32 <= ord(char) < 127 and char not in '"\\?':
            out.append(char)
        elif char in '"\\?':
            out.append("\\" + char)
        else:
            out += ["\\%03o" % byte for byte in char.encode("utf-8", "surrogatepass")]
    return '"' + "".join(out) + '"'


def emit_types(service):
    lines = [f"// Made by codegen/ from the official model of {service.name} and models/{service.name}.json. Not to be edited.",
             "#pragma once", "", "#include <string>", "#include <string_view>", "#include <vector>", "",
             '#include "wire/values.h"', "", f"namespace hearth::api::{service.namespace} {{", ""]
    for name in service.used:
        shape = service.shapes[name]
        if shape["type"] == "string" and shape.get("enum"):
            lines.append(f"struct {identifier(name)} {{")
            taken = set()
            for value in shape["enum"]:
                constant = identifier(value)
                while constant in taken or constant == identifier(name):
                    constant += "_"
                taken.add(constant)
                lines.append(f"  static constexpr std::string_view {constant}{{{cpp_string(value)}}};")
            lines.append("};")
    lines.append("")
    lines += [f"struct {identifier(n)};" for n in service.structures]
    for name in service.structures:
        lines.append(f"struct {identifier(name)} {{")
        for member in service.members(name):
            kind = member["type"]
            # A member may be called like a type of ours: always say whose type it is.
            if member["kind"] == "structure":
                kind = f"api::{service.namespace}::{kind}"
            if member["boxed"]:
                kind = f"wire::Opt<wire::Box<{kind}>>"
            elif not member["plain"] and member["kind"] not in ("stream", "events"):
                kind = f"wire::Opt<{kind}>"
            # Lists that close a cycle hold a type that is not complete yet, which an initialiser would need.
            initialiser = "" if kind.startswith("wire::Opt") or kind.startswith("std::vector") else "{}"
            lines.append(f"  {kind} {member['cpp']}{initialiser};")
        lines.append("};")
    lines += ["", "namespace op {"]
    for index, (name, operation) in enumerate(service.operations):
        input_type = identifier(operation["input"]["shape"]) if "input" in operation else "wire::Unit"
        output_type = identifier(operation["output"]["shape"]) if "output" in operation else "wire::Unit"
        lines += [f"struct {identifier(name)} {{", f"  using Input = {qualify(service, input_type)};",
                  f"  using Output = {qualify(service, output_type)};",
                  f"  static constexpr std::uint16_t index = {index};",
                  f"  static constexpr std::string_view name{{{cpp_string(name)}}};", "};"]
    lines += ["}  // namespace op", "", f"}}  // namespace hearth::api::{service.namespace}", ""]
    return "\n".join(lines)


def qualify(service, type_name):
    return f"hearth::{type_name}" if type_name.startswith("wire::") else f"api::{service.namespace}::{type_name}"


def emit_errors(service):
    lines = [f"// Made by codegen/: errors of {service.name} with their HTTP status. Not to be edited.", "#pragma once", "",
             "#include <string>", "", '#include "base/result.h"', "", f"namespace hearth::api::{service.namespace}::errors {{", ""]
    taken = set()
    for code, (status, message) in service.error_catalogue().items():
        function = snake_case(identifier(code.replace(".", "_")))
        if function in taken:
            continue
        taken.add(function)
        default = f" = {cpp_string(message)}" if message else ""
        lines.append(f"inline hearth::Error {function}(std::string message{default}) "
                     f"{{ return hearth::Error::aws({cpp_string(code)}, {status}, std::move(message)); }}")
    lines += ["", f"}}  // namespace hearth::api::{service.namespace}::errors", ""]
    return "\n".join(lines)


def emit_service(service):
    return "\n".join([f"// Made by codegen/: the tables of {service.name}. Not to be edited.", "#pragma once", "",
                      '#include "wire/schema.h"', "", f"namespace hearth::api::{service.namespace} {{",
                      "extern const wire::ServiceSchema schema;", f"}}  // namespace hearth::api::{service.namespace}", ""])


def emit_operations(service):
    """For code that wants every operation: define HEARTH_OPERATION(name), then include this."""
    lines = [f"// Made by codegen/: the operations of {service.name}, in the order of its tables. Not to be edited."]
    lines += [f"HEARTH_OPERATION({identifier(name)})" for name, _ in service.operations]
    return "\n".join(lines) + "\n"
