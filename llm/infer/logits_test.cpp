// The engine against the definition: LLaMA written out plainly, in double precision, on the tiny model's own weights.
// Catches a wrong name, a wrong row order, a wrong rope in the converter, and a wrong engine.
#include "llm/infer/logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "llm/convert/convert.h"
#include "llm/testing/tiny_model.h"

namespace hearth::llm::infer {
namespace {

using llm::testing::TemporaryFolder;
using llm::testing::TinyModel;
using llm::testing::TinyTensor;
using Vector = std::vector<double>;

class ReferenceLlama {
 public:
  // `divisors`: of each rotated pair's frequency.
  ReferenceLlama(const TinyModel& model, std::function<double(double frequency)> divisor)
      : model_(model), weights_(model.tensors()), divisor_(std::move(divisor)) {}

  std::vector<Vector> logits(const std::vector<Token>& tokens) {
    std::vector<Vector> states;
    const TinyTensor& embedding = weights_.at("model.embed_tokens.weight");
    for (const Token token : tokens) {
      const auto row = embedding.values.begin() + token * static_cast<std::ptrdiff_t>(model_.hidden_size);
      states.emplace_back(row, row + model_.hidden_size);
    }
    for (std::uint32_t layer = 0; layer < model_.layer_count; ++layer) {
      layer_ = "model.layers." + std::to_string(layer) + ".";
      attend(states);
      for (Vector& state : states) feed_forward(state);
    }
    std::vector<Vector> rows;
    for (const Vector& state : states)
      rows.push_back(multiply(model_.tied_embeddings ? "model.embed_tokens" : "lm_head", norm("model.norm", state)));
    return rows;
  }

 private:
  Vector multiply(const std::string& name, const Vector& in) const {
    const TinyTensor& matrix = weights_.at(name + ".weight");
    Vector out(static_cast<std::size_t>(matrix.shape[0]));
    for (std::size_t row = 0; row < out.size(); ++row)
      for (std::size_t i = 0; i < in.size(); ++i) out[row] += matrix.values[row * in.size() + i] * in[i];
    return out;
  }

  Vector norm(const std::string& name, Vector in) const {
    double squares = 0;
    for (const double x : in) squares += x * x;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(in.size()) + 1e-5);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] *= scale * weights_.at(name + ".weight").values[i];
    return in;
  }

