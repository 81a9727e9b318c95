// hearth-infer: serves one model over HTTP, or converts it, or prints its logits.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/log.h"
#include "http/server.h"
#include "llm/convert/convert.h"
#include "llm/infer/logits.h"
#include "llm/infer/model_source.h"
#include "llm/infer/scratch_folder.h"
#include "llm/infer/service.h"

namespace hearth::llm::infer {
namespace {

constexpr std::chrono::seconds drain_limit(60);

struct Options {
  std::string model;
  std::string model_name;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string api_key;
  std::filesystem::path cache = default_model_cache();
  SchedulerOptions scheduler;
  std::string tokens_file;
  std::string output_file;
};

int fail(const Error& error) {
  fmt::print(stderr, "hearth-infer: {}\n", error.message());
  if (!error.detail().empty()) fmt::print(stderr, "  {}\n", error.detail());
  return 1;
}

Result<std::unique_ptr<Model>> load(const Options& options) {
  TRY(const LocatedModel located, locate_model(options.model, options.cache));
  return Model::load(located.file());
}

Async<http::Response> answer_still_loading() {
  co_return still_loading();
}

// Lines come from several threads, and a reader must never see half of one.
void write_access_line(std::string_view line) {
  static std::mutex mutex;
  const std::string whole = fmt::format("{}\n", line);
  const std::lock_guard lock(mutex);
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, whole.data(), whole.size());
}

// SIGTERM and SIGINT, told to whoever waits for them. While the model is loaded they end the process at once, and
// nothing that was fetched is left. Made before any other thread starts, so that no other thread gets the signals.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { watch(); });
  }
  ~StopSignals() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_loading_ = false;
    }
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  StopSignals(const StopSignals&) = delete;

  void loading_ended() {
    const std::lock_guard lock(mutex_);
    is_loading_ = false;
  }
  void wait() { thread_.join(); }

 private:
  void watch() {
    int number = 0;
    sigwait(&signals_, &number);
    const std::lock_guard lock(mutex_);
    if (!is_loading_) return;
    remove_scratch_folders();
    ::_exit(128 + number);  // as a shell tells of a process that a signal ended
  }

  sigset_t signals_;
  std::mutex mutex_;
  bool is_loading_ = true;
  std::thread thread_;
};

int serve(Options options) {
  StopSignals signals;
  signal(SIGPIPE, SIG_IGN);
  const auto started = std::chrono::steady_clock::now();
  if (options.model_name.empty()) options.model_name = model_name_of(options.model);

  // Listens first: a port that is taken is known before a large model is fetched, and probes get an answer meanwhile.
  std::atomic<InferenceService*> ready = nullptr;
  std::unique_ptr<InferenceService> service;
  SystemClock clock;
  SystemIds ids;
  ThreadPool pool(2);
  std::unique_ptr<Model> model;
  std::unique_ptr<Scheduler> scheduler;
  http::ServerOptions server_options;
  server_options.thread_count = 1;
  http::Server server(server_options, [&ready](http::Request& request) {
    InferenceService* const service = ready;
    return service ? service->handle(request) : answer_still_loading();
  });
  if (const auto listening = server.listen(options.host, options.port); !listening) return fail(listening.error());
  const std::string address = fmt::format("http://{}:{}", options.host, server.port());
  log::info("loading", {{"model", options.model}, {"address", address}});

  auto loaded = load(options);
  if (!loaded) return fail(loaded.error());
  model = *std::move(loaded);
  auto scheduling = Scheduler::start(*model, options.scheduler);
  if (!scheduling) return fail(scheduling.error());
  scheduler = *std::move(scheduling);
  service = std::make_unique<InferenceService>(
      *model, *scheduler, clock, ids, pool,
      ServiceOptions{.model_name = options.model_name, .api_key = options.api_key, .access_log = write_access_line});
  ready = service.get();
  signals.loading_ended();

  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  log::info("serving", {{"model", options.model_name},
                        {"address", address},
                        {"context", std::to_string(scheduler->context_length())},
                        {"parallel", std::to_string(scheduler->slot_count())},
                        {"started_in", fmt::format("{:.2f}s", took.count())}});

  signals.wait();
  log::info("stopping: finishing the answers that are running", {{"limit", fmt::format("{}s", drain_limit.count())}});
  scheduler->begin_drain();
  if (!scheduler->wait_idle(drain_limit)) log::warning("answers are broken off");
  server.stop();
  return 0;
}

int print_logits(const Options& options) {
  std::ifstream file(options.tokens_file);
  std::vector<Token> tokens;
  for (Token token = 0; file >> token;) tokens.push_back(token);
  if (tokens.empty() || !file.eof()) return fail({ErrorKind::invalid, "--tokens needs a file of token ids"});

  const auto model = load(options);
  if (!model) return fail(model.error());
  const auto rows = logits_of(**model, tokens);
  if (!rows) return fail(rows.error());
  for (const std::vector<float>& row : *rows) fmt::print("{:.8g}\n", fmt::join(row, " "));
  return 0;
}

int convert_model(const Options& options) {
  const auto converted = convert::convert_to_gguf(options.model, options.output_file);
  return converted ? 0 : fail(converted.error());
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Serves a language model over HTTP: the OpenAI API, SageMaker's container contract, health and metrics.");
  app.get_formatter()->column_width(34);
  app.add_option("--model", options.model, "a GGUF file or a Hugging Face model folder; a path or s3://…")->required();
  app.add_option("--model-name", options.model_name, "what clients call it (default: the file's or folder's name)");
  app.add_option("--cache", options.cache, "where converted models are kept")->capture_default_str();
  app.add_option("--host", options.host)->capture_default_str();
  app.add_option("--port", options.port, "0 takes a free one")->capture_default_str()->check(CLI::Range(0, 65535));
  app.add_option("--ctx", options.scheduler.context_length, "tokens per answer with its prompt; 0: the model's own")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("--parallel", options.scheduler.slot_count, "answers worked on at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--queue", options.scheduler.queue_length_max, "requests that may wait; more are answered 429")
      ->capture_default_str();
  app.add_option("--threads", options.scheduler.thread_count, "0: one or all this process may use, whichever is faster")
      ->check(CLI::Range(0, 1024));
  app.add_option("--api-key", options.api_key, "clients must send it as a bearer token")
      ->envname("HEARTH_INFER_API_KEY");

  CLI::App* logits =
      app.add_subcommand("logits", "print the model's logits, a line per token, and exit")->fallthrough();
  logits->add_option("--tokens", options.tokens_file, "a file of token ids, separated by white space")->required();
  CLI::App* convert =
      app.add_subcommand("convert", "write a Hugging Face folder as one GGUF file and exit")->fallthrough();
  convert->add_option("--output", options.output_file, "the file to write")->required();

  CLI11_PARSE(app, argc, argv);
  if (*logits) return print_logits(options);
  if (*convert) return convert_model(options);
  return serve(std::move(options));
}

}  // namespace
}  // namespace hearth::llm::infer

int main(int argc, char** argv) {
  return hearth::llm::infer::run(argc, argv);
}
