#include "gateway/bearer_key.h"

#include "base/bytes.h"

namespace hearth::gateway {
namespace {

constexpr std::string_view prefix = "bedrock-api-key-";
// Added behind the signature, which does not cover it.
constexpr std::string_view version = "&Version=1";

}  // namespace

Result<http::Request> read_bearer_key(std::string_view key) {
  if (!key.starts_with(prefix)) return Error(ErrorKind::invalid, "The API key is not one of ours.");
  std::string encoded(key.substr(prefix.size()));
  while (encoded.size() % 4) encoded += '=';
  const auto decoded = from_base64(encoded);
  if (!decoded) return Error(ErrorKind::invalid, "The API key cannot be read.");
  std::string_view url = *decoded;
  const auto question = url.find('?');
  if (question == url.npos) return Error(ErrorKind::invalid, "The API key cannot be read.");
  if (url.ends_with(version)) url.remove_suffix(version.size());

  http::Request request;
  request.method = "POST";
  request.path = "/";
  request.query = url.substr(question + 1);
  request.headers.add("host", std::string(url.substr(0, std::min(url.find('/'), question))));
  // A presigned request that was made for something else, and went around, is no key.
  if (!("&" + request.query + "&").contains("&Action=CallWithBearerToken&"))
    return Error(ErrorKind::invalid, "The API key was made for something else.");
  return request;
}

}  // namespace hearth::gateway
