// The whole server but its socket, on a tiny model with random weights.
#include "llm/infer/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <thread>

#include "llm/convert/convert.h"
#include "llm/testing/tiny_model.h"

namespace hearth::llm::infer {
namespace {

namespace json = boost::json;
using llm::testing::TemporaryFolder;
using llm::testing::TinyModel;
using ::testing::HasSubstr;
using ::testing::Not;

// Made once: loading is the slow part.
const Model& tiny_model() {
  static const std::unique_ptr<Model> model = [] {
    const TemporaryFolder folder;
    TinyModel().write(folder.path() / "hf");
    EXPECT_TRUE(convert::convert_to_gguf(folder.path() / "hf", folder.path() / "tiny.gguf"));
    auto loaded = Model::load(folder.path() / "tiny.gguf");
    EXPECT_TRUE(loaded);
    return *std::move(loaded);
  }();
  return *model;
}

struct Server {
  explicit Server(SchedulerOptions scheduler_options = {.context_length = 256, .slot_count = 8, .thread_count = 1},
                  std::string api_key = "")
      : scheduler(*Scheduler::start(tiny_model(), scheduler_options)),
        service(tiny_model(), *scheduler, clock, ids, pool,
                {.model_name = "tiny", .api_key = std::move(api_key), .access_log = [this](std::string_view line) {
                   const std::lock_guard lock(log_mutex);
                   log_lines.emplace_back(line);
                 }}) {}

  http::Response send(const std::string& method, const std::string& path, std::string body = {},
                      const http::Headers& headers = {}) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.body = std::move(body);
    request.headers = headers;
    return *sync_wait(service.handle(request));
  }

  json::object post(const std::string& path, std::string body) {
    const http::Response response = send("POST", path, std::move(body));
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body).as_object();
  }

  std::string greedy(const std::string& prompt, int max_tokens = 24) {
    const json::object answer =
        post("/v1/completions",
             json::serialize(json::object{{"prompt", prompt}, {"max_tokens", max_tokens}, {"temperature", 0}}));
    return std::string(answer.at("choices").at(0).at("text").as_string());
  }

  std::string last_log_line() {
    const std::lock_guard lock(log_mutex);
    return log_lines.back();
  }

  FakeClock clock;
  SequenceIds ids;
  ThreadPool pool{2};
  std::mutex log_mutex;
  std::vector<std::string> log_lines;
  std::unique_ptr<Scheduler> scheduler;
  InferenceService service;
};

std::string read_everything(ByteSource& source) {
  return *sync_wait(read_all(source, 1 << 20));
}

// The JSON documents of a stream, and whether [DONE] came last.
struct Events {
  std::vector<json::object> documents;
  bool done = false;
};
Events parse_events(std::string_view text) {
  Events events;
  while (!text.empty()) {
    EXPECT_TRUE(text.starts_with("data: ")) << text;
    const std::size_t end = text.find("\n\n");
    const std::string_view data = text.substr(6, end - 6);
    text.remove_prefix(end + 2);
    EXPECT_FALSE(events.done);
    if (data == "[DONE]")
      events.done = true;
    else
      events.documents.push_back(json::parse(data).as_object());
  }
  return events;
}

TEST(InferenceService, AnswersAChatWithUsage) {
  Server server;
  const json::object answer =
      server.post("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5})");
  EXPECT_EQ(answer.at("object"), "chat.completion");
  EXPECT_EQ(answer.at("model"), "tiny");
  EXPECT_EQ(answer.at("choices").at(0).at("message").at("role"), "assistant");
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 5);
  EXPECT_EQ(answer.at("usage").at("prompt_tokens").as_int64() + 5, answer.at("usage").at("total_tokens").as_int64());
}

TEST(InferenceService, TheChatTemplateIsTheModelsOwn) {
  const auto tokens = tiny_model().render_chat({{"user", "xyz"}});
  ASSERT_TRUE(tokens);
  const auto expected = tiny_model().tokenize("<|im_start|>user\nxyz<|im_end|>\n<|im_start|>assistant\n", true, true);
  EXPECT_EQ(*tokens, expected);
  EXPECT_EQ(expected.front(), 298);  // the special token, not its letters
}

