// hearth: server and command line in one binary. `hearth serve` is the server; everything else lives in src/cli.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cli/demo/manual_pages.h"
#include "server/options.h"
#include "server/server.h"

int main(int argc, char** argv) {
  using namespace hearth;
  CLI::App app("Cloudhearth: a private AWS for LLM teams");
  app.require_subcommand(1);
  CLI::App* serve = app.add_subcommand("serve", "run the server");
  server::OptionsParser serve_options(*serve);

  CLI::App* env =
      app.add_subcommand("env", "print shell exports for the root user of a local server: eval $(hearth env)");
  std::string data = server::default_data_folder().string(), endpoint = "http://127.0.0.1:4566";
  env->add_option("--data", data, "the server's data folder")->capture_default_str();
  env->add_option("--endpoint", endpoint, "where it serves")->capture_default_str();

  CLI::App* demo_data = app.add_subcommand("demo-data", "make a data set from this machine's manual pages");
  std::string out = "dataset", manual_pages = "/usr/share/man";
  demo_data->add_option("--out", out, "folder to write to")->capture_default_str();
  demo_data->add_option("--man", manual_pages, "where manual pages are installed")->capture_default_str();

  CLI11_PARSE(app, argc, argv);

  if (*serve) {
    const auto options = serve_options.finish();
    if (!options) {
      std::fprintf(stderr, "hearth serve: %s\n", options.error().message().c_str());
      return 2;
    }
    return server::run_serve(*options);
  }
  if (*env) {
    const auto key = server::load_root_key(data);
    if (!key) {
      std::fprintf(stderr, "hearth env: %s\n", key.error().message().c_str());
      return 1;
    }
    std::printf(
        "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_REGION=us-east-1\nexport "
        "AWS_DEFAULT_REGION=us-east-1\nexport "
        "AWS_ENDPOINT_URL=%s\n",
        key->access_key_id.c_str(), key->secret_access_key.c_str(), endpoint.c_str());
    return 0;
  }
  if (*demo_data) {
    const auto pages = cli::read_manual_pages(manual_pages, cli::demo_packages());
    if (!pages) {
      std::fprintf(stderr, "hearth demo-data: %s\n", pages.error().message().c_str());
      return 1;
    }
    const cli::Dataset dataset = cli::make_dataset(*pages, 2 << 20);
    const std::filesystem::path folder(out);
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "corpus.txt") << dataset.corpus;
    std::ofstream(folder / "training_data.json") << dataset.training_json;
    std::ofstream(folder / "held_out.json") << dataset.held_out_json;
    std::ofstream(folder / "prompts.csv") << dataset.prompts_csv;
    std::printf("   %zu manual pages: %zu training pairs, %zu held out\n", dataset.page_count, dataset.pair_count,
                dataset.held_out_count);
    return 0;
  }
  return 2;
}
