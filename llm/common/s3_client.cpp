#include "llm/common/s3_client.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <pugixml.hpp>
#include <thread>

#include "llm/common/failure.h"

namespace hearth::llm {

namespace {

constexpr std::size_t part_bytes = 16 << 20;  // S3 takes 5 MiB to 5 GiB, at most 10,000 of them
constexpr std::size_t answer_bytes_max = 64 << 20;
constexpr int attempts_max = 8;
constexpr std::chrono::milliseconds first_delay{250};

struct Address {
  std::string bucket, key;
};

Address parse_address(const std::string& uri) {
  const std::string rest = uri.substr(std::string_view("s3://").size());
  const std::size_t slash = rest.find('/');
  Address address{.bucket = rest.substr(0, slash)};
  if (slash != std::string::npos) address.key = rest.substr(slash + 1);
  if (address.bucket.empty()) fail(FailureKind::usage, "{} names no bucket", uri);
  return address;
}

std::string first_environment(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = std::getenv(name); value && *value) return value;
  return "";
}

// "AccessDenied: User: … is not authorized to perform: …", as S3 says it; empty if it says nothing.
std::string error_of(const std::string& body) {
  pugi::xml_document document;
  document.load_string(body.c_str());
  const std::string code = document.child("Error").child_value("Code");
  const std::string message = document.child("Error").child_value("Message");
  return code.empty() || message.empty() ? code : code + ": " + message;
}

class S3Reader final : public ObjectReader {
 public:
  S3Reader(S3Client& s3, std::string uri, std::uint64_t size, std::string etag)
      : s3_(s3), uri_(std::move(uri)), size_(size), etag_(std::move(etag)) {}
  std::uint64_t size() const override { return size_; }

  std::size_t read_at(std::uint64_t offset, std::span<char> into) override {
    std::size_t filled = 0;
    while (filled < into.size() && offset + filled < size_) {
      const std::uint64_t first = offset + filled;
      const std::uint64_t length = std::min<std::uint64_t>({into.size() - filled, part_bytes, size_ - first});
      S3Client::Call call{.uri = uri_};
      call.headers.add("Range", fmt::format("bytes={}-{}", first, first + length - 1));
      // Another object under the same name, written meanwhile, must not be mixed with this one.
      call.headers.add("If-Match", etag_);
      const S3Client::Answer answer = s3_.send_checked(call);
      if (answer.body.size() != length) fail(FailureKind::storage, "{} ended early", uri_);
      std::ranges::copy(answer.body, into.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += length;
    }
    return filled;
  }

 private:
  S3Client& s3_;
  std::string uri_;
  std::uint64_t size_;
  std::string etag_;
};

class S3Writer final : public ObjectWriter {
 public:
  S3Writer(S3Client& s3, std::string uri) : s3_(s3), uri_(std::move(uri)) {}

  ~S3Writer() override {
    if (upload_id_.empty()) return;
    try {
      s3_.send({.method = "DELETE", .uri = uri_, .query = "uploadId=" + http::percent_encode(upload_id_)});
    } catch (const std::exception&) {
      // The bucket's lifecycle removes what we cannot.
    }
  }

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::size_t taken = std::min(bytes.size(), part_bytes - waiting_.size());
      waiting_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (waiting_.size() == part_bytes) send_part();
    }
  }

  void close() override {
    if (upload_id_.empty()) {
      s3_.send_checked({.method = "PUT", .uri = uri_, .body = std::move(waiting_)});
      return;
    }
    if (!waiting_.empty()) send_part();
    std::string body = "<CompleteMultipartUpload>";
    for (std::size_t i = 0; i < etags_.size(); ++i)
      body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etags_[i]);
    body += "</CompleteMultipartUpload>";
    const S3Client::Answer answer = s3_.send_checked({.method = "POST",
                                                      .uri = uri_,
                                                      .query = "uploadId=" + http::percent_encode(upload_id_),
                                                      .body = std::move(body)});
    // AWS: completing may fail after the 200 was sent.
    if (const std::string error = error_of(answer.body); !error.empty())
      fail(FailureKind::storage, "cannot write {}: {}", uri_, error);
    upload_id_.clear();
  }

 private:
  void send_part() {
    if (upload_id_.empty()) start_upload();
    const std::string query =
        fmt::format("partNumber={}&uploadId={}", etags_.size() + 1, http::percent_encode(upload_id_));
    const S3Client::Answer answer =
        s3_.send_checked({.method = "PUT", .uri = uri_, .query = query, .body = std::move(waiting_)});
    waiting_.clear();
    etags_.emplace_back(answer.headers.get("ETag"));
  }

  void start_upload() {
    const S3Client::Answer answer = s3_.send_checked({.method = "POST", .uri = uri_, .query = "uploads="});
    pugi::xml_document document;
    document.load_string(answer.body.c_str());
    upload_id_ = document.child("InitiateMultipartUploadResult").child_value("UploadId");
    if (upload_id_.empty()) fail(FailureKind::storage, "cannot write {}: S3 gave no upload id", uri_);
  }

  S3Client& s3_;
  std::string uri_;
  std::string waiting_;
  std::string upload_id_;
  std::vector<std::string> etags_;
};

}  // namespace

