// Real text for the demo: manual pages as their Debian packages installed them, read from troff source.
// Gives plain text for a corpus and question-answer pairs from each page's NAME and DESCRIPTION.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::cli {

struct ManualPage {
  std::string name;         // "tar"
  std::string section;      // "1"
  std::string summary;      // NAME's line after the dash: "an archiving utility"
  std::string description;  // first paragraph of DESCRIPTION
  std::string text;         // the whole page, plain
};

// Plain text of man(7) or mdoc(7) source; understands what ordinary pages use, drops the rest. Never fails.
ManualPage parse_manual_page(const std::string& troff, std::string name, std::string section);

// Where dpkg keeps its own record and its settings; another folder in tests.
struct DpkgPlaces {
  std::filesystem::path info = "/var/lib/dpkg/info", settings = "/etc/dpkg/dpkg.cfg.d";
};

// Pages of sections 1, 5, 7 and 8 under `man_folder` (/usr/share/man) that belong to the given Debian packages, in a
// fixed order. not_found with what to do about it when there are fewer than 200: packages to install, or, where dpkg
// was told to leave manual pages out (as in small container images), the setting to remove.
Result<std::vector<ManualPage>> read_manual_pages(const std::filesystem::path& man_folder,
                                                  const std::vector<std::string>& packages,
                                                  const DpkgPlaces& dpkg = {});

// Packages whose pages the demo reads: what ./dev setup installs anyway.
std::vector<std::string> demo_packages();

struct Dataset {
  std::string corpus;         // corpus.txt
  std::string training_json;  // training_data.json: [{"prompt","completion"}, …]
  std::string held_out_json;  // held-out pairs, never trained on
  std::string prompts_csv;    // prompts.csv: name,prompt
  std::size_t pair_count = 0, held_out_count = 0, page_count = 0;
};
// Every tenth page is held out. Bounded to about `corpus_bytes_max` of corpus text.
Dataset make_dataset(const std::vector<ManualPage>& pages, std::size_t corpus_bytes_max);

}  // namespace hearth::cli
