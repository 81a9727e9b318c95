#include "llm/infer/model_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "base/bytes.h"
#include "llm/convert/convert.h"

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

void show_progress(std::uint64_t done_bytes, std::uint64_t total_bytes) {
  constexpr double mebibyte = 1 << 20;
  fmt::print(stderr, "{}converting the model: {:.0f} of {:.0f} MiB{}", isatty(STDERR_FILENO) ? "\r" : "",
             static_cast<double>(done_bytes) / mebibyte, static_cast<double>(total_bytes) / mebibyte,
             isatty(STDERR_FILENO) ? "" : "\n");
}

Result<fs::path> locate_in_folder(const fs::path& folder, const fs::path& cache) {
  if (fs::exists(folder / "config.json")) {
    const fs::path converted = cache / (fingerprint(folder) + ".gguf");
    if (fs::exists(converted)) return converted;
    fs::create_directories(cache);
    TRY_DO(convert::convert_to_gguf(folder, converted, show_progress));
    if (isatty(STDERR_FILENO)) fmt::print(stderr, "\n");
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

}  // namespace

fs::path default_model_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return fs::path(cache) / "cloudhearth/models";
  if (const char* home = std::getenv("HOME"); home && *home) return fs::path(home) / ".cache/cloudhearth/models";
  return fs::temp_directory_path() / "cloudhearth-models";
}

Result<fs::path> locate_model(const std::string& source, const fs::path& cache) try {
  const fs::path path(source);
  if (fs::is_regular_file(path)) return path;
  if (fs::is_directory(path)) return locate_in_folder(path, cache);
  return Error(ErrorKind::not_found, fmt::format("there is no model at {}", source));
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
