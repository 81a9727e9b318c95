#include "cli/demo/manual_pages.h"

#include <zlib.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

namespace hearth::cli {
namespace {

std::string read_gzip(const std::filesystem::path& path) {
  std::string content;
  const gzFile file = gzopen(path.c_str(), "rb");
  if (!file) return content;
  char buffer[64 << 10];
  constexpr std::size_t page_bytes_max = 4 << 20;
  for (int count; content.size() < page_bytes_max && (count = gzread(file, buffer, sizeof buffer)) > 0;)
    content.append(buffer, static_cast<std::size_t>(count));
  gzclose(file);
  return content;
}

// Escapes of groff(7) that ordinary pages use.
std::string without_escapes(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out += line[i];
      continue;
    }
    if (++i >= line.size()) break;
    const auto skip_bracketed = [&] {  // x, (xx or [xxx] after a font or size escape
      if (++i >= line.size()) return;
      if (line[i] == '(')
        i += 2;
      else if (line[i] == '[')
        i = std::min(line.find(']', i), line.size());
    };
    switch (line[i]) {
      case '"':
      case '#':
        return out;  // a comment to the end of the line
      case '-':
        out += '-';
        break;
      case 'e':
        out += '\\';
        break;
      case ' ':
      case '~':
      case '0':
        out += ' ';
        break;
      case '&':
      case '|':
      case '^':
      case '/':
      case ',':
      case ':':
      case '%':
      case 'c':
        break;
      case 'f':
      case 'm':
      case 'F':
      case 'n':
        skip_bracketed();
        break;
      case 's':
        if (i + 1 < line.size() && (line[i + 1] == '+' || line[i + 1] == '-')) ++i;
        skip_bracketed();
        break;
      case '*':
        skip_bracketed();
        break;
      case '(': {
        const std::string_view glyph = line.substr(i + 1, 2);
        i += 2;
        if (glyph == "aq" || glyph == "cq" || glyph == "oq")
          out += '\'';
        else if (glyph == "dq" || glyph == "lq" || glyph == "rq")
          out += '"';
        else if (glyph == "bu")
          out += '*';
        else if (glyph == "en" || glyph == "em" || glyph == "hy" || glyph == "mi")
          out += '-';
        else if (glyph == "ti")
          out += '~';
        else if (glyph == "ha")
          out += '^';
        else if (glyph == "rs")
          out += '\\';
        break;
      }
      case '[': {
        const auto end = std::min(line.find(']', i), line.size());
        const std::string_view glyph = line.substr(i + 1, end - i - 1);
        if (glyph == "aq" || glyph == "cq" || glyph == "oq")
          out += '\'';
        else if (glyph == "dq" || glyph == "lq" || glyph == "rq")
          out += '"';
        i = end;
        break;
      }
      default:
        out += line[i];
    }
  }
  return out;
}

std::vector<std::string> arguments_of(std::string_view line) {
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t') {
      ++i;
      continue;
    }
    std::string argument;
    if (line[i] == '"') {
      for (++i; i < line.size() && line[i] != '"'; ++i) argument += line[i];
      ++i;
    } else {
      for (; i < line.size() && line[i] != ' '; ++i) argument += line[i];
    }
    arguments.push_back(without_escapes(argument));
  }
  return arguments;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

