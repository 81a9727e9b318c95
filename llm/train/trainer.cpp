#include "llm/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <numbers>

#include "llm/common/failure.h"
#include "llm/train/checkpoint.h"
#include "llm/train/conversation.h"
#include "llm/train/device.h"
#include "llm/train/reporter.h"
#include "llm/train/rows.h"

namespace hearth::llm::train {
namespace json = boost::json;

namespace {

constexpr std::size_t tokenizer_text_bytes = 8 << 20;

// Matrix products in bfloat16 while it lives; weights and norms stay as they are.
class Bfloat16Scope {
 public:
  Bfloat16Scope(bool enabled, at::DeviceType device) : enabled_(enabled), device_(device) {
    if (!enabled_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~Bfloat16Scope() {
    if (!enabled_) return;
    at::autocast::set_autocast_enabled(device_, false);
    at::autocast::clear_cache();
  }

 private:
  bool enabled_;
  at::DeviceType device_;
};

struct Batch {
  at::Tensor inputs, targets;
};

Batch to_batch(const std::vector<Row>& rows, const at::Device& device) {
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto length = static_cast<std::int64_t>(rows.front().tokens.size()) - 1;
  Batch batch{at::empty({count, length}, at::kLong), at::empty({count, length}, at::kLong)};
  auto* input = batch.inputs.mutable_data_ptr<std::int64_t>();
  auto* target = batch.targets.mutable_data_ptr<std::int64_t>();
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.tokens.size(); ++i) {
      *input++ = row.tokens[i];
      *target++ = row.learnt[i + 1] ? row.tokens[i + 1] : -100;
    }
  }
  return {batch.inputs.to(device), batch.targets.to(device)};
}

// The beginning of the training data, as a tokenizer sees it.
std::string sample_text(Storage& storage, const std::vector<std::string>& uris) {
  std::string text;
  Records records(storage, uris);
  while (text.size() < tokenizer_text_bytes) {
    const std::optional<Record> record = records.next();
    if (!record) break;
    text += record->text;
    for (const Message& message : record->messages) text += message.content + "\n";
  }
  if (text.empty()) fail(FailureKind::input, "the training data is empty");
  return text;
}

double learning_rate_at(const TrainOptions& options, std::int64_t step) {
  const std::int64_t warmup = options.warmup_steps >= 0 ? options.warmup_steps : options.step_count / 20;
  if (step < warmup) return options.learning_rate * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done =
      static_cast<double>(step - warmup) / static_cast<double>(std::max<std::int64_t>(1, options.step_count - warmup));
  constexpr double lowest = 0.1;  // of the full rate
  return options.learning_rate * (lowest + (1 - lowest) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

class Run {
 public:
  Run(Storage& storage, const TrainOptions& options)
      : storage_(storage),
        options_(options),
        chosen_(choose_device(options.device)),
        training_uris_(storage.list(options.training_uri)),
        checkpoint_(options.resume ? find_checkpoint(storage, options) : std::nullopt),
        tokenizer_(make_tokenizer()),
        model_(make_model()),
        optimizer_(model_.trainable(), options.weight_decay),
        rows_(storage, training_uris_, tokenizer_, static_cast<std::size_t>(options.context_length),
              training_selection()),
        reporter_(options.job_name, checkpoint_ ? checkpoint_->progress.step : 0, options.step_count) {
    write_run(storage_, options_);
    if (checkpoint_) {
      restore_checkpoint(storage_, *checkpoint_, model_, optimizer_);
      rows_.skip_to(checkpoint_->progress.row_position);
      step_ = checkpoint_->progress.step;
      reporter_.say(fmt::format("resuming after step {} of {}", step_, options_.step_count));
    }
    read_validation_rows();
    reporter_.say(fmt::format("computing on {}: {}", chosen_.device.is_cuda() ? "cuda" : "cpu", chosen_.reason));
    reporter_.say(fmt::format("{} trainable parameters, {} tokens in the vocabulary, {} validation rows, {} threads",
                              model_.trainable_count(), model_.shape().vocab_size, validation_rows_.size(),
                              at::get_num_threads()));
  }

  TrainingResult go(const std::atomic<bool>& stop) {
    if (step_ == 0) validate();
    while (step_ < options_.step_count && !stop) {
      do_step();
      const bool is_last = step_ == options_.step_count;
      if (is_last || (options_.validate_every > 0 && step_ % options_.validate_every == 0)) validate();
      if (!is_last && options_.checkpoint_every > 0 && step_ % options_.checkpoint_every == 0) save_checkpoint();
    }
    reporter_.end_progress();
    if (step_ < options_.step_count) {
      result_.stopped = true;
      save_checkpoint();
      reporter_.say(fmt::format("stopped after step {}; --resume goes on from there", step_));
    } else {
      write_result();
    }
    result_.steps_done = step_;
    return std::move(result_);
  }

 private:
  Selection training_selection() const {
    if (!options_.validation_uri.empty()) return {.seed = options_.seed};
    return {Selection::Part::training, options_.validation_fraction, options_.seed};
  }

  Tokenizer make_tokenizer() {
    std::string source = options_.model_uri;
    if (source.empty() && checkpoint_) source = checkpoint_->folder_uri;
    if (source.empty()) {
      Tokenizer learned =
          Tokenizer::learn(sample_text(storage_, training_uris_), static_cast<std::size_t>(options_.model.vocab_size));
      files_ = {learned.to_json(), chatml_tokenizer_config(), "", ""};
      return learned;
    }
    const auto read = [&](const char* name) {
      const std::string uri = join_uri(source, name);
      return storage_.exists(uri) ? storage_.read_text(uri) : std::string();
    };
    files_ = {storage_.read_text(join_uri(source, "tokenizer.json")), read("tokenizer_config.json"),
              read("generation_config.json"), read("chat_template.jinja")};
    return Tokenizer::from_json(files_.tokenizer_json);
  }

  Model make_model() {
    Model model = create_or_load_model();
    model.move_to(chosen_.device);
    return model;
  }

  Model create_or_load_model() {
    if (options_.model_uri.empty()) {
      if (options_.lora.rank > 0)
        fail(FailureKind::usage, "--lora-rank needs --model: adapters go onto a trained model");
      return Model::create(options_.model, tokenizer_.vocab_size(), options_.context_length, options_.seed);
    }
    Model model = Model::load(storage_, options_.model_uri);
    if (tokenizer_.vocab_size() > model.shape().vocab_size)
      fail(FailureKind::input, "{}: the tokenizer has more tokens than the model", options_.model_uri);
    if (options_.context_length > model.shape().context_length)
      fail(FailureKind::usage, "--context: the model reads at most {} tokens", model.shape().context_length);
    if (options_.lora.rank > 0) model.add_lora(options_.lora, options_.seed);
    return model;
  }

  void read_validation_rows() {
    std::vector<std::string> uris = training_uris_;
    Selection selection{Selection::Part::held_out, options_.validation_fraction, options_.seed};
    if (!options_.validation_uri.empty()) {
      uris = storage_.list(options_.validation_uri);
      selection = {};
    } else if (options_.validation_fraction <= 0) {
      return;
    }
    RowReader reader(storage_, uris, tokenizer_, static_cast<std::size_t>(options_.context_length), selection);
    while (static_cast<std::int64_t>(validation_rows_.size()) < options_.validation_rows_max) {
      std::optional<Row> row = reader.next();
      if (!row) break;
      validation_rows_.push_back(std::move(*row));
    }
    if (validation_rows_.empty())
      reporter_.say("nothing is held out for validation: the data is too small, or --validation is empty");
  }

  void do_step() {
    const auto started = std::chrono::steady_clock::now();
    std::vector<Row> rows;
    for (std::int64_t i = 0; i < options_.batch_size; ++i) rows.push_back(rows_.next());
    const Batch batch = to_batch(rows, chosen_.device);
    at::Tensor loss;
    {
      const Bfloat16Scope precision(options_.bf16, chosen_.device.type());
      loss = score(model_.forward(batch.inputs), batch.targets, false).loss;
    }
    loss.backward();
    const double rate = learning_rate_at(options_, step_);
    const double norm = optimizer_.step(rate, options_.gradient_norm_max);
    const double loss_value = loss.item<double>();
    if (!std::isfinite(loss_value))
      fail(FailureKind::input, "the loss is not a number after step {}: try a lower --learning-rate", step_ + 1);
    ++step_;
    result_.losses.push_back(loss_value);

    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    const double tokens = static_cast<double>(options_.batch_size * options_.context_length);
    reporter_.progress(step_, loss_value, tokens / took.count());
    if (step_ % options_.log_every == 0 || step_ == 1 || step_ == options_.step_count)
      reporter_.emit(step_, {{"Loss", loss_value, "None"},
                             {"LearningRate", rate, "None"},
                             {"GradientNorm", norm, "None"},
                             {"StepTime", took.count() * 1000, "Milliseconds"},
                             {"TokensPerSecond", tokens / took.count(), "Count/Second"}});
  }

  void validate() {
    if (validation_rows_.empty()) return;
    c10::NoGradGuard no_grad;
    double loss_sum = 0;
    std::int64_t correct = 0, counted = 0;
    const auto batch_size = static_cast<std::size_t>(options_.batch_size);
    for (std::size_t first = 0; first < validation_rows_.size(); first += batch_size) {
      const auto from = validation_rows_.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(batch_size, validation_rows_.size() - first);
      const Batch batch = to_batch({from, from + static_cast<std::ptrdiff_t>(count)}, chosen_.device);
      const Bfloat16Scope precision(options_.bf16, chosen_.device.type());
      const Score found = score(model_.forward(batch.inputs), batch.targets, true);
      loss_sum += found.loss.item<double>() * static_cast<double>(found.counted);
      correct += found.correct;
      counted += found.counted;
    }
    result_.validation_loss = loss_sum / static_cast<double>(counted);
    result_.validation_accuracy = static_cast<double>(correct) / static_cast<double>(counted);
    reporter_.emit(step_, {{"ValidationLoss", result_.validation_loss, "None"},
                           {"ValidationAccuracy", 100 * result_.validation_accuracy, "Percent"}});
    reporter_.say(fmt::format("step {}: validation loss {:.3f}, accuracy {:.1f} %", step_, result_.validation_loss,
                              100 * result_.validation_accuracy));
  }

  // What goes beside the weights: a model that was taught conversations is asked in the form it was taught in.
  TokenizerFiles files_to_write() {
    if (!rows_.met_conversation()) return files_;
    const ConversationForm form(tokenizer_);
    if (form.replaces_template(files_) && !said_template_) {
      said_template_ = true;
      reporter_.say("the model's own chat template, if it has one, gives way to ChatML, in which it is taught");
    }
    return form.taught(files_, json::parse(model_.config_json(false)).as_object());
  }

  void save_checkpoint() {
    write_checkpoint(storage_, options_, model_, optimizer_, files_to_write(),
                     {.step = step_, .row_position = rows_.position()});
  }

  void write_result() {
    write_model(storage_, options_.output_uri, model_, model_.merged_weights(), files_to_write(), options_.bf16);
    if (model_.lora().rank > 0)
      write_adapters(storage_, join_uri(options_.output_uri, "adapter"), model_, options_.model_uri);
    reporter_.say(fmt::format("the model is at {}", options_.output_uri));
  }

  Storage& storage_;
  const TrainOptions& options_;
  const ChosenDevice chosen_;
  std::vector<std::string> training_uris_;
  std::optional<Checkpoint> checkpoint_;
  TokenizerFiles files_;
  Tokenizer tokenizer_;
  Model model_;
  AdamW optimizer_;
  ShuffledRows rows_;
  Reporter reporter_;
  std::vector<Row> validation_rows_;
  std::int64_t step_ = 0;
  bool said_template_ = false;
  TrainingResult result_;
};

}  // namespace

TrainingResult train(Storage& storage, const TrainOptions& options, const std::atomic<bool>& stop) {
  if (options.thread_count > 0) at::set_num_threads(options.thread_count);
  Run run(storage, options);
  return run.go(stop);
}

std::vector<std::vector<float>> logits_of(Storage& storage, const std::string& model_uri,
                                          const std::vector<std::int64_t>& tokens, DeviceChoice device) {
  const ChosenDevice chosen = choose_device(device);
  c10::NoGradGuard no_grad;
  Model model = Model::load(storage, model_uri);
  model.move_to(chosen.device);
  if (tokens.size() > model.shape().context_length)
    fail(FailureKind::usage, "the model reads at most {} tokens", model.shape().context_length);
  for (const std::int64_t token : tokens)
    if (token < 0 || token >= model.shape().vocab_size)
      fail(FailureKind::usage, "token {} is not in the model's vocabulary of {}", token, model.shape().vocab_size);
  const at::Tensor ids = at::tensor(tokens, at::kLong).unsqueeze(0).to(chosen.device);
  const at::Tensor logits = model.forward(ids).squeeze(0).to(at::kCPU).contiguous();
  std::vector<std::vector<float>> rows;
  for (std::int64_t i = 0; i < logits.size(0); ++i) {
    const float* first = logits[i].const_data_ptr<float>();
    rows.emplace_back(first, first + logits.size(1));
  }
  return rows;
}

}  // namespace hearth::llm::train