TEST(InferenceService, AStreamSaysTheSameAsAWholeAnswer) {
  Server server;
  const std::string members =
      R"("messages": [{"role": "user", "content": "hello"}], "max_tokens": 30, "temperature": 0)";
  const json::object whole = server.post("/v1/chat/completions", "{" + members + "}");
  const http::Response response =
      server.send("POST", "/v1/chat/completions",
                  "{" + members + R"(, "stream": true, "stream_options": {"include_usage": true}})");
  EXPECT_EQ(response.headers.get("Content-Type"), "text/event-stream");
  const Events events = parse_events(read_everything(*response.stream));
  ASSERT_TRUE(events.done);

  EXPECT_EQ(events.documents.front().at("choices").at(0).at("delta").at("role"), "assistant");
  std::string text;
  for (const json::object& document : events.documents) {
    EXPECT_EQ(document.at("object"), "chat.completion.chunk");
    for (const json::value& choice : document.at("choices").as_array())
      if (const json::value* content = choice.at("delta").as_object().if_contains("content"))
        text += content->as_string();
  }
  EXPECT_EQ(json::value(text), whole.at("choices").at(0).at("message").at("content"));
  EXPECT_EQ(events.documents.back().at("choices").as_array().size(), 0u);
  EXPECT_EQ(events.documents.back().at("usage").at("completion_tokens"), whole.at("usage").at("completion_tokens"));
}

TEST(InferenceService, EightAnswersAtOnceAreTheSameAsAlone) {
  Server server;
  std::vector<std::string> prompts;
  for (int i = 0; i < 8; ++i) prompts.push_back("prompt " + std::string(static_cast<std::size_t>(i * 9 + 1), 'a' + i));
  std::vector<std::string> alone;
  {
    Server one({.context_length = 256, .slot_count = 1, .thread_count = 1});
    for (const std::string& prompt : prompts) alone.push_back(one.greedy(prompt, 48));
  }

  std::vector<std::string> together(prompts.size());
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < prompts.size(); ++i)
    clients.emplace_back([&, i] { together[i] = server.greedy(prompts[i], 48); });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(together, alone);
}

TEST(InferenceService, APromptThatIsStillInMemoryGivesTheSameAnswer) {
  Server server({.context_length = 256, .slot_count = 1, .thread_count = 1});
  const std::string fresh = server.greedy("the quick brown fox jumps");
  server.greedy("the quick brown dog sleeps");  // shares a beginning
  EXPECT_EQ(server.greedy("the quick brown fox jumps"), fresh);
  EXPECT_GT(server.scheduler->state().reused_tokens, 0u);
}

TEST(InferenceService, StopsAtASequenceAndSendsNothingOfIt) {
  Server server;
  const std::string all = server.greedy("hello", 40);
  ASSERT_GT(all.size(), 8u);
  const auto starts_character = [&](std::size_t at) { return at == all.size() || (all[at] & 0xC0) != 0x80; };
  std::size_t first = all.size() / 2;
  while (!starts_character(first)) ++first;
  std::size_t last = first + 2;
  while (!starts_character(last)) ++last;
  const std::string stop = all.substr(first, last - first);
  const json::object answer = server.post(
      "/v1/completions",
      json::serialize(json::object{{"prompt", "hello"}, {"max_tokens", 40}, {"temperature", 0}, {"stop", stop}}));
  EXPECT_EQ(answer.at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_EQ(answer.at("choices").at(0).at("text"), json::value(all.substr(0, all.find(stop))));
}

TEST(InferenceService, TheSameSeedGivesTheSameAnswer) {
  Server server;
  const auto sample = [&](int seed) {
    const json::object answer = server.post(
        "/v1/completions",
        json::serialize(json::object{{"prompt", "hello"}, {"max_tokens", 30}, {"temperature", 1.5}, {"seed", seed}}));
    return std::string(answer.at("choices").at(0).at("text").as_string());
  };
  EXPECT_EQ(sample(1), sample(1));
  EXPECT_NE(sample(1), sample(2));
}

TEST(InferenceService, LogProbabilitiesNameTheLikeliestTokenFirst) {
  Server server;
  const json::object answer =
      server.post("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 3,
          "temperature": 0, "logprobs": true, "top_logprobs": 2})");
  const json::array& content = answer.at("choices").at(0).at("logprobs").at("content").as_array();
  ASSERT_FALSE(content.empty());
  for (const json::value& token : content) {
    EXPECT_LE(token.at("logprob").as_double(), 0);
    EXPECT_EQ(token.at("top_logprobs").at(0).at("bytes"), token.at("bytes"));  // greedy took the likeliest
    EXPECT_GE(token.at("top_logprobs").at(0).at("logprob").as_double(),
              token.at("top_logprobs").at(1).at("logprob").as_double());
  }
}

