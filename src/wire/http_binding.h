// Members that travel in the path, the query string, headers and the status: rest-xml and rest-json. Internal to
// src/wire.
#pragma once

#include "http/message.h"
#include "wire/codec.h"
#include "wire/walker.h"

namespace hearth::wire {

bool bind_request(Walker& walker, const StructEntry& s, const http::Request& request, const Labels& labels, void* value,
                  SeenMembers& seen);
bool bind_headers(Walker& walker, const StructEntry& s, const http::Headers& headers, void* value, SeenMembers& seen);
void write_headers(const Walker& walker, const StructEntry& s, const void* value, http::Headers& headers);
// Path and query from the operation's URI template.
void write_uri(const Walker& walker, const OperationEntry& operation, const StructEntry* s, const void* value,
               http::Request& request);

}  // namespace hearth::wire