// Builds plain text from requests and text lines.
class PlainText {
 public:
  void words(const std::string& text) {
    if (text.empty()) return;
    if (!text_.empty() && text_.back() != '\n' && text_.back() != ' ') text_ += ' ';
    text_ += text;
  }
  void new_line() {
    if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  }
  void paragraph() {
    new_line();
    if (text_.size() > 1 && !text_.ends_with("\n\n")) text_ += '\n';
  }
  std::string take() { return std::move(text_); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string without_markup_space(std::string text) {
  const auto first = text.find_first_not_of(" \n\t");
  const auto last = text.find_last_not_of(" \n\t");
  return first == text.npos ? "" : text.substr(first, last - first + 1);
}

std::string section_of(const std::string& text, std::string_view heading) {
  const std::string marker = "\n" + std::string(heading) + "\n";
  const std::string all = "\n" + text;
  const auto start = all.find(marker);
  if (start == all.npos) return {};
  std::size_t end = start + marker.size();
  for (; end < all.size(); ++end) {  // until the next line in capitals
    if (all[end - 1] != '\n' || !(all[end] >= 'A' && all[end] <= 'Z')) continue;
    const std::string line = all.substr(end, all.find('\n', end) - end);
    if (line.size() > 2 && std::ranges::none_of(line, [](char c) { return c >= 'a' && c <= 'z'; })) break;
  }
  return without_markup_space(all.substr(start + marker.size(), end - start - marker.size()));
}

}  // namespace

ManualPage parse_manual_page(const std::string& troff, std::string name, std::string section) {
  PlainText out;
  bool skipping = false;  // inside .de, .ig, tables
  std::string skip_until;
  std::istringstream lines(troff);
  for (std::string line; std::getline(lines, line);) {
    if (skipping) {
      if (line.starts_with(skip_until)) skipping = false;
      continue;
    }
    if (line.empty()) {
      out.paragraph();
      continue;
    }
    if (line[0] != '.' && line[0] != '\'') {
      if (line[0] == ' ' || line[0] == '\t') out.new_line();
      out.words(without_escapes(line));
      continue;
    }
    const std::size_t start = line.find_first_not_of(". '\t");
    if (start == line.npos || line[start] == '\\') continue;
    const std::size_t end = std::min(line.find_first_of(" \t", start), line.size());
    const std::string request = line.substr(start, end - start);
    const std::string rest = end < line.size() ? line.substr(end + 1) : "";
    if (request == "SH" || request == "Sh") {
      out.paragraph();
      std::string heading = joined(arguments_of(rest), " ");
      std::ranges::transform(heading, heading.begin(), [](unsigned char c) { return std::toupper(c); });
      out.words(heading);
      out.new_line();
    } else if (request == "SS" || request == "Ss") {
      out.paragraph();
      out.words(joined(arguments_of(rest), " "));
      out.new_line();
    } else if (request == "PP" || request == "P" || request == "LP" || request == "Pp" || request == "sp" ||
               request == "IP" || request == "It" || request == "TP" || request == "HP") {
      request == "TP" || request == "It" ? out.new_line() : out.paragraph();
      if (request == "IP" || request == "It") {
        const auto arguments = arguments_of(rest);
        if (!arguments.empty()) out.words(request == "IP" ? arguments[0] : joined(arguments, " "));
      }
    } else if (request == "br" || request == "nf" || request == "fi" || request == "EX" || request == "EE") {
      out.new_line();
    } else if (request == "B" || request == "I" || request == "SM" || request == "SB") {
      out.words(joined(arguments_of(rest), " "));
    } else if (request == "BR" || request == "RB" || request == "IR" || request == "RI" || request == "BI" ||
               request == "IB") {
      out.words(joined(arguments_of(rest), ""));
    } else if (request == "Nd") {
      out.words("- " + joined(arguments_of(rest), " "));
    } else if (request == "Nm") {
      const auto arguments = arguments_of(rest);
      out.words(arguments.empty() ? name : joined(arguments, " "));
    } else if (request.size() == 2 && std::isupper(static_cast<unsigned char>(request[0])) &&
               std::islower(static_cast<unsigned char>(request[1])) && request != "Dd" && request != "Dt" &&
               request != "Os" && request != "Bl" && request != "El") {
      out.words(joined(arguments_of(rest), " "));  // the remaining mdoc macros: their words are enough
    } else if (request == "de" || request == "ig" || request == "am") {
      skipping = true;
      skip_until = "..";
    } else if (request == "TS") {
      skipping = true;
      skip_until = ".TE";
    }
  }

  ManualPage page{std::move(name), std::move(section), "", "", out.take()};
  const std::string title = section_of(page.text, "NAME");
  if (const auto dash = title.find(" - "); dash != title.npos) {
    page.summary = title.substr(dash + 3);
    if (const auto line_end = page.summary.find('\n'); line_end != page.summary.npos) page.summary.resize(line_end);
  }
  std::string description = section_of(page.text, "DESCRIPTION");
  if (const auto paragraph_end = description.find("\n\n"); paragraph_end != description.npos)
    description.resize(paragraph_end);
  std::ranges::replace(description, '\n', ' ');
  page.description = without_markup_space(description);
  return page;
}

namespace {

constexpr std::size_t page_count_min = 200;

// The file that tells dpkg to leave manual pages out, and the line that says so; empty if none does.
// https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html (--path-exclude)
std::string excluding_setting(const std::filesystem::path& settings, const std::filesystem::path& man_folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(settings, ignored)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("path-exclude") && line.contains(man_folder.string()))
        return "'" + line + "' in " + entry.path().string();
  }
  return {};
}

