#include "llm/convert/convert.h"

#include <gguf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>

#include "llm/convert/json_file.h"
#include "llm/convert/model_shape.h"
#include "llm/convert/tensor_folder.h"
#include "llm/convert/vocabulary.h"
#include "llm/testing/tiny_model.h"

namespace hearth::llm::convert {
namespace {

using llm::testing::TemporaryFolder;
using llm::testing::TinyModel;
using ::testing::HasSubstr;

class Gguf {
 public:
  explicit Gguf(const std::filesystem::path& path)
      : file_(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr})) {
    std::ifstream file(path, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }
  ~Gguf() { gguf_free(file_); }

  std::string text(const char* key) const { return gguf_get_val_str(file_, gguf_find_key(file_, key)); }
  std::uint32_t number(const char* key) const { return gguf_get_val_u32(file_, gguf_find_key(file_, key)); }
  bool has_key(const char* key) const { return gguf_find_key(file_, key) >= 0; }
  bool has_tensor(const char* name) const { return gguf_find_tensor(file_, name) >= 0; }
  float element(const char* name, std::size_t index) const {
    const std::size_t at = gguf_get_data_offset(file_) + gguf_get_tensor_offset(file_, gguf_find_tensor(file_, name));
    float value = 0;
    std::memcpy(&value, bytes_.data() + at + index * sizeof value, sizeof value);
    return value;
  }

 private:
  gguf_context* file_;
  std::string bytes_;
};

struct Converted {
  TemporaryFolder folder;
  Result<void> result = ok;
  std::filesystem::path file() const { return folder.path() / "model.gguf"; }

  explicit Converted(const TinyModel& model) {
    model.write(folder.path() / "hf");
    result = convert_to_gguf(folder.path() / "hf", file());
  }
};

TEST(ConvertToGguf, KeepsSizesTokensAndTemplate) {
  const Converted converted{TinyModel()};
  ASSERT_TRUE(converted.result) << converted.result.error().message();
  const Gguf gguf(converted.file());
  EXPECT_EQ(gguf.text("general.architecture"), "llama");
  EXPECT_EQ(gguf.number("llama.attention.head_count_kv"), 2u);
  EXPECT_EQ(gguf.text("tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(gguf.text("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_EQ(gguf.number("tokenizer.ggml.eos_token_id"), 297u);
  EXPECT_THAT(gguf.text("tokenizer.chat_template"), HasSubstr("<|im_start|>"));
  EXPECT_TRUE(gguf.has_tensor("output.weight"));
}

TEST(ConvertToGguf, QueryRowsOfAHeadAlternateBetweenItsHalves) {
  const TinyModel model;
  const Converted converted{model};
  const Gguf gguf(converted.file());
  const auto weights = model.tensors();
  const std::vector<float>& source = weights.at("model.layers.1.self_attn.q_proj.weight").values;
  const std::size_t head_size = 16;
  for (std::size_t head = 0; head < model.head_count; ++head) {
    for (std::size_t row = 0; row < head_size; ++row) {
      const std::size_t from = head * head_size + (row % 2) * head_size / 2 + row / 2;
      EXPECT_EQ(gguf.element("blk.1.attn_q.weight", (head * head_size + row) * model.hidden_size + 5),
                source[from * model.hidden_size + 5]);
    }
  }
}

TEST(ConvertToGguf, ShardsGiveTheSameFileAsOneFile) {
  TinyModel sharded;
  sharded.two_shards = true;
  const Converted one{TinyModel()};
  const Converted two{sharded};
  ASSERT_TRUE(two.result) << two.result.error().message();
  std::ifstream first(one.file(), std::ios::binary);
  std::ifstream second(two.file(), std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(first), {}),
            std::string(std::istreambuf_iterator<char>(second), {}));
}

TEST(ConvertToGguf, TiedEmbeddingsHaveNoOutputTensor) {
  TinyModel model;
  model.tied_embeddings = true;
  const Converted converted{model};
  ASSERT_TRUE(converted.result) << converted.result.error().message();
  EXPECT_FALSE(Gguf(converted.file()).has_tensor("output.weight"));
}

TEST(ConvertToGguf, HalfPrecisionNormsAreWidened) {
  for (const char* type : {"F16", "BF16"}) {
    TinyModel model;
    model.element_type = type;
    const Converted converted{model};
    ASSERT_TRUE(converted.result) << converted.result.error().message();
    EXPECT_NEAR(Gguf(converted.file()).element("output_norm.weight", 3), model.tensors()["model.norm.weight"].values[3],
                0.005);
  }
}

TEST(ConvertToGguf, LinearRopeScalingIsDescribed) {
  TinyModel model;
  model.config_extra = R"("rope_scaling": {"type": "linear", "factor": 2.0})";
  const Converted converted{model};
  ASSERT_TRUE(converted.result) << converted.result.error().message();
  EXPECT_EQ(Gguf(converted.file()).text("llama.rope.scaling.type"), "linear");
}

TEST(ConvertToGguf, Llama3RopeScalingBecomesATensor) {
  TinyModel model;
  model.config_extra = R"("rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
      "high_freq_factor": 4.0, "original_max_position_embeddings": 128})";
  const Converted converted{model};
  ASSERT_TRUE(converted.result) << converted.result.error().message();
  const Gguf gguf(converted.file());
  EXPECT_FLOAT_EQ(gguf.element("rope_freqs.weight", 0), 1.0f);  // the shortest wave stays
  EXPECT_FLOAT_EQ(gguf.element("rope_freqs.weight", 7), 8.0f);  // the longest is slowed by the factor
}

