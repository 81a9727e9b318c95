// hearth demo-data: the demo's data set alone, as files.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>

#include "cli/commands.h"
#include "cli/demo/manual_pages.h"
#include "cli/terminal.h"

namespace hearth::cli {
namespace {

constexpr std::size_t corpus_bytes_max = 2 << 20;

struct DemoDataFlags {
  bool json = false;
  std::string out = "dataset", manual_pages = "/usr/share/man";
};

int run_demo_data(const DemoDataFlags& flags) {
  const auto pages = read_manual_pages(flags.manual_pages, demo_packages());
  if (!pages) return fail("demo-data", "", pages.error());
  const Dataset dataset = make_dataset(*pages, corpus_bytes_max);
  const std::filesystem::path folder(flags.out);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::ofstream(folder / "corpus.txt") << dataset.corpus;
  std::ofstream(folder / "training_data.json") << dataset.training_json;
  std::ofstream(folder / "held_out.json") << dataset.held_out_json;
  std::ofstream prompts(folder / "prompts.csv");
  prompts << dataset.prompts_csv;
  prompts.close();
  if (error || !prompts)
    return fail("demo-data", "", Error(ErrorKind::unavailable, "cannot write to " + folder.string()));
  if (flags.json) {
    fmt::print("{}\n", boost::json::serialize(boost::json::object{{"folder", folder.string()},
                                                                  {"manual_pages", dataset.page_count},
                                                                  {"training_pairs", dataset.pair_count},
                                                                  {"held_out_pairs", dataset.held_out_count}}));
    return 0;
  }
  fmt::print("   {} manual pages: {} training pairs, {} held out\n", dataset.page_count, dataset.pair_count,
             dataset.held_out_count);
  return 0;
}

}  // namespace

Command make_demo_data_command(CLI::App& parent, const std::filesystem::path&) {
  CLI::App* app = parent.add_subcommand("demo-data", "make a data set from this machine's manual pages");
  const auto flags = std::make_shared<DemoDataFlags>();
  app->add_option("--out", flags->out, "folder to write to")->capture_default_str();
  app->add_option("--man", flags->manual_pages, "where manual pages are installed")->capture_default_str();
  app->add_flag("--json", flags->json, "print JSON for programs");
  app->footer("Examples:\n  hearth demo-data --out dataset");
  return {app, [flags] { return run_demo_data(*flags); }};
}

}  // namespace hearth::cli
