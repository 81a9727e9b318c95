// Numbered segment files of records, each guarded by a checksum. Private to engines/telemetry.
// One thread at a time; blocks on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace hearth::telemetry {

class WriteAheadLog {
 public:
  using SegmentNumber = std::uint64_t;

  // Removes the segments up to `sealed`, replays the records of the others in order, then starts a new segment.
  // A segment ends at its first record that is torn or damaged: what came after was never acknowledged.
  Result<void> open(const std::filesystem::path& folder, SegmentNumber sealed,
                    const std::function<void(std::string_view record)>& replay);

  // Durable when it returns. After a failure none of the records counts, also not at the next start; until that is
  // sure, every append fails.
  Result<void> append(const std::vector<std::string_view>& records);

  // Later records go to a new segment. Returns the number of the one that ended.
  Result<SegmentNumber> rotate();
  // Removes that segment and all before it.
  void remove_through(SegmentNumber number);

 private:
  std::filesystem::path segment_path(SegmentNumber number) const;
  std::vector<SegmentNumber> find_segments() const;
  Result<void> start_segment(SegmentNumber number);
  Result<void> take_back();

  std::filesystem::path folder_;
  SegmentNumber number_ = 0;
  Descriptor segment_;
  std::uint64_t size_bytes_ = 0;     // of the segment, acknowledged
  bool holds_failed_bytes_ = false;  // behind them
  bool lost_writes_ = false;         // a sync of the segment has failed
  std::string buffer_;
};

}  // namespace hearth::telemetry