TEST(ConvertToGguf, SaysWhatIsWrongAndLeavesNothing) {
  struct Case {
    const char* config_extra;
    const char* message;
  };
  const Case cases[] = {
      {R"("num_attention_heads": 3)", "num_key_value_heads must divide"},
      {R"("rope_scaling": {"rope_type": "dynamic", "factor": 2})", "rope scaling 'dynamic' is not served"},
      {R"("intermediate_size": 96)", "blk.0.ffn_gate.weight is [128, 64], config.json asks for [96, 64]"},
      {R"("hidden_act": "gelu")", "activation 'gelu' is not served"},
      {R"("architectures": ["MixtralForCausalLM"])", "architecture 'MixtralForCausalLM' is not served"},
  };
  for (const Case& wrong : cases) {
    TinyModel model;
    model.config_extra = wrong.config_extra;
    const Converted converted{model};
    ASSERT_FALSE(converted.result) << wrong.message;
    EXPECT_THAT(converted.result.error().message(), HasSubstr(wrong.message));
    EXPECT_FALSE(std::filesystem::exists(converted.file()));
  }
}

TEST(TensorFolder, RefusesAHeaderThatLies) {
  const auto open_with = [](const std::string& header, std::size_t data_bytes) {
    TemporaryFolder folder;
    const std::uint64_t size = header.size();
    std::ofstream(folder.path() / "model.safetensors", std::ios::binary)
        << std::string(reinterpret_cast<const char*>(&size), 8) << header << std::string(data_bytes, '\0');
    const auto opened = TensorFolder::open(folder.path());
    return opened ? std::string("opened") : opened.error().message();
  };
  EXPECT_EQ(open_with(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8), "opened");
  EXPECT_THAT(open_with(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4), HasSubstr("outside the file"));
  EXPECT_THAT(open_with(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), HasSubstr("other bytes"));
  EXPECT_THAT(open_with(R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), HasSubstr("other bytes"));
  EXPECT_THAT(open_with(R"({"w":{"dtype":"I8","shape":[8],"data_offsets":[0,8]}})", 8), HasSubstr("element type I8"));
  EXPECT_THAT(open_with(R"({"w":{"dtype":"F32"}})", 8), HasSubstr("incomplete"));
  EXPECT_THAT(open_with("not json", 8), HasSubstr("not a JSON object"));
}

TEST(DetectPreTokenizer, RecognisesTheKnownRulesAndRefusesOthers) {
  const auto detect = [](std::string_view json) {
    const auto pre = detect_pre_tokenizer(boost::json::parse(json).as_object());
    return pre ? *pre : "refused: " + pre.error().message();
  };
  EXPECT_EQ(detect(R"({"pre_tokenizer": {"type": "ByteLevel"}})"), "gpt-2");
  EXPECT_EQ(detect(R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers":
      [{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "use_regex": true}]}})"),
            "starcoder");
  const std::string llama3 = R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern":
      {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "use_regex": false}]}, "model": {"ignore_merges": )";
  EXPECT_EQ(detect(llama3 + "true}}"), "llama-bpe");
  EXPECT_EQ(detect(llama3 + "false}}"), "smaug-bpe");
  EXPECT_EQ(detect(R"({"model": {"byte_fallback": true}})"), "default");
  EXPECT_THAT(detect(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x+"}}})"),
              HasSubstr("not known: x+"));
  EXPECT_THAT(detect(R"({"pre_tokenizer": {"type": "Whitespace"}})"), HasSubstr("'Whitespace' is not served"));
  // Passed over, these would give other tokens than the model was trained with.
  EXPECT_THAT(detect(R"({"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "ByteLevel"}})"), HasSubstr("'NFC'"));
  EXPECT_THAT(detect(R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true}})"),
              HasSubstr("add_prefix_space"));
}

TEST(ReadModelShape, AMistralWindowBoundsTheContext) {
  const auto config =
      boost::json::parse(R"({"architectures": ["MistralForCausalLM"], "vocab_size": 10, "hidden_size": 8,
      "max_position_embeddings": 32768, "sliding_window": 4096, "intermediate_size": 8, "num_hidden_layers": 1,
      "num_attention_heads": 2})");
  const auto shape = read_model_shape(config.get_object());
  ASSERT_TRUE(shape) << shape.error().message();
  EXPECT_EQ(shape->context_length, 4096u);
}

}  // namespace
}  // namespace hearth::llm::convert