  void rotate(Vector& heads, std::size_t position) const {
    const std::size_t size = head_size();
    for (std::size_t head = 0; head < heads.size(); head += size) {
      for (std::size_t i = 0; i < size / 2; ++i) {
        const double frequency = std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(size));
        const double angle = static_cast<double>(position) * frequency / divisor_(frequency);
        const double a = heads[head + i];
        const double b = heads[head + size / 2 + i];
        heads[head + i] = a * std::cos(angle) - b * std::sin(angle);
        heads[head + size / 2 + i] = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }

  void attend(std::vector<Vector>& states) const {
    std::vector<Vector> keys;
    std::vector<Vector> values;
    for (std::size_t position = 0; position < states.size(); ++position) {
      const Vector in = norm(layer_ + "input_layernorm", states[position]);
      Vector query = multiply(layer_ + "self_attn.q_proj", in);
      keys.push_back(multiply(layer_ + "self_attn.k_proj", in));
      values.push_back(multiply(layer_ + "self_attn.v_proj", in));
      rotate(query, position);
      rotate(keys.back(), position);
      const Vector out = multiply(layer_ + "self_attn.o_proj", mix(query, keys, values));
      std::ranges::transform(states[position], out, states[position].begin(), std::plus());
    }
  }

  Vector mix(const Vector& query, const std::vector<Vector>& keys, const std::vector<Vector>& values) const {
    Vector mixed(query.size());
    const std::size_t size = head_size();
    for (std::size_t head = 0; head < model_.head_count; ++head) {
      const std::size_t shared = head / (model_.head_count / model_.kv_head_count) * size;
      Vector scores;
      for (const Vector& key : keys) {
        double dot = 0;
        for (std::size_t i = 0; i < size; ++i) dot += query[head * size + i] * key[shared + i];
        scores.push_back(std::exp(dot / std::sqrt(static_cast<double>(size))));
      }
      double sum = 0;
      for (const double score : scores) sum += score;
      for (std::size_t at = 0; at < values.size(); ++at)
        for (std::size_t i = 0; i < size; ++i) mixed[head * size + i] += scores[at] / sum * values[at][shared + i];
    }
    return mixed;
  }

  void feed_forward(Vector& state) const {
    const Vector in = norm(layer_ + "post_attention_layernorm", state);
    Vector gate = multiply(layer_ + "mlp.gate_proj", in);
    const Vector up = multiply(layer_ + "mlp.up_proj", in);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    const Vector out = multiply(layer_ + "mlp.down_proj", gate);
    std::ranges::transform(state, out, state.begin(), std::plus());
  }

  std::size_t head_size() const { return model_.hidden_size / model_.head_count; }

  const TinyModel& model_;
  std::map<std::string, TinyTensor> weights_;
  std::function<double(double)> divisor_;
  std::string layer_;
};

void expect_agreement(const TinyModel& tiny, const std::function<double(double)>& divisor) {
  const TemporaryFolder folder;
  tiny.write(folder.path() / "hf");
  const auto converted = convert::convert_to_gguf(folder.path() / "hf", folder.path() / "tiny.gguf");
  ASSERT_TRUE(converted) << converted.error().message();
  const auto model = Model::load(folder.path() / "tiny.gguf");
  ASSERT_TRUE(model) << model.error().message();

  std::vector<Token> tokens;
  for (int i = 0; i < 48; ++i) tokens.push_back((i * 37 + 11) % 256);
  const auto found = logits_of(**model, tokens);
  ASSERT_TRUE(found) << found.error().message();
  const std::vector<Vector> expected = ReferenceLlama(tiny, divisor).logits(tokens);

  double worst = 0;
  double largest = 0;
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    for (std::size_t id = 0; id < expected[at].size(); ++id) {
      worst = std::max(worst, std::abs(expected[at][id] - (*found)[at][id]));
      largest = std::max(largest, std::abs(expected[at][id]));
    }
    EXPECT_EQ(std::ranges::max_element(expected[at]) - expected[at].begin(),
              std::ranges::max_element((*found)[at]) - (*found)[at].begin());
  }
  std::printf("largest difference %.2g, largest logit %.2g\n", worst, largest);
  EXPECT_LE(worst, 1e-2) << "largest logit " << largest;
}

TEST(LogitsOf, AgreesWithTheDefinitionOfTheModel) {
  expect_agreement(TinyModel(), [](double) { return 1.0; });
}

TEST(LogitsOf, AgreesWithTiedEmbeddingsInTwoShards) {
  TinyModel model;
  model.tied_embeddings = true;
  model.two_shards = true;
  expect_agreement(model, [](double) { return 1.0; });
}

TEST(LogitsOf, AgreesWithLlama3RopeScaling) {
  TinyModel model;
  model.config_extra = R"("rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
      "high_freq_factor": 4.0, "original_max_position_embeddings": 128})";
  expect_agreement(model, [](double frequency) {
    const double turns = 128 * frequency / (2 * M_PI);  // in the original context
    if (turns > 4) return 1.0;
    if (turns < 1) return 8.0;
    const double smooth = (turns - 1) / 3;
    return 1 / ((1 - smooth) / 8 + smooth);
  });
}

TEST(LogitsOf, RefusesATokenThatIsNotThere) {
  const TemporaryFolder folder;
  TinyModel().write(folder.path() / "hf");
  ASSERT_TRUE(convert::convert_to_gguf(folder.path() / "hf", folder.path() / "tiny.gguf"));
  const auto model = Model::load(folder.path() / "tiny.gguf");
  EXPECT_EQ(logits_of(**model, {300}).error().kind(), ErrorKind::invalid);
}

}  // namespace
}  // namespace hearth::llm::infer