TEST(InferenceService, ADroppedStreamFreesItsSlot) {
  Server server({.context_length = 512, .slot_count = 1, .thread_count = 1});
  http::Response response = server.send("POST", "/v1/completions",
                                        R"({"prompt": "hello", "max_tokens": 500, "temperature": 0, "stream": true})");
  char bytes[256];
  ASSERT_GT(*sync_wait(response.stream->read(bytes)), 0u);
  response.stream.reset();  // what the server does when the client has gone
  ASSERT_TRUE(server.scheduler->wait_idle(std::chrono::seconds(10)));
  EXPECT_THAT(server.last_log_line(), HasSubstr(R"("finish_reason":"disconnected")"));
  server.greedy("the slot works again");
}

TEST(InferenceService, AClientThatLeavesWithoutAStreamFreesItsSlotToo) {
  Server server({.context_length = 512, .slot_count = 1, .thread_count = 1});
  const auto client = std::make_shared<Cancellation>();
  http::Request request;
  request.method = "POST";
  request.path = "/v1/completions";
  request.body = R"({"prompt": "hello", "max_tokens": 500, "temperature": 0})";
  // It leaves when its answer has just been begun.
  request.watch_client = [&] {
    client->cancel();
    return client;
  };
  const auto response = sync_wait(server.service.handle(request));
  EXPECT_NE(response->status, 200);
  ASSERT_TRUE(server.scheduler->wait_idle(std::chrono::seconds(10)));
  EXPECT_THAT(server.last_log_line(), HasSubstr(R"("finish_reason":"disconnected")"));
  EXPECT_THAT(server.last_log_line(), Not(HasSubstr("completion_tokens")));
  server.greedy("the slot works again");
}

TEST(InferenceService, AFullQueueAnswers429AndADrainingServer503) {
  Server server({.context_length = 512, .slot_count = 1, .thread_count = 1, .queue_length_max = 1});
  const std::string body = R"({"prompt": "hello", "max_tokens": 500, "temperature": 0, "stream": true})";
  std::vector<http::Response> streams;
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    streams.push_back(server.send("POST", "/v1/completions", body));
    if (streams.back().status == 429) {
      ++refused;
      EXPECT_EQ(streams.back().headers.get("Retry-After"), "1");
      EXPECT_THAT(streams.back().body, HasSubstr(R"("type":"rate_limit_error")"));
    }
  }
  EXPECT_GE(refused, 1);
  streams.clear();

  server.scheduler->begin_drain();
  EXPECT_EQ(server.send("POST", "/v1/completions", body).status, 503);
  EXPECT_EQ(server.send("GET", "/health").status, 503);
  EXPECT_TRUE(server.scheduler->wait_idle(std::chrono::seconds(10)));
}

TEST(InferenceService, AsManyAsThereAreSlotsAndPlacesInTheQueueAreTakenHoweverFastTheyCome) {
  Server server({.context_length = 512, .slot_count = 4, .thread_count = 1, .queue_length_max = 2});
  const std::string body = R"({"prompt": "hello", "max_tokens": 500, "temperature": 0, "stream": true})";
  std::vector<http::Response> streams;
  for (int i = 0; i < 6; ++i) {
    streams.push_back(server.send("POST", "/v1/completions", body));
    EXPECT_EQ(streams.back().status, 200) << i;
  }
  EXPECT_EQ(server.send("POST", "/v1/completions", body).status, 429);
}

