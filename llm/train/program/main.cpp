// hearth-train: trains or fine-tunes a language model, or prints its logits.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>

#include "llm/common/failure.h"
#include "llm/train/trainer.h"

namespace hearth::llm::train {
namespace {

std::atomic<bool> stop_asked = false;

// The second time the signal ends us at once.
extern "C" void ask_to_stop(int number) {
  stop_asked = true;
  signal(number, SIG_DFL);
}

// libgomp reads these before main(): idle threads must sleep, not spin, where cores are shared. So we start anew.
void quiet_idle_threads(char** argv) {
  if (getenv("OMP_WAIT_POLICY")) return;
  setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  setenv("GOMP_SPINCOUNT", "0", 0);
  execv("/proc/self/exe", argv);  // if that fails we are merely slower
}

int print_logits(const std::string& model_uri, const std::string& tokens_file, DeviceChoice device) {
  std::ifstream file(tokens_file);
  std::vector<std::int64_t> tokens;
  for (std::int64_t token = 0; file >> token;) tokens.push_back(token);
  if (tokens.empty() || !file.eof()) fail(FailureKind::usage, "--tokens needs a file of token ids");
  Storage storage;
  for (const std::vector<float>& row : logits_of(storage, model_uri, tokens, device))
    fmt::print("{:.8g}\n", fmt::join(row, " "));
  return 0;
}

int run(int argc, char** argv) {
  TrainOptions options;
  std::string dtype = "fp32";
  bool untied = false;
  CLI::App app("Trains or fine-tunes a LLaMA-type language model. URIs are s3://bucket/key or paths.");
  app.get_formatter()->column_width(36);
  app.footer(
      "Exit status: 0 done, 2 usage, 3 bad data or model, 4 storage, 75 stopped early (--resume goes on), 1 other.");
  app.add_option("--train", options.training_uri,
                 "dataset: .jsonl, .json, .csv or text; a folder or prefix takes all of it");
  app.add_option("--validation", options.validation_uri, "held-out dataset");
  app.add_option("--validation-fraction", options.validation_fraction,
                 "held out of --train when there is no --validation")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  app.add_option("--validation-rows", options.validation_rows_max, "at most so many rows are validated on")
      ->capture_default_str();
  app.add_option("--output", options.output_uri, "where the model and checkpoints go");
  app.add_option("--model", options.model_uri, "Hugging Face folder to start from; without it a new model is made");
  app.add_option("--job-name", options.job_name, "the metrics' JobName")->capture_default_str();

  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 40);
  app.add_option("--steps", options.step_count)->capture_default_str()->check(positive);
  app.add_option("--batch-size", options.batch_size, "rows per step")->capture_default_str()->check(positive);
  app.add_option("--context", options.context_length, "tokens per row")->capture_default_str()->check(positive);
  app.add_option("--learning-rate", options.learning_rate, "at its peak; falls to a tenth by a cosine")
      ->capture_default_str();
  app.add_option("--warmup", options.warmup_steps, "steps until the peak (default: a twentieth of all)");
  app.add_option("--weight-decay", options.weight_decay)->capture_default_str();
  app.add_option("--clip", options.gradient_norm_max, "largest norm of the gradient")->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--dtype", dtype, "bf16: matrix products and the final weights")
      ->capture_default_str()
      ->check(CLI::IsMember({"fp32", "bf16"}));
  const std::map<std::string, DeviceChoice> devices = {
      {"auto", DeviceChoice::automatic}, {"cpu", DeviceChoice::cpu}, {"cuda", DeviceChoice::cuda}};
  app.add_option("--device", options.device, "auto: the first NVIDIA GPU where one works, else the processor")
      ->transform(CLI::Transformer(devices))
      ->option_text("auto|cpu|cuda [auto]");
  app.add_option("--threads", options.thread_count, "0: as many as this process may use")->check(CLI::Range(0, 1024));

  app.add_option("--lora-rank", options.lora.rank, "train adapters of this rank instead of the weights");
  app.add_option("--lora-alpha", options.lora.alpha, "(default: twice the rank)");
  app.add_option("--lora-targets", options.lora.targets, "layers that get adapters")
      ->delimiter(',')
      ->capture_default_str();

  app.add_option("--log-every", options.log_every, "steps between measurements")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--validate-every", options.validate_every, "0: only before and after")->capture_default_str();
  app.add_option("--checkpoint-every", options.checkpoint_every, "0: only when stopped by SIGTERM or SIGINT")
      ->capture_default_str();
  app.add_flag("--resume", options.resume, "go on from the last checkpoint under --output, if there is one");

  app.add_option("--vocab-size", options.model.vocab_size, "new model: tokens")->capture_default_str()->check(positive);
  app.add_option("--hidden-size", options.model.hidden_size, "new model")->capture_default_str()->check(positive);
  app.add_option("--layers", options.model.layer_count, "new model")->capture_default_str()->check(positive);
  app.add_option("--heads", options.model.head_count, "new model")->capture_default_str()->check(positive);
  app.add_option("--kv-heads", options.model.kv_head_count, "new model")->capture_default_str()->check(positive);
  app.add_option("--feed-forward-size", options.model.feed_forward_size, "new model (default: 8/3 of --hidden-size)");
  app.add_flag("--untied", untied, "new model: separate input and output embeddings");

  std::string tokens_file;
  CLI::App* logits =
      app.add_subcommand("logits", "print the logits of --model, a line per token, and exit")->fallthrough();
  logits->add_option("--tokens", tokens_file, "a file of token ids, separated by white space")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(FailureKind::usage);
  }
  if (*logits) {
    if (options.model_uri.empty()) fail(FailureKind::usage, "logits needs --model");
    return print_logits(options.model_uri, tokens_file, options.device);
  }
  if (options.training_uri.empty() || options.output_uri.empty())
    fail(FailureKind::usage, "--train and --output are required; --help lists the options");
  options.bf16 = dtype == "bf16";
  options.model.tied_embeddings = !untied;

  signal(SIGTERM, ask_to_stop);
  signal(SIGINT, ask_to_stop);
  signal(SIGPIPE, SIG_IGN);
  Storage storage;
  const TrainingResult result = train::train(storage, options, stop_asked);
  constexpr int stopped_early = 75;  // EX_TEMPFAIL: the same command with --resume will do it
  return result.stopped ? stopped_early : 0;
}

}  // namespace
}  // namespace hearth::llm::train

int main(int argc, char** argv) {
  hearth::llm::train::quiet_idle_threads(argv);
  try {
    return hearth::llm::train::run(argc, argv);
  } catch (const hearth::llm::Failure& failure) {
    fmt::print(stderr, "hearth-train: {}\n", failure.what());
    return static_cast<int>(failure.kind());
  } catch (const std::exception& error) {
    fmt::print(stderr, "hearth-train: unexpected failure: {}\n", error.what());
    return 1;
  }
}