Error too_few_pages(std::size_t found, std::size_t missing, const std::filesystem::path& man_folder,
                    const std::vector<std::string>& packages, const DpkgPlaces& dpkg) {
  std::string message = "found only " + std::to_string(found) + " manual pages under " + man_folder.string() +
                        "; they are the demo's text. ";
  if (missing < page_count_min)
    return Error(ErrorKind::not_found,
                 message + "`./dev setup` installs them (Debian packages manpages, git-man, util-linux, …).");
  const std::string setting = excluding_setting(dpkg.settings, man_folder);
  message += "Their packages are installed, but " + std::to_string(missing) + " pages of them were left out" +
             (setting.empty() ? ". " : ": dpkg was told so by " + setting + "; remove that line. ");
  message += "Then: apt-get install --reinstall";
  for (const std::string& package : packages) message += " " + package;
  return Error(ErrorKind::not_found, message);
}

}  // namespace

Result<std::vector<ManualPage>> read_manual_pages(const std::filesystem::path& man_folder,
                                                  const std::vector<std::string>& packages, const DpkgPlaces& dpkg) {
  std::set<std::filesystem::path> paths;
  for (const std::string& package : packages) {
    // dpkg's own record of what a package installed; multi-arch packages carry their architecture in the file name.
    for (const std::string& suffix : {"", ":amd64", ":arm64"}) {
      std::ifstream list(dpkg.info / (package + suffix + ".list"));
      for (std::string line; std::getline(list, line);)
        for (const char* folder : {"man1/", "man5/", "man7/", "man8/"})
          if (line.starts_with((man_folder / folder).string()) && line.ends_with(".gz")) paths.insert(line);
    }
  }
  std::vector<ManualPage> pages;
  std::size_t missing = 0;
  for (const auto& path : paths) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      ++missing;
      continue;
    }
    const std::string stem = path.stem().string();  // tar.1
    const auto dot = stem.rfind('.');
    ManualPage page = parse_manual_page(read_gzip(path), stem.substr(0, dot), stem.substr(dot + 1));
    if (page.summary.empty() || page.text.size() < 300) continue;  // links to other pages
    pages.push_back(std::move(page));
  }
  if (pages.size() < page_count_min) return too_few_pages(pages.size(), missing, man_folder, packages, dpkg);
  return pages;
}

std::vector<std::string> demo_packages() {
  return {"coreutils", "util-linux", "mount",   "login",    "passwd", "tar", "grep",
          "sed",       "findutils",  "gzip",    "bash",     "dpkg",   "apt", "procps",
          "iproute2",  "e2fsprogs",  "git-man", "manpages", "man-db"};
}

Dataset make_dataset(const std::vector<ManualPage>& pages, std::size_t corpus_bytes_max) {
  Dataset dataset;
  dataset.page_count = pages.size();
  boost::json::array training, held_out;
  dataset.prompts_csv = "name,prompt\n";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const ManualPage& page = pages[i];
    const bool is_held_out = i % 10 == 9;
    if (!is_held_out && dataset.corpus.size() < corpus_bytes_max) dataset.corpus += page.text + "\n\n";
    std::string answer = page.name + ": " + page.summary + ".";
    const boost::json::object pair{{"prompt", "What does " + page.name + " do?"}, {"completion", answer}};
    (is_held_out ? held_out : training).push_back(pair);
    if (!is_held_out && !page.description.empty() && page.description.size() < 600)
      training.push_back(
          boost::json::object{{"prompt", "Describe " + page.name + "."}, {"completion", page.description}});
    if (is_held_out) dataset.prompts_csv += page.name + ",What does " + page.name + " do?\n";
  }
  dataset.pair_count = training.size();
  dataset.held_out_count = held_out.size();
  dataset.training_json = boost::json::serialize(training) + "\n";
  dataset.held_out_json = boost::json::serialize(held_out) + "\n";
  return dataset;
}

}  // namespace hearth::cli
