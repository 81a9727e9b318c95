#include "llm/infer/model_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

#include "base/bytes.h"
#include "llm/convert/convert.h"
#ifdef HEARTH_LLM_STORAGE  // llm/common is part of this build
#include "llm/common/storage.h"
#endif

namespace hearth::llm::infer {
namespace fs = std::filesystem;

namespace {

// Changes whenever a file of the folder does.
std::string fingerprint(const fs::path& folder) {
  std::vector<std::string> lines;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    lines.push_back(fmt::format("{}\t{}\t{}\n", entry.path().filename().string(), entry.file_size(),
                                entry.last_write_time().time_since_epoch().count()));
  }
  std::ranges::sort(lines);
  std::string all = fs::canonical(folder).string() + "\n";
  for (const std::string& line : lines) all += line;
  return to_hex(sha256(all)).substr(0, 24);
}

// "\rfetching the model: 12 of 48 MiB" on a terminal, a line now and then elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(const char* what) : what_(what) {}
  ~ProgressLine() {
    if (shown_ && on_terminal_) fmt::print(stderr, "\n");
  }
  void show(std::uint64_t done_bytes, std::uint64_t total_bytes) {
    constexpr double mebibyte = 1 << 20;
    shown_ = true;
    fmt::print(stderr, "{}{} the model: {:.0f} of {:.0f} MiB{}", on_terminal_ ? "\r" : "", what_,
               static_cast<double>(done_bytes) / mebibyte, static_cast<double>(total_bytes) / mebibyte,
               on_terminal_ ? "" : "\n");
  }

 private:
  const char* what_;
  const bool on_terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
};

Result<void> convert_showing_progress(const fs::path& folder, const fs::path& gguf) {
  ProgressLine line("converting");
  return convert::convert_to_gguf(folder, gguf,
                                  [&](std::uint64_t done, std::uint64_t total) { line.show(done, total); });
}

Result<fs::path> locate_in_folder(const fs::path& folder, const fs::path& cache) {
  if (fs::exists(folder / "config.json")) {
    const fs::path converted = cache / (fingerprint(folder) + ".gguf");
    if (fs::exists(converted)) return converted;
    TRY(const ScratchFolder scratch, ScratchFolder::make(cache));
    TRY_DO(convert_showing_progress(folder, scratch.path() / "model.gguf"));
    fs::rename(scratch.path() / "model.gguf", converted);
    return converted;
  }
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  if (found.size() == 1) return found.front();
  return Error(ErrorKind::invalid,
               fmt::format("the folder has neither a config.json nor exactly one .gguf file ({} found)", found.size()),
               folder.string());
}

#ifdef HEARTH_LLM_STORAGE
// Piece by piece, so that no object has to fit into memory.
void fetch(Storage& storage, const std::vector<std::string>& uris, const fs::path& folder) {
  constexpr std::size_t piece_bytes = 8u << 20;
  std::vector<std::unique_ptr<ObjectReader>> readers;
  std::uint64_t total_bytes = 0;
  for (const std::string& uri : uris) total_bytes += readers.emplace_back(storage.open(uri))->size();

  ProgressLine line("fetching");
  std::uint64_t done_bytes = 0;
  std::vector<char> piece(piece_bytes);
  for (std::size_t i = 0; i < uris.size(); ++i) {
    const std::unique_ptr<ObjectWriter> file =
        storage.create((folder / uris[i].substr(uris[i].rfind('/') + 1)).string());
    for (std::uint64_t at = 0; at < readers[i]->size();) {
      const std::size_t count = readers[i]->read_at(at, piece);
      if (count == 0) throw std::runtime_error(uris[i] + " ended early");
      file->write({piece.data(), count});
      at += count;
      done_bytes += count;
      line.show(done_bytes, total_bytes);
    }
    file->close();
  }
}

Result<LocatedModel> locate_in_s3(const std::string& source, const fs::path& cache) try {
  TRY(ScratchFolder scratch, ScratchFolder::make(cache));
  const fs::path folder = scratch.path(), file = folder / "model.gguf";
  Storage storage;
  // A training run leaves checkpoints below its model: only the files of the folder itself are the model.
  std::string prefix = source;
  while (prefix.ends_with('/')) prefix.pop_back();
  std::vector<std::string> uris;
  for (const std::string& uri : storage.list(source)) {
    const bool is_in_folder = uri.starts_with(prefix + "/") && uri.find('/', prefix.size() + 1) == std::string::npos;
    if ((uri == prefix || is_in_folder) && !uri.ends_with('/')) uris.push_back(uri);
  }
  if (uris.empty()) return Error(ErrorKind::not_found, fmt::format("there is no model at {}", source));
  fetch(storage, uris, folder);
  if (fs::exists(folder / "config.json")) {
    TRY_DO(convert_showing_progress(folder, file));
    return LocatedModel(file, std::move(scratch));
  }
  TRY(fs::path gguf, locate_in_folder(folder, cache));
  return LocatedModel(std::move(gguf), std::move(scratch));
} catch (const std::exception& e) {
  return Error(ErrorKind::unavailable, fmt::format("cannot fetch {}: {}", source, e.what()));
}
#endif

}  // namespace

fs::path default_model_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "cloudhearth/models";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache/cloudhearth/models";
  return fs::temp_directory_path() / "cloudhearth-models";
}

Result<LocatedModel> locate_model(const std::string& source, const fs::path& cache) try {
  if (source.starts_with("s3://")) {
#ifdef HEARTH_LLM_STORAGE
    return locate_in_s3(source, cache);
#else
    return Error(ErrorKind::unsupported, "this build cannot read s3://; give a path");
#endif
  }
  const fs::path path(source);
  if (fs::is_regular_file(path)) return LocatedModel(path);
  if (!fs::is_directory(path)) return Error(ErrorKind::not_found, fmt::format("there is no model at {}", source));
  TRY(fs::path file, locate_in_folder(path, cache));
  return LocatedModel(std::move(file));
} catch (const fs::filesystem_error& e) {
  return Error(ErrorKind::internal, "the model's files cannot be read", e.what());
}

std::string model_name_of(const std::string& source) {
  std::string_view name = source;
  while (name.size() > 1 && name.ends_with('/')) name.remove_suffix(1);
  if (const std::size_t slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  if (name.ends_with(".gguf")) name.remove_suffix(5);
  return std::string(name);
}

}  // namespace hearth::llm::infer