TEST(InferenceService, RefusesWhatDoesNotFit) {
  Server server({.context_length = 256, .slot_count = 2, .thread_count = 1});
  const auto error_of = [&](const std::string& path, const std::string& body) {
    const http::Response response = server.send("POST", path, body);
    const json::value error = json::parse(response.body).at("error");
    return std::to_string(response.status) + " " +
           std::string(error.at("code").is_null() ? "-" : error.at("code").as_string()) + " " +
           std::string(error.at("message").as_string());
  };
  EXPECT_EQ(error_of("/v1/completions", R"({"prompt": ")" + std::string(300, 'x') + R"("})"),
            "400 context_length_exceeded this model's context is 256 tokens; the prompt has 300 and 16 were asked for");
  EXPECT_EQ(error_of("/v1/completions", R"({"prompt": "hi", "max_tokens": 256})"),
            "400 context_length_exceeded this model's context is 256 tokens; the prompt has 2 and 256 were asked for");
  EXPECT_EQ(error_of("/v1/completions", R"({"prompt": ""})"), "400 - 'prompt' is empty");
  EXPECT_EQ(error_of("/v1/completions", R"({"prompt": [99999]})"), "400 - token id 99999 is not in the vocabulary");
  EXPECT_EQ(error_of("/v1/completions", R"({"prompt": "hi", "model": "gpt-9"})"),
            "404 model_not_found the model 'gpt-9' does not exist");
  EXPECT_EQ(error_of("/v1/completions", "{"), "400 invalid_json the body is not valid JSON: incomplete JSON");
  EXPECT_EQ(error_of("/v2/unknown", "{}"), "404 unknown_url there is no such route");
  EXPECT_EQ(server.send("GET", "/v1/completions").status, 405);
}

TEST(InferenceService, AnAnswerEndsWhereTheContextEnds) {
  Server server({.context_length = 256, .slot_count = 1, .thread_count = 1});
  const json::object answer =
      server.post("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "hello"}], "temperature": 0})");
  EXPECT_LE(answer.at("usage").at("total_tokens").as_int64(), 256);
}

TEST(InferenceService, AsksForTheApiKeyButNotForHealth) {
  Server server({.context_length = 256, .slot_count = 1, .thread_count = 1}, "secret-key");
  http::Headers headers;
  EXPECT_EQ(server.send("GET", "/v1/models").status, 401);
  headers.set("Authorization", "Bearer wrong");
  EXPECT_EQ(server.send("GET", "/v1/models", {}, headers).status, 401);
  headers.set("Authorization", "Bearer secret-key");
  EXPECT_EQ(server.send("GET", "/v1/models", {}, headers).status, 200);
  EXPECT_EQ(server.send("GET", "/health").status, 200);
}

TEST(InferenceService, SpeaksTheSageMakerContract) {
  Server server;
  EXPECT_EQ(server.send("GET", "/ping").status, 200);
  const http::Response response = server.send(
      "POST", "/invocations", R"({"inputs": "hello", "parameters": {"max_new_tokens": 6, "return_full_text": true}})");
  EXPECT_THAT(std::string(json::parse(response.body).at(0).at("generated_text").as_string()), HasSubstr("hello"));
  EXPECT_EQ(
      server.post("/invocations", R"({"messages": [{"role": "user", "content": "x"}], "max_tokens": 2})").at("object"),
      "chat.completion");
}

TEST(InferenceService, CountsAndLogsWithoutThePrompt) {
  Server server;
  server.greedy("a very secret prompt", 4);
  const std::string metrics = server.send("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr(R"(hearth_infer_requests_total{route="/v1/completions",status="200"} 1)"));
  EXPECT_THAT(metrics, HasSubstr("hearth_infer_completion_tokens_total 4\n"));
  EXPECT_THAT(metrics, HasSubstr("hearth_infer_time_to_first_token_seconds_count 1\n"));
  const std::string line = server.log_lines.front();
  EXPECT_THAT(line, HasSubstr(R"("completion_tokens":4)"));
  EXPECT_THAT(line, Not(HasSubstr("secret")));
  EXPECT_EQ(json::parse(line).at("finish_reason"), "length");
}

}  // namespace
}  // namespace hearth::llm::infer
