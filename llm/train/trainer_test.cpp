#include "llm/train/trainer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "llm/common/failure.h"
#include "llm/testing/tiny_model.h"
#include "llm/train/safetensors.h"

namespace hearth::llm::train {
namespace {

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() {
    std::string text;
    for (int i = 0; i < 400; ++i)
      text += "{\"text\":\"the quick brown fox number " + std::to_string(i % 7) + " jumps over the lazy dog\"}\n";
    storage_.write_text(path("data.jsonl"), text);
  }
  std::string path(const std::string& name) { return (folder_.path() / name).string(); }

  TrainOptions options(const std::string& output) {
    TrainOptions options;
    options.training_uri = path("data.jsonl");
    options.output_uri = path(output);
    options.model = {.hidden_size = 32, .layer_count = 2, .head_count = 4, .kv_head_count = 2, .vocab_size = 300};
    options.step_count = 12;
    options.batch_size = 4;
    options.context_length = 32;
    options.learning_rate = 5e-3;
    options.thread_count = 1;
    return options;
  }
  TrainingResult run(const TrainOptions& options) { return train(storage_, options, never_); }

  testing::TemporaryFolder folder_;
  Storage storage_;
  std::atomic<bool> never_ = false;
};

TEST_F(TrainerTest, LossFallsAndTheSameSeedGivesTheSameLosses) {
  const TrainingResult first = run(options("first"));
  EXPECT_LT(first.losses.back(), first.losses.front() - 1);
  EXPECT_GT(first.validation_accuracy, 0.05);
  EXPECT_EQ(run(options("second")).losses, first.losses);
}

TEST_F(TrainerTest, AResumedRunGivesTheLossesOfOneThatNeverStopped) {
  const TrainingResult whole = run(options("whole"));

  TrainOptions halves = options("halves");
  halves.checkpoint_every = 5;
  // A run that is told to stop leaves its last step behind; here the checkpoint of step 10 is what remains.
  run(halves);
  halves.resume = true;
  const TrainingResult rest = run(halves);
  ASSERT_EQ(rest.losses.size(), 2u);
  EXPECT_EQ(rest.losses[0], whole.losses[10]);
  EXPECT_EQ(rest.losses[1], whole.losses[11]);
}

TEST_F(TrainerTest, AStoppedRunWritesACheckpointToGoOnFrom) {
  std::atomic<bool> stop = true;
  const TrainingResult stopped = train(storage_, options("stopped"), stop);
  EXPECT_TRUE(stopped.stopped);
  EXPECT_TRUE(storage_.exists(path("stopped/checkpoints/latest.json")));
  TrainOptions resumed = options("stopped");
  resumed.resume = true;
  EXPECT_EQ(run(resumed).losses, run(options("whole")).losses);
}

TEST_F(TrainerTest, AnOutputThatCannotBeWrittenIsKnownBeforeTheFirstStep) {
  ::testing::internal::CaptureStdout();
  EXPECT_THROW(run(options("data.jsonl/model")), Failure);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "") << "nothing was measured";
}

TEST_F(TrainerTest, LoraMovesNothingButItsAdapters) {
  run(options("base"));
  TrainOptions tuning = options("tuned");
  tuning.model_uri = path("base");
  tuning.lora.rank = 2;
  run(tuning);
  const TensorMap base = read_safetensors(storage_, path("base/model.safetensors"));
  const TensorMap tuned = read_safetensors(storage_, path("tuned/model.safetensors"));
  for (const auto& [name, weight] : base) {
    const bool is_target = name.find("q_proj") != std::string::npos || name.find("v_proj") != std::string::npos;
    EXPECT_EQ(weight.equal(tuned.at(name)), !is_target) << name;
  }
  EXPECT_EQ(read_safetensors(storage_, path("tuned/adapter/adapter_model.safetensors")).size(), 8u);
}

TEST_F(TrainerTest, AModelFolderSurvivesARoundTrip) {
  testing::TinyModel{}.write(folder_.path() / "tiny");
  const TensorMap read = read_model_tensors(storage_, path("tiny"));
  write_safetensors(storage_, path("copy/model.safetensors"), read, false);
  const TensorMap again = read_model_tensors(storage_, path("copy"));
  ASSERT_EQ(again.size(), read.size());
  for (const auto& [name, tensor] : read) EXPECT_TRUE(tensor.equal(again.at(name))) << name;
}

TEST_F(TrainerTest, AFileThatLiesAboutItsTensorsIsRefused) {
  storage_.write_text(path("bad.safetensors"), "hello");
  EXPECT_THROW(read_safetensors(storage_, path("bad.safetensors")), Failure);
  const std::string header = R"({"w":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}})";
  const std::uint64_t size = header.size();
  storage_.write_text(path("lie.safetensors"), std::string(reinterpret_cast<const char*>(&size), 8) + header + "1234");
  EXPECT_THROW(read_safetensors(storage_, path("lie.safetensors")), Failure);
}

}  // namespace
}  // namespace hearth::llm::train
