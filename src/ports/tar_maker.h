// Tar files for tests of what takes root file systems.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace hearth {

// What a member of a tar file is, as its type flag says.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
enum class TarType : char { file = '0', hard_link = '1', symbolic_link = '2', character_device = '3', folder = '5' };

// A tar file made by hand, so that tests can put into it what no tool would.
class TarMaker {
 public:
  TarMaker& add(const std::string& name, std::string_view content, unsigned mode = 0644) {
    return add_member(TarType::file, name, content, {}, mode);
  }
  TarMaker& add_folder(const std::string& name, unsigned mode = 0755) {
    return add_member(TarType::folder, name, {}, {}, mode);
  }
  TarMaker& add_link(TarType type, const std::string& name, const std::string& target) {
    return add_member(type, name, {}, target, 0777);
  }
  TarMaker& add_member(TarType type, const std::string& name, std::string_view content, const std::string& target,
                       unsigned mode) {
    constexpr std::size_t block = 512;
    std::string header(block, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    put(0, name);
    put(100, fmt::format("{:07o}", mode));
    put(108, fmt::format("{:07o}", 0));
    put(116, fmt::format("{:07o}", 0));
    put(124, fmt::format("{:011o}", content.size()));
    put(136, fmt::format("{:011o}", 1'700'000'000));
    put(148, "        ");
    put(156, std::string(1, static_cast<char>(type)));
    put(157, target);
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    header[154] = '\0';
    bytes_ += header;
    bytes_ += content;
    bytes_.resize((bytes_.size() + block - 1) / block * block);
    return *this;
  }
  std::string bytes() const { return bytes_ + std::string(1024, '\0'); }

 private:
  std::string bytes_;
};

// The smallest root file system an image store takes.
inline std::string tiny_root() {
  return TarMaker().add_folder("bin/").add("bin/sh", "#!not a real shell\n", 0755).add("etc/name", "tiny\n").bytes();
}

}  // namespace hearth
