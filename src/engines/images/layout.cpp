#include "engines/images/layout.h"

#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/system/error_code.hpp>

namespace hearth::images {
namespace json = boost::json;
namespace {

constexpr std::size_t document_bytes_max = 4 << 20;
constexpr std::size_t documents_bytes_max = 64 << 20;
constexpr std::size_t member_count_max = 100'000;
constexpr std::size_t layer_count_max = 512;  // each one reads the whole archive; Docker makes at most 127
constexpr int index_depth_max = 4;
constexpr const char* our_architecture = "amd64";

Error unusable(std::string sentence) {
  return Error(ErrorKind::invalid, std::move(sentence));
}

// What an archive of a container image holds besides layers.
struct Contents {
  std::map<std::string, std::uint64_t> sizes;    // every member
  std::map<std::string, std::string> links;      // old docker: a layer that is there twice is a link
  std::map<std::string, std::string> documents;  // small members that look like JSON
};

bool is_hex_name(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Whether a container image archive may have such a member. Any other says that this is a root file system.
bool belongs_to_layout(const std::string& path) {
  for (const char* name : {"", "oci-layout", "index.json", "manifest.json", "repositories", "blobs"})
    if (path == name) return true;
  if (path.starts_with("blobs/")) return true;
  const std::string_view first = std::string_view(path).substr(0, path.find('/'));
  return is_hex_name(first) || (first.ends_with(".json") && is_hex_name(first.substr(0, first.size() - 5)));
}

// nullopt as soon as a member says that this is a root file system.
Result<std::optional<Contents>> read_contents(int archive_fd, ArchiveBounds bounds) {
  Contents contents;
  std::size_t documents_bytes = 0;
  TRY(ArchiveReader reader, ArchiveReader::open_file(archive_fd, std::move(bounds)));
  for (std::size_t member_count = 0;; ++member_count) {
    TRY(archive_entry * member, reader.next());
    if (!member) break;
    const std::string path = member_path(member);
    if (!belongs_to_layout(path)) return std::optional<Contents>();
    if (member_count >= member_count_max) return unusable("the archive has too many members");
    if (archive_entry_filetype(member) == AE_IFLNK) {
      const char* target = archive_entry_symlink(member);
      contents.links[path] = target ? target : "";
      continue;
    }
    if (archive_entry_filetype(member) != AE_IFREG) continue;
    const auto size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, archive_entry_size(member)));
    contents.sizes[path] = size;
    if (size == 0 || size > document_bytes_max) continue;
    std::string text(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
      TRY(const std::size_t got, reader.read(text.data() + filled, size - filled));
      if (got == 0) break;
      filled += got;
      if (text[0] != '{' && text[0] != '[') break;
    }
    if (filled < size) continue;
    documents_bytes += size;
    if (documents_bytes > documents_bytes_max) return unusable("the archive's manifests are too large");
    contents.documents[path] = std::move(text);
  }
  if (!contents.documents.contains("index.json") && !contents.documents.contains("manifest.json"))
    return std::optional<Contents>();
  return std::optional(std::move(contents));
}

// Looking into JSON that may be anything: what is not there is null or empty.
const json::value& member_of(const json::value& object, std::string_view name) {
  static const json::value nothing;
  const auto* fields = object.if_object();
  const auto* found = fields ? fields->if_contains(name) : nullptr;
  return found ? *found : nothing;
}
std::string text_of(const json::value& object, std::string_view name) {
  const auto* text = member_of(object, name).if_string();
  return text ? std::string(*text) : std::string();
}
const json::array& list_of(const json::value& object, std::string_view name) {
  static const json::array nothing;
  const auto* list = member_of(object, name).if_array();
  return list ? *list : nothing;
}

Result<json::value> document(const Contents& contents, const std::string& path) {
  const auto found = contents.documents.find(path);
  if (found == contents.documents.end()) return unusable("the image names " + path + ", which is not in the archive");
  boost::system::error_code error;
  json::parse_options options;
  constexpr std::size_t depth_max = 32;
  options.max_depth = depth_max;
  json::value value = json::parse(found->second, error, {}, options);
  if (error) return unusable(path + " in the archive is not JSON");
  return value;
}

// "sha256:0123…" -> "blobs/sha256/0123…"
Result<std::string> blob_path(const std::string& digest) {
  constexpr std::string_view algorithm = "sha256:";
  if (!digest.starts_with(algorithm) || !is_hex_name(std::string_view(digest).substr(algorithm.size())))
    return unusable("the image names a blob by \"" + digest.substr(0, 100) + "\"; only sha256 is known here");
  return "blobs/sha256/" + digest.substr(algorithm.size());
}

bool is_for_this_host(const json::value& platform) {
  if (!platform.is_object()) return true;  // it says nothing
  return text_of(platform, "os") == "linux" && text_of(platform, "architecture") == our_architecture;
}

bool is_index(const json::value& descriptor) {
  const std::string type = text_of(descriptor, "mediaType");
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

// Every manifest for this host below an index, by digest.
Result<void> find_manifests(const Contents& contents, const json::value& index, int depth,
                            std::vector<std::string>& digests, int& seen_count) {
  if (depth > index_depth_max) return unusable("the image's indexes are nested too deeply");
  for (const json::value& descriptor : list_of(index, "manifests")) {
    const std::string digest = text_of(descriptor, "digest");
    if (is_index(descriptor)) {
      TRY(const std::string path, blob_path(digest));
      TRY(const json::value inner, document(contents, path));
      TRY_DO(find_manifests(contents, inner, depth + 1, digests, seen_count));
      continue;
    }
    // Build records travel with images as if they were some.
    if (!text_of(member_of(descriptor, "annotations"), "vnd.docker.reference.type").empty()) continue;
    ++seen_count;
    if (is_for_this_host(member_of(descriptor, "platform")) && std::ranges::find(digests, digest) == digests.end())
      digests.push_back(digest);
  }
  return ok;
}

Result<void> take_configuration(const json::value& configuration, Layout& layout) {
  const std::string architecture = text_of(configuration, "architecture"), os = text_of(configuration, "os");
  if ((!architecture.empty() && architecture != our_architecture) || (!os.empty() && os != "linux"))
    return unusable(fmt::format("the image is for {}/{}; this host runs linux/{}", os, architecture, our_architecture));
  for (const json::value& entry : list_of(member_of(configuration, "config"), "Env"))
    if (const auto* text = entry.if_string())
      if (const auto equals = text->find('='); equals != json::string::npos && equals > 0)
        layout.environment[std::string(text->subview(0, equals))] = std::string(text->subview(equals + 1));
  return ok;
}

Result<Layer> layer_at(const Contents& contents, std::string path, std::string sha256) {
  if (const auto link = contents.links.find(path); link != contents.links.end()) {
    // "../ID/layer.tar", from ID/layer.tar
    const std::string target = link->second;
    path = target.starts_with("../") ? target.substr(3) : target;
  }
  const auto found = contents.sizes.find(path);
  if (found == contents.sizes.end()) return unusable("the layer " + path + " is not in the archive");
  return Layer{.member = path, .sha256 = std::move(sha256), .size_bytes = found->second};
}

Result<Layout> read_oci(const Contents& contents) {
  TRY(const json::value index, document(contents, "index.json"));
  std::vector<std::string> digests;
  int seen_count = 0;
  TRY_DO(find_manifests(contents, index, 0, digests, seen_count));
  if (digests.empty() && seen_count > 0)
    return unusable("the archive has no image for linux/" + std::string(our_architecture));
  if (digests.empty()) return unusable("the archive's index.json names no image");
  if (digests.size() > 1)
    return unusable(fmt::format("the archive holds {} images; an import takes one", digests.size()));
  TRY(const std::string manifest_path, blob_path(digests.front()));
  TRY(const json::value manifest, document(contents, manifest_path));
  Layout layout;
  TRY(const std::string configuration_path, blob_path(text_of(member_of(manifest, "config"), "digest")));
  TRY(const json::value configuration, document(contents, configuration_path));
  TRY_DO(take_configuration(configuration, layout));
  for (const json::value& descriptor : list_of(manifest, "layers")) {
    TRY(std::string path, blob_path(text_of(descriptor, "digest")));
    std::string sha256 = path.substr(path.rfind('/') + 1);
    TRY(Layer layer, layer_at(contents, std::move(path), std::move(sha256)));
    layout.layers.push_back(std::move(layer));
  }
  return layout;
}

Result<Layout> read_docker(const Contents& contents) {
  TRY(const json::value images, document(contents, "manifest.json"));
  const auto* list = images.if_array();
  if (!list || list->empty()) return unusable("the archive's manifest.json names no image");
  if (list->size() > 1) return unusable(fmt::format("the archive holds {} images; an import takes one", list->size()));
  Layout layout;
  TRY(const json::value configuration, document(contents, text_of(list->front(), "Config")));
  TRY_DO(take_configuration(configuration, layout));
  for (const json::value& name : list_of(list->front(), "Layers")) {
    const auto* path = name.if_string();
    if (!path) return unusable("the archive's manifest.json is malformed");
    TRY(Layer layer, layer_at(contents, std::string(*path), {}));
    layout.layers.push_back(std::move(layer));
  }
  return layout;
}

}  // namespace

Result<std::optional<Layout>> read_layout(int archive_fd, ArchiveBounds bounds) {
  TRY(const auto contents, read_contents(archive_fd, std::move(bounds)));
  if (!contents) return std::optional<Layout>();
  TRY(Layout layout, contents->documents.contains("index.json") ? read_oci(*contents) : read_docker(*contents));
  if (layout.layers.empty()) return unusable("the image has no layers");
  if (layout.layers.size() > layer_count_max)
    return unusable(
        fmt::format("the image has {} layers; {} is the most there may be", layout.layers.size(), layer_count_max));
  return std::optional(std::move(layout));
}

}  // namespace hearth::images
