// Made by codegen/ from the official model of toy. Not to be edited.
#include <cstddef>

#include "api/toy/service.h"
#include "api/toy/types.h"

// offsetof of members of aggregates that hold strings: fine on every compiler we build with.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace hearth::api::toy {
namespace {
using namespace wire;

constexpr char pool[] =
    "\000value\000key\000member\000Counts\000Name\000Colour\000default\000PaintedAt\000Parts\000Twin\000Picture\000Message\000ToyCounts\000PaintToy"
    "Request\000Toy\000ToyNotFoundException\000CountToys\000POST\000/\000PaintToy\000[a-z\077]+\000red\000dark-green\0002tone\000BreakToy\000";
constexpr ListOps list_op_table[] = {
    map_ops<std::int64_t>(),
    box_ops<Toy>(),
    list_ops<Toy>(),
    {}};
constexpr TypeEntry types[] = {
    {Kind::map, TimestampFormat::unset, 0, 83886081, 50331655, 1, 2, 0, 0},
    {Kind::i64, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 0},
    {Kind::string, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 1},
    {Kind::string, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 2},
    {Kind::boolean, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 0},
    {Kind::timestamp, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 0},
    {Kind::list, TimestampFormat::unset, 0, 100663307, 0, 7, 65535, 2, 0},
    {Kind::structure, TimestampFormat::unset, 0, 0, 0, 2, 65535, 1, 0},
    {Kind::blob, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 0},
    {Kind::string, TimestampFormat::unset, 0, 0, 0, 65535, 65535, 65535, 0},
    {}};
constexpr MemberEntry members[] = {
    {100663314, 100663314, 100663314, 0, 0, offsetof(ToyCounts, counts), no_index, Location::body, MemberFlag::required | MemberFlag::plain},
    {67108889, 67108889, 67108889, 0, 3, offsetof(PaintToyRequest, name), no_index, Location::body, MemberFlag::required | MemberFlag::plain},
    {100663326, 100663326, 100663326, 0, 2, offsetof(PaintToyRequest, colour.v), offsetof(PaintToyRequest, colour.has), Location::body, 0},
    {117440549, 117440549, 117440549, 0, 4, offsetof(PaintToyRequest, default_.v), offsetof(PaintToyRequest, default_.has), Location::body, 0},
    {67108889, 67108889, 67108889, 0, 3, offsetof(Toy, name.v), offsetof(Toy, name.has), Location::body, 0},
    {150994989, 150994989, 150994989, 0, 5, offsetof(Toy, painted_at.v), offsetof(Toy, painted_at.has), Location::body, 0},
    {83886135, 83886135, 83886135, 0, 6, offsetof(Toy, parts.v), offsetof(Toy, parts.has), Location::body, 0},
    {67108925, 67108925, 67108925, 0, 7, offsetof(Toy, twin.v), offsetof(Toy, twin.has), Location::body, MemberFlag::boxed},
    {117440578, 117440578, 117440578, 0, 8, offsetof(Toy, picture.v), offsetof(Toy, picture.has), Location::body, 0},
    {117440586, 117440586, 117440586, 0, 9, offsetof(ToyNotFoundException, message.v), offsetof(ToyNotFoundException, message.has), Location::body, 0},
    {}};
constexpr StructEntry structs[] = {
    {150995026, 0, 0, 1, 65535, 0},
    {251658332, 0, 1, 3, 65535, 0},
    {50331756, 0, 4, 5, 65535, 0},
    {335544432, 0, 9, 1, 65535, 0},
    {}};
constexpr OperationEntry operations[] = {
    {150995077, 67109007, 16777364, 0, 0, 0, 0, 65535, 0, 200, 0},
    {134217878, 67109007, 16777364, 0, 0, 0, 0, 1, 2, 200, 0},
    {}};
constexpr ConstraintEntry constraints[] = {
    {},
    {-1e+300, 1e+300, 0, 0, 3},
    {1.0, 40.0, 117440671, 3, 0},
    };
constexpr std::uint32_t enum_values[] = {50331815, 167772331, 83886262, 0};
constexpr UnservedEntry unserved[] = {
    {134217916, 67109007, 16777364},
    {}};
}  // namespace

constinit const wire::ServiceSchema schema = {
    .name = "toy",
    .primary_protocol = wire::Protocol::json,
    .protocols = ProtocolSet::json | ProtocolSet::rpc_cbor,
    .xml_namespace = "",
    .target_prefix = "Toy_20260101",
    .api_version = "2026-01-01",
    .signing_name = "toy",
    .endpoint_prefix = "toy",
    .json_version = "1.1",
    .query_compatible = false,
    .open_enums = false,
    .validation_error = "ValidationException",
    .not_implemented_error = "NotImplemented",
    .denied_error = "",
    .pool = pool,
    .types = types,
    .members = members,
    .structs = structs,
    .operations = operations,
    .constraints = constraints,
    .enum_values = enum_values,
    .list_ops = list_op_table,
    .unserved = unserved,
    .operation_count = 2,
    .struct_count = 4,
    .unserved_count = 1,
};

}  // namespace hearth::api::toy