S3Client::S3Client()
    : client_(http::ClientOptions{.ca_file = first_environment({"AWS_CA_BUNDLE"})}), credentials_(client_) {
  region_ = first_environment({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (region_.empty()) region_ = "us-east-1";
  std::string endpoint = first_environment({"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (endpoint.empty()) endpoint = fmt::format("https://s3.{}.amazonaws.com", region_);
  endpoint_ = value_or_fail(http::parse_url(endpoint), FailureKind::usage);
}

Result<S3Client::Answer> S3Client::send_once(const Call& call) {
  const Address address = parse_address(call.uri);
  http::Request request;
  request.method = call.method;
  request.path = "/" + http::percent_encode(address.bucket);
  if (!address.key.empty()) request.path += "/" + http::percent_encode(address.key, true);
  request.query = call.query;
  request.headers = call.headers;
  request.headers.set("Host", endpoint_.authority());
  request.body = call.body;
  wire::sign_request(request, credentials_.current(), {.region = region_, .service = "s3"},
                     std::chrono::system_clock::now());

  TRY(http::Response response, sync_wait(client_.send(endpoint_, std::move(request))));
  Answer answer{.status = response.status, .headers = std::move(response.headers)};
  if (call.method != "HEAD") {
    TRY(answer.body, sync_wait(read_all(*response.stream, answer_bytes_max)));
  }
  return answer;
}

S3Client::Answer S3Client::send(const Call& call) {
  std::string problem;
  std::chrono::milliseconds delay = first_delay;
  for (int attempt = 1; attempt <= attempts_max; ++attempt) {
    const Result<Answer> answer = send_once(call);
    if (answer && answer->status < 500 && answer->status != 429) return *answer;
    problem = answer ? fmt::format("HTTP {} {}", answer->status, error_of(answer->body)) : answer.error().message();
    if (attempt < attempts_max) std::this_thread::sleep_for(delay);
    delay *= 2;
  }
  fail(FailureKind::storage, "{} {}: {} (tried {} times)", call.method, call.uri, problem, attempts_max);
}

S3Client::Answer S3Client::send_checked(const Call& call) {
  Answer answer = send(call);
  if (answer.status / 100 != 2) refuse(call, answer);
  return answer;
}

void S3Client::refuse(const Call& call, const Answer& answer) {
  std::string error = error_of(answer.body);
  // An answer to HEAD has no body to say why in; one to GET has.
  if (error.empty() && call.method == "HEAD") {
    Call again{.uri = call.uri};
    again.headers.add("Range", "bytes=0-0");
    error = error_of(send(again).body);
  }
  fail(FailureKind::storage, "{} {}: {}", call.method, call.uri,
       error.empty() ? fmt::format("HTTP {}", answer.status) : error);
}

std::unique_ptr<ObjectReader> S3Client::open(const std::string& uri) {
  const Answer answer = send_checked({.method = "HEAD", .uri = uri});
  const std::uint64_t size = std::strtoull(std::string(answer.headers.get("Content-Length")).c_str(), nullptr, 10);
  return std::make_unique<S3Reader>(*this, uri, size, std::string(answer.headers.get("ETag")));
}

std::unique_ptr<ObjectWriter> S3Client::create(const std::string& uri) {
  return std::make_unique<S3Writer>(*this, uri);
}

std::optional<std::uint64_t> S3Client::find_size(const std::string& uri) {
  const Call call{.method = "HEAD", .uri = uri};
  const Answer answer = send(call);
  if (answer.status == 404) return std::nullopt;
  if (answer.status / 100 != 2) refuse(call, answer);
  return std::strtoull(std::string(answer.headers.get("Content-Length")).c_str(), nullptr, 10);
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
std::vector<std::string> S3Client::list(const std::string& uri) {
  const Address address = parse_address(uri);
  if (!address.key.empty() && !address.key.ends_with('/') && find_size(uri)) return {uri};
  std::string prefix = address.key;
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';

  std::vector<std::string> found;
  std::string continuation;
  while (true) {
    // In order of name, as the signature wants them.
    std::string query;
    if (!continuation.empty()) query = "continuation-token=" + http::percent_encode(continuation) + "&";
    query += "list-type=2&prefix=" + http::percent_encode(prefix);
    const Answer answer = send_checked({.uri = "s3://" + address.bucket, .query = query});
    pugi::xml_document document;
    if (!document.load_string(answer.body.c_str()))
      fail(FailureKind::storage, "GET {}: the list of objects cannot be read", uri);
    const pugi::xml_node result = document.child("ListBucketResult");
    for (const pugi::xml_node object : result.children("Contents")) {
      const std::string key = object.child_value("Key");
      if (!key.ends_with('/')) found.push_back(fmt::format("s3://{}/{}", address.bucket, key));
    }
    continuation = result.child_value("NextContinuationToken");
    if (continuation.empty()) return found;
  }
}

}  // namespace hearth::llm
