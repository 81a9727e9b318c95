#include "llm/train/records.h"

#include <gtest/gtest.h>

#include "llm/common/failure.h"
#include "llm/testing/tiny_model.h"

namespace hearth::llm::train {
namespace {

class RecordsTest : public ::testing::Test {
 protected:
  std::vector<Record> read(const std::string& name, const std::string& content) {
    const std::string uri = (folder_.path() / name).string();
    storage_.write_text(uri, content);
    Records records(storage_, {uri});
    std::vector<Record> found;
    while (auto record = records.next()) found.push_back(*record);
    return found;
  }
  std::string problem(const std::string& name, const std::string& content) {
    try {
      read(name, content);
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "";
  }

  testing::TemporaryFolder folder_;
  Storage storage_;
};

TEST_F(RecordsTest, EveryFormatGivesTheSamePair) {
  for (const auto& found : {read("a.jsonl", "{\"prompt\":\"p\",\"completion\":\"c\"}\n\n"),
                            read("a.json", " [ {\"prompt\":\"p\",\"completion\":\"c\"} ]\n"),
                            read("a.csv", "prompt,completion\r\np,c\r\n")}) {
    ASSERT_EQ(found.size(), 1u);
    ASSERT_EQ(found[0].messages.size(), 2u);
    EXPECT_EQ(found[0].messages[0].role, "user");
    EXPECT_EQ(found[0].messages[1].content, "c");
  }
}

TEST_F(RecordsTest, CsvQuotesHoldCommasQuotesAndLines) {
  const auto found = read("a.csv", "text\n\"a, \"\"b\"\"\nc\"\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text, "a, \"b\"\nc");
}

TEST_F(RecordsTest, LongTextComesInPiecesThatContinue) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i) + "\n";
  const auto found = read("a.txt", text);
  std::string whole;
  for (const Record& record : found) whole += record.text;
  EXPECT_EQ(whole, text);
  ASSERT_GT(found.size(), 2u);
  EXPECT_TRUE(found.front().continues);
  EXPECT_FALSE(found.back().continues);
}

TEST_F(RecordsTest, MalformedInputNamesItsLine) {
  EXPECT_NE(problem("a.jsonl", "{\"text\":\"x\"}\n{oops}\n").find("line 2"), std::string::npos);
  EXPECT_NE(problem("a.jsonl", "{\"other\":1}\n").find("none of 'text'"), std::string::npos);
  EXPECT_NE(problem("a.jsonl", "{\"messages\":[]}\n").find("messages"), std::string::npos);
  EXPECT_NE(problem("a.json", "{\"text\":\"x\"}").find("must be an array"), std::string::npos);
  EXPECT_NE(problem("a.json", "[{\"text\":\"x\"").find("middle of an object"), std::string::npos);
  EXPECT_NE(problem("a.json", "[{\"text\":\"x\"} {\"text\":\"y\"}]").find("expected ','"), std::string::npos);
  EXPECT_NE(problem("a.csv", "text\n\"never ends\n").find("never ends"), std::string::npos);
  EXPECT_NE(problem("a.csv", "prompt,completion\na,b,c\n").find("3 fields"), std::string::npos);
  EXPECT_NE(problem("a.csv", "who,what\na,b\n").find("header"), std::string::npos);
}

}  // namespace
}  // namespace hearth::llm::train
