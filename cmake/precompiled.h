// What nearly every .cpp file of ours includes anyway, parsed once per build instead of once per file (a third of the
// compile time; cmake/HearthPrecompiled.cmake). A file includes what it uses all the same: nothing may depend on this
// one, and HEARTH_PRECOMPILED=OFF builds without it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <expected>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/async.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/row.h"
#include "base/text.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/blob_store.h"
#include "ports/metadata_store.h"
#include "ports/observability.h"
#include "ports/outbox.h"
#include "ports/read_rows.h"
#include "ports/service.h"
#include "wire/schema.h"
#include "wire/values.h"
