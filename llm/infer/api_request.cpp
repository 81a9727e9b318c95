#include "llm/infer/api_request.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <utility>

namespace hearth::llm::infer {
namespace json = boost::json;

namespace {

constexpr std::size_t stop_count_max = 4;  // as OpenAI documents it

// Like TRY, for ApiResult.
#define API_TRY_DO(...) \
  if (auto api_result_ = (__VA_ARGS__); !api_result_) return std::unexpected(std::move(api_result_).error())

std::unexpected<ApiError> refuse(std::string param, std::string message) {
  return std::unexpected(invalid_request(std::move(param), std::move(message)));
}

std::string_view json_type(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "an integer";
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

std::unexpected<ApiError> wrong_type(const std::string& param, std::string_view expected, const json::value& found) {
  return refuse(param, fmt::format("'{}' must be {}, not {}", param, expected, json_type(found)));
}

// Reads members of one object; null counts as absent, as clients send it for every option they leave open.
class Members {
 public:
  explicit Members(const json::object& object, std::string prefix = {}) : object_(object), prefix_(std::move(prefix)) {}

  const json::value* find(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    return value && !value->is_null() ? value : nullptr;
  }
  std::string path(std::string_view name) const { return prefix_ + std::string(name); }

  ApiResult<void> read(std::string_view name, bool& into) const {
    const json::value* value = find(name);
    if (!value) return {};
    if (!value->is_bool()) return wrong_type(path(name), "a boolean", *value);
    into = value->get_bool();
    return {};
  }

  ApiResult<void> read(std::string_view name, std::string& into) const {
    const json::value* value = find(name);
    if (!value) return {};
    if (!value->is_string()) return wrong_type(path(name), "a string", *value);
    into = std::string(value->get_string());
    return {};
  }

  ApiResult<void> read(std::string_view name, float lowest, float highest, float& into) const {
    const json::value* value = find(name);
    if (!value) return {};
    if (!value->is_number()) return wrong_type(path(name), "a number", *value);
    const double number = value->to_number<double>();
    if (!(number >= lowest && number <= highest))
      return refuse(path(name), fmt::format("'{}' must be between {} and {}", path(name), lowest, highest));
    into = static_cast<float>(number);
    return {};
  }

  template <class Integer>
  ApiResult<void> read_integer(std::string_view name, std::int64_t lowest, std::int64_t highest, Integer& into) const {
    const json::value* value = find(name);
    if (!value) return {};
    if (!value->is_int64() && !value->is_uint64()) return wrong_type(path(name), "an integer", *value);
    const bool is_huge = value->is_uint64();  // Boost.JSON uses this kind only above the signed range
    if (is_huge || value->get_int64() < lowest || value->get_int64() > highest)
      return refuse(path(name), fmt::format("'{}' must be between {} and {}", path(name), lowest, highest));
    into = static_cast<std::uint32_t>(value->get_int64());
    return {};
  }

 private:
  const json::object& object_;
  std::string prefix_;
};

ApiResult<json::object> parse_object(std::string_view body) {
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 64;
  json::value value = json::parse(body, failure, {}, options);
  if (failure)
    return std::unexpected(
        ApiError{.message = fmt::format("the body is not valid JSON: {}", failure.message()), .code = "invalid_json"});
  if (!value.is_object())
    return std::unexpected(ApiError{.message = "the body must be a JSON object", .code = "invalid_json"});
  return std::move(value).as_object();
}

// A string, or an array of {"type": "text", "text": …}.
ApiResult<std::string> read_content(const json::value& content, const std::string& path) {
  if (content.is_string()) return std::string(content.get_string());
  if (!content.is_array()) return wrong_type(path, "a string or an array of text parts", content);
  std::string text;
  std::size_t index = 0;
  for (const json::value& part : content.get_array()) {
    const std::string part_path = fmt::format("{}[{}]", path, index++);
    if (!part.is_object()) return wrong_type(part_path, "an object", part);
    const Members members(part.get_object(), part_path + ".");
    std::string type;
    API_TRY_DO(members.read("type", type));
    if (type != "text") return refuse(part_path, fmt::format("content of type '{}' is not served; only text is", type));
    std::string piece;
    if (!members.find("text"))
      return refuse(members.path("text"), fmt::format("'{}' is missing", members.path("text")));
    API_TRY_DO(members.read("text", piece));
    text += piece;
  }
  return text;
}

ApiResult<std::vector<ChatMessage>> read_messages(const Members& request) {
  const json::value* list = request.find("messages");
  if (!list) return refuse("messages", "'messages' is missing");
  if (!list->is_array()) return wrong_type("messages", "an array", *list);
  if (list->get_array().empty()) return refuse("messages", "'messages' must not be empty");

  std::vector<ChatMessage> messages;
  for (const json::value& entry : list->get_array()) {
    const std::string path = fmt::format("messages[{}]", messages.size());
    if (!entry.is_object()) return wrong_type(path, "an object", entry);
    const Members members(entry.get_object(), path + ".");
    ChatMessage message;
    if (!members.find("role")) return refuse(path + ".role", fmt::format("'{}.role' is missing", path));
    API_TRY_DO(members.read("role", message.role));
    if (message.role == "developer") message.role = "system";  // OpenAI's newer name for it
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      return refuse(path + ".role", fmt::format("'{}.role' must be system, developer, user or assistant, not '{}'",
                                                path, message.role));
    const json::value* content = members.find("content");
    if (!content) return refuse(path + ".content", fmt::format("'{}.content' is missing", path));
    auto text = read_content(*content, path + ".content");
    if (!text) return std::unexpected(std::move(text).error());
    message.content = *std::move(text);
    messages.push_back(std::move(message));
  }
  return messages;
}

// A string, or token ids. Several prompts in one request are not served.
ApiResult<std::variant<std::string, std::vector<Token>>> read_prompt(const Members& request) {
  const json::value* prompt = request.find("prompt");
  if (!prompt) return refuse("prompt", "'prompt' is missing");
  if (prompt->is_string()) return std::string(prompt->get_string());
  if (!prompt->is_array()) return wrong_type("prompt", "a string or an array of token ids", *prompt);
  const json::array& list = prompt->get_array();
  if (list.size() == 1 && list.front().is_string()) return std::string(list.front().get_string());
  std::vector<Token> tokens;
  for (const json::value& entry : list) {
    if (!entry.is_int64() || entry.get_int64() < 0 || entry.get_int64() > std::numeric_limits<Token>::max())
      return refuse("prompt", "'prompt' must be one string or one array of token ids");
    tokens.push_back(static_cast<Token>(entry.get_int64()));
  }
  return tokens;
}

ApiResult<std::vector<std::string>> read_stops(const Members& members, std::string_view name) {
  const json::value* stop = members.find(name);
  std::vector<std::string> stops;
  if (!stop) return stops;
  const std::string path = members.path(name);
  if (stop->is_string()) {
    stops.emplace_back(stop->get_string());
  } else if (stop->is_array()) {
    for (const json::value& entry : stop->get_array()) {
      if (!entry.is_string()) return wrong_type(fmt::format("{}[{}]", path, stops.size()), "a string", entry);
      stops.emplace_back(entry.get_string());
    }
  } else {
    return wrong_type(path, "a string or an array of strings", *stop);
  }
  if (stops.size() > stop_count_max)
    return refuse(path, fmt::format("'{}' may hold at most {} sequences", path, stop_count_max));
  for (const std::string& text : stops)
    if (text.empty()) return refuse(path, fmt::format("'{}' must not hold an empty sequence", path));
  return stops;
}

ApiResult<void> read_sampling(const Members& members, SamplingOptions& sampling) {
  API_TRY_DO(members.read("temperature", 0, 2, sampling.temperature));
  API_TRY_DO(members.read("top_p", 0, 1, sampling.top_p));
  API_TRY_DO(members.read("min_p", 0, 1, sampling.min_p));
  API_TRY_DO(members.read("presence_penalty", -2, 2, sampling.presence_penalty));
  API_TRY_DO(members.read("frequency_penalty", -2, 2, sampling.frequency_penalty));
  // -1 is how some servers say "all".
  if (const json::value* top_k = members.find("top_k"); !top_k || *top_k != -1)
    API_TRY_DO(members.read_integer("top_k", 0, 1'000'000, sampling.top_k));
  return members.read_integer("seed", std::numeric_limits<std::int32_t>::min(),
                              std::numeric_limits<std::uint32_t>::max(), sampling.seed);
}

// Each of these would change the answer, and we cannot do it.
ApiResult<void> refuse_unserved(const Members& members) {
  if (const json::value* n = members.find("n"); n && *n != 1)
    return refuse("n", "'n' must be 1: one answer per request");
  if (const json::value* best_of = members.find("best_of"); best_of && *best_of != 1)
    return refuse("best_of", "'best_of' must be 1");
  for (const char* name : {"tools", "functions", "logit_bias", "suffix", "audio"}) {
    const json::value* value = members.find(name);
    const bool is_empty = value && ((value->is_array() && value->get_array().empty()) ||
                                    (value->is_object() && value->get_object().empty()) ||
                                    (value->is_string() && value->get_string().empty()));
    if (value && !is_empty) return refuse(name, fmt::format("'{}' is not served", name));
  }
  if (const json::value* echo = members.find("echo"); echo && *echo != false)
    return refuse("echo", "'echo' is not served");
  if (const json::value* format = members.find("response_format")) {
    const json::object* object = format->if_object();
    const json::value* type = object ? object->if_contains("type") : nullptr;
    if (!type || *type != "text") return refuse("response_format", "'response_format' must be {\"type\": \"text\"}");
  }
  return {};
}

ApiResult<void> read_common(const Members& members, ApiRequest& request) {
  API_TRY_DO(members.read("model", request.model));
  API_TRY_DO(refuse_unserved(members));
  API_TRY_DO(read_sampling(members, request.sampling));
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  API_TRY_DO(members.read_integer("max_tokens", 1, most, request.token_count_max));
  API_TRY_DO(members.read_integer("max_completion_tokens", 1, most, request.token_count_max));
  auto stops = read_stops(members, "stop");
  if (!stops) return std::unexpected(std::move(stops).error());
  request.stops = *std::move(stops);

  API_TRY_DO(members.read("stream", request.stream));
  if (const json::value* options = members.find("stream_options")) {
    if (!options->is_object()) return wrong_type("stream_options", "an object", *options);
    if (!request.stream) return refuse("stream_options", "'stream_options' needs 'stream': true");
    API_TRY_DO(Members(options->get_object(), "stream_options.").read("include_usage", request.include_usage));
  }
  return {};
}

ApiResult<ApiRequest> read_chat(const json::object& object) {
  const Members members(object);
  ApiRequest request{.surface = Surface::chat};
  auto messages = read_messages(members);
  if (!messages) return std::unexpected(std::move(messages).error());
  request.messages = *std::move(messages);
  API_TRY_DO(read_common(members, request));

  bool logprobs = false;
  API_TRY_DO(members.read("logprobs", logprobs));
  std::optional<std::uint32_t> top;
  API_TRY_DO(members.read_integer("top_logprobs", 0, 20, top));
  if (top && !logprobs) return refuse("top_logprobs", "'top_logprobs' needs 'logprobs': true");
  if (logprobs) request.top_logprobs = top.value_or(0);
  return request;
}

ApiResult<ApiRequest> read_completion(const json::object& object) {
  const Members members(object);
  ApiRequest request{.surface = Surface::completion};
  auto prompt = read_prompt(members);
  if (!prompt) return std::unexpected(std::move(prompt).error());
  request.prompt = *std::move(prompt);
  API_TRY_DO(read_common(members, request));
  API_TRY_DO(members.read_integer("logprobs", 0, 5, request.top_logprobs));
  if (!request.token_count_max) request.token_count_max = 16;  // OpenAI's default for this API
  return request;
}

ApiResult<ApiRequest> read_inputs(const json::object& object) {
  const Members members(object);
  ApiRequest request{.surface = Surface::inputs};
  std::string inputs;
  API_TRY_DO(members.read("inputs", inputs));
  request.prompt = std::move(inputs);
  bool stream = false;
  API_TRY_DO(members.read("stream", stream));
  if (stream)
    return refuse("stream", "'stream' needs the OpenAI form: send 'messages' or 'prompt' instead of 'inputs'");

  request.token_count_max = 20;  // the form's own defaults: greedy, 20 tokens
  request.sampling.temperature = 0;
  const json::value* parameters = members.find("parameters");
  if (!parameters) return request;
  if (!parameters->is_object()) return wrong_type("parameters", "an object", *parameters);
  const Members options(parameters->get_object(), "parameters.");
  bool do_sample = false;
  API_TRY_DO(options.read("do_sample", do_sample));
  if (do_sample) request.sampling.temperature = 1;
  API_TRY_DO(read_sampling(options, request.sampling));
  API_TRY_DO(
      options.read_integer("max_new_tokens", 1, std::numeric_limits<std::int32_t>::max(), request.token_count_max));
  API_TRY_DO(options.read("return_full_text", request.echo_prompt));
  auto stops = read_stops(options, "stop");
  if (!stops) return std::unexpected(std::move(stops).error());
  request.stops = *std::move(stops);
  return request;
}

}  // namespace

ApiResult<ApiRequest> parse_chat_request(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  return read_chat(*object);
}

ApiResult<ApiRequest> parse_completion_request(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  return read_completion(*object);
}

ApiResult<ApiRequest> parse_invocation(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  if (object->contains("messages")) return read_chat(*object);
  if (object->contains("prompt")) return read_completion(*object);
  if (object->contains("inputs")) return read_inputs(*object);
  return std::unexpected(ApiError{.message = "the body needs 'messages', 'prompt' or 'inputs'"});
}

}  // namespace hearth::llm::infer
