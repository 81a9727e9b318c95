// The file system under RocksDB, with one difference: a write-ahead log whose sync failed ends at what was synced
// before, so that no start replays what a caller was told had failed; and it takes nothing more, because no later sync
// of that file can be believed. Private to engines/rocksdb.
#pragma once

#include <memory>

namespace rocksdb {
class Env;
}

namespace hearth {

std::unique_ptr<rocksdb::Env> make_log_file_system();

}  // namespace hearth
