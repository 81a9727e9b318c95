#include "wire/sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <mutex>

#include "base/bytes.h"
#include "base/text.h"

namespace hearth::wire {
namespace {

using std::chrono::seconds;
constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr auto skew_max = std::chrono::minutes(15);
constexpr seconds presigned_max{7 * 24 * 3600};

// Leading and trailing spaces gone, runs of spaces inside made one.
void append_trimmed(std::string& out, std::string_view value) {
  const std::size_t begin = out.size();
  for (const char c : value) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.size() == begin || out.back() == ' ')) continue;
    out += space ? ' ' : c;
  }
  if (out.size() > begin && out.back() == ' ') out.pop_back();
}
std::string trim_header(std::string_view value) {
  std::string out;
  append_trimmed(out, value);
  return out;
}

struct QueryPair {
  std::string name, value;  // decoded
};
std::vector<QueryPair> split_query(std::string_view query) {
  std::vector<QueryPair> pairs;
  while (!query.empty()) {
    const auto ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query = ampersand == query.npos ? std::string_view() : query.substr(ampersand + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    // A '+' in a query string is a plus sign to the signature, never a space.
    pairs.push_back({http::percent_decode(pair.substr(0, equals)),
                     equals == pair.npos ? "" : http::percent_decode(pair.substr(equals + 1))});
  }
  return pairs;
}
const std::string* find_pair(const std::vector<QueryPair>& pairs, std::string_view name) {
  for (const QueryPair& pair : pairs)
    if (pair.name == name) return &pair.value;
  return nullptr;
}

std::string canonical_query(const std::vector<QueryPair>& pairs) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const QueryPair& pair : pairs)
    if (pair.name != "X-Amz-Signature")
      encoded.emplace_back(http::percent_encode(pair.name), http::percent_encode(pair.value));
  std::ranges::sort(encoded);
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name + "=" + value;
  }
  return out;
}

// RFC 3986 section 6 for every service but S3: "." and ".." resolved, empty segments dropped.
std::string normalized_path(std::string_view path) {
  std::vector<std::string_view> segments;
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else {
      segments.push_back(segment);
    }
  }
  std::string out = "/";
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i) out += '/';
    out += segments[i];
  }
  if (path.size() > 1 && path.ends_with('/') && out.size() > 1) out += '/';
  return out;
}

std::string canonical_path(const http::Request& request, std::string_view service) {
  if (service == "s3" || service == "s3express") return http::percent_encode(http::percent_decode(request.path), true);
  return http::percent_encode(normalized_path(request.path), true);  // the path as sent is encoded once more
}

void append_canonical_headers(std::string& out, const http::Headers& headers, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    out += name;
    out += ':';
    bool first = true;
    for (const http::Header& field : headers) {
      if (!equal_ignoring_case(field.name, name)) continue;
      if (!first) out += ',';
      first = false;
      append_trimmed(out, field.value);
    }
    out += '\n';
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ';';
    out += name;
  }
  return out;
}

struct ToSign {
  std::string_view amz_date, date, region, service, payload_hash;
  const std::vector<std::string>& signed_headers;
  std::string_view path;
};
std::string string_to_sign(const http::Request& request, const std::vector<QueryPair>& query, const ToSign& parts) {
  std::string canonical;
  canonical.reserve(1024);
  canonical.append(request.method).append("\n").append(parts.path).append("\n");
  canonical.append(canonical_query(query)).append("\n");
  append_canonical_headers(canonical, request.headers, parts.signed_headers);
  canonical.append("\n").append(joined(parts.signed_headers)).append("\n").append(parts.payload_hash);

  std::string out;
  out.reserve(192);
  out += algorithm;
  out += '\n';
  out += parts.amz_date;
  out += '\n';
  out.append(parts.date).append("/").append(parts.region).append("/").append(parts.service).append("/aws4_request\n");
  out += to_hex(sha256(canonical));
  return out;
}

// Deriving a key costs four HMACs; a client uses one key all day.
std::string cached_signing_key(std::string_view secret, std::string_view date, std::string_view region,
                               std::string_view service) {
  static std::mutex mutex;
  static std::map<std::string, std::string> cache;
  constexpr std::size_t cache_count_max = 4096;
  std::string name;
  name.reserve(128);
  name.append(secret).append(1, '\0').append(date).append(1, '\0').append(region).append(1, '\0').append(service);
  name = sha256(name);  // secrets are not kept
  {
    std::lock_guard lock(mutex);
    if (const auto it = cache.find(name); it != cache.end()) return it->second;
  }
  const std::string key = signing_key(secret, date, region, service);
  std::lock_guard lock(mutex);
  if (cache.size() >= cache_count_max) cache.clear();
  cache.emplace(std::move(name), key);
  return key;
}

std::optional<TimePoint> parse_amz_date(std::string_view text) {  // 20150830T123600Z
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  std::string iso;
  iso.append(text.substr(0, 4)).append("-").append(text.substr(4, 2)).append("-").append(text.substr(6, 2)).append("T");
  iso.append(text.substr(9, 2))
      .append(":")
      .append(text.substr(11, 2))
      .append(":")
      .append(text.substr(13, 2))
      .append("Z");
  const auto time = parse_time(iso);
  return time ? std::optional(*time) : std::nullopt;
}

std::string format_amz_date(TimePoint time) {
  const std::string iso = format_iso8601_seconds(time);
  std::string out;
  for (const char c : iso)
    if (c != '-' && c != ':') out += c;
  return out;
}

std::unexpected<SignatureFailure> malformed(std::string message) {
  return std::unexpected(SignatureFailure{SignatureProblem::malformed, std::move(message)});
}

std::unexpected<SignatureFailure> malformed_query(std::string message) {
  return std::unexpected(SignatureFailure{SignatureProblem::malformed_query, std::move(message)});
}

bool leaves_body_unsigned(std::string_view service) {
  return service == "s3" || service == "s3express";
}

bool take_scope(std::string_view credential, ParsedSignature& parsed) {
  std::array<std::string_view, 6> fields;
  std::size_t count = 0;
  while (count < fields.size()) {
    const auto slash = credential.find('/');
    fields[count++] = credential.substr(0, slash);
    if (slash == credential.npos) break;
    credential.remove_prefix(slash + 1);
  }
  if (count != 5 || fields[4] != "aws4_request" || fields[0].empty() || fields[1].size() != 8) return false;
  parsed.access_key_id = fields[0];
  parsed.date = fields[1];
  parsed.region = fields[2];
  parsed.service = fields[3];
  return true;
}

void take_signed_headers(std::string_view text, ParsedSignature& parsed) {
  while (!text.empty()) {
    const auto semicolon = text.find(';');
    parsed.signed_headers.push_back(to_lower(text.substr(0, semicolon)));
    if (semicolon == text.npos) break;
    text.remove_prefix(semicolon + 1);
  }
}

// What a proxy, or whoever was given a presigned URL, could add or change must be covered.
std::optional<SignatureFailure> find_unsigned_header(const http::Request& request, const ParsedSignature& parsed) {
  const auto is_signed = [&](std::string_view name) {
    return std::ranges::find(parsed.signed_headers, name) != parsed.signed_headers.end();
  };
  const auto failure = [](std::string name) {
    std::string message = "'" + name + "' must be a 'SignedHeader' in the AWS Authorization.";
    return SignatureFailure{SignatureProblem::unsigned_header, std::move(message), std::move(name)};
  };
  if (!is_signed("host")) return failure("host");
  for (const http::Header& field : request.headers) {
    if (!equal_ignoring_case(std::string_view(field.name).substr(0, 6), "x-amz-")) continue;
    std::string name = to_lower(field.name);
    if (!is_signed(name)) return failure(std::move(name));
  }
  return std::nullopt;
}

std::expected<std::optional<ParsedSignature>, SignatureFailure> parse_header(const http::Request& request,
                                                                             std::string_view authorization) {
  ParsedSignature parsed;
  std::string_view rest = authorization.substr(algorithm.size());
  std::string_view credential, signed_headers, signature;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    std::string_view part = rest.substr(0, comma);
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (part.starts_with("Credential="))
      credential = part.substr(11);
    else if (part.starts_with("SignedHeaders="))
      signed_headers = part.substr(14);
    else if (part.starts_with("Signature="))
      signature = part.substr(10);
  }
  if (credential.empty() || signed_headers.empty() || signature.empty())
    return malformed("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.");
  if (!take_scope(credential, parsed))
    return malformed("The credential in the Authorization header must be KEY/DATE/REGION/SERVICE/aws4_request.");
  take_signed_headers(signed_headers, parsed);
  parsed.signature = signature;
  if (const std::string* date = request.headers.find("x-amz-date")) {
    const auto time = parse_amz_date(trim_header(*date));
    if (!time) return malformed("The X-Amz-Date header must be in ISO-8601 basic form, as 20150830T123600Z.");
    parsed.time = *time;
    parsed.amz_date = trim_header(*date);
  } else if (const std::string* plain = request.headers.find("date")) {
    const auto time = parse_time(*plain);
    if (!time) return malformed("The Date header cannot be read.");
    parsed.time = *time;
    parsed.amz_date = format_amz_date(*time);
  } else {
    return malformed("A signed request needs an X-Amz-Date or a Date header.");
  }
  if (!parsed.amz_date.starts_with(parsed.date))
    return malformed("The date of the credential scope is not the date of the request.");
  parsed.session_token = request.headers.get("x-amz-security-token");
  parsed.payload_hash = request.headers.get("x-amz-content-sha256");
  if (auto failure = find_unsigned_header(request, parsed)) return std::unexpected(*std::move(failure));
  return parsed;
}

std::expected<std::optional<ParsedSignature>, SignatureFailure> parse_query(const http::Request& request,
                                                                            const std::vector<QueryPair>& query) {
  ParsedSignature parsed;
  parsed.form = SignatureForm::query;
  const auto get = [&](std::string_view name) {
    const std::string* value = find_pair(query, name);
    return value ? *value : std::string();
  };
  if (get("X-Amz-Algorithm") != algorithm)
    return malformed_query("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\".");
  if (!take_scope(get("X-Amz-Credential"), parsed))
    return malformed_query("X-Amz-Credential must be KEY/DATE/REGION/SERVICE/aws4_request.");
  take_signed_headers(get("X-Amz-SignedHeaders"), parsed);
  parsed.amz_date = get("X-Amz-Date");
  const auto time = parse_amz_date(parsed.amz_date);
  if (!time || !parsed.amz_date.starts_with(parsed.date))
    return malformed_query("X-Amz-Date must be in ISO-8601 basic form, of the credential's date.");
  parsed.time = *time;
  const std::string expires = get("X-Amz-Expires");
  if (expires.empty() || expires.size() > 7 || expires.find_first_not_of("0123456789") != expires.npos)
    return malformed_query("X-Amz-Expires should be a number of seconds.");
  parsed.expires = seconds(std::stol(expires));
  if (parsed.expires > presigned_max)
    return malformed_query("X-Amz-Expires must be less than a week (in seconds); that is, 604800.");
  parsed.signature = get("X-Amz-Signature");
  parsed.session_token = get("X-Amz-Security-Token");
  // AWS: only S3 leaves the body of presigned requests unsigned; the others sign its hash (an EKS token is one of STS).
  if (leaves_body_unsigned(parsed.service)) parsed.payload_hash = "UNSIGNED-PAYLOAD";
  if (const std::string* hash = find_pair(query, "X-Amz-Content-Sha256")) parsed.payload_hash = *hash;
  if (auto failure = find_unsigned_header(request, parsed)) return std::unexpected(*std::move(failure));
  return parsed;
}

std::expected<std::optional<ParsedSignature>, SignatureFailure> parse_v2_query(const http::Request& request,
                                                                               const std::vector<QueryPair>& query) {
  ParsedSignature parsed;
  parsed.form = SignatureForm::v2_query;
  parsed.access_key_id = *find_pair(query, "AWSAccessKeyId");
  parsed.signature = *find_pair(query, "Signature");
  parsed.service = "s3";
  const std::string* expires = find_pair(query, "Expires");
  const auto unreadable = [](std::string message) {
    return std::unexpected(SignatureFailure{SignatureProblem::malformed_v2, std::move(message)});
  };
  if (!expires || expires->empty())
    return unreadable("Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters");
  std::int64_t until = 0;  // the second it stops being good
  const auto [end, error] = std::from_chars(expires->data(), expires->data() + expires->size(), until);
  if (error != std::errc() || end != expires->data() + expires->size() || until < 0)
    return unreadable("Invalid date (should be seconds since epoch): " + *expires);
  // A client may ask for longer than our clock can count.
  const auto end_of_time = std::chrono::floor<seconds>(TimePoint::max().time_since_epoch());
  parsed.time = TimePoint(std::min(seconds(until), end_of_time));
  const std::string* token = find_pair(query, "x-amz-security-token");
  parsed.session_token = token ? std::string_view(*token) : request.headers.get("x-amz-security-token");
  parsed.payload_hash = "UNSIGNED-PAYLOAD";
  return parsed;
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#ConstructingTheAuthenticationHeader
std::string v2_string_to_sign(const http::Request& request, const std::vector<QueryPair>& query,
                              std::string_view host_bucket) {
  static constexpr std::string_view sub_resources[] = {"accelerate",
                                                       "acl",
                                                       "cors",
                                                       "defaultObjectAcl",
                                                       "delete",
                                                       "lifecycle",
                                                       "location",
                                                       "logging",
                                                       "notification",
                                                       "partNumber",
                                                       "policy",
                                                       "requestPayment",
                                                       "response-cache-control",
                                                       "response-content-disposition",
                                                       "response-content-encoding",
                                                       "response-content-language",
                                                       "response-content-type",
                                                       "response-expires",
                                                       "restore",
                                                       "storageClass",
                                                       "tagging",
                                                       "torrent",
                                                       "uploadId",
                                                       "uploads",
                                                       "versionId",
                                                       "versioning",
                                                       "versions",
                                                       "website",
                                                       "replication",
                                                       "encryption",
                                                       "ownershipControls",
                                                       "publicAccessBlock",
                                                       "object-lock",
                                                       "legal-hold",
                                                       "retention",
                                                       "select",
                                                       "select-type"};
  std::string text = request.method + "\n";
  text +=
      std::string(request.headers.get("content-md5")) + "\n" + std::string(request.headers.get("content-type")) + "\n";
  text += *find_pair(query, "Expires") + "\n";
  std::map<std::string, std::string> amz;
  for (const http::Header& field : request.headers) {
    const std::string name = to_lower(field.name);
    if (!name.starts_with("x-amz-")) continue;
    std::string& value = amz[name];
    if (!value.empty()) value += ',';
    value += trim_header(field.value);
  }
  for (const QueryPair& pair : query)
    if (pair.name.starts_with("x-amz-")) amz[pair.name] = pair.value;
  for (const auto& [name, value] : amz) text += name + ":" + value + "\n";
  if (!host_bucket.empty()) text.append("/").append(host_bucket);
  text += request.path;
  std::vector<std::string> parts;
  for (const QueryPair& pair : query)
    if (std::ranges::find(sub_resources, pair.name) != std::end(sub_resources))
      parts.push_back(pair.value.empty() ? pair.name : pair.name + "=" + pair.value);
  std::ranges::sort(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i ? "&" : "?") + parts[i];
  return text;
}

std::string hmac_sha1(std::string_view key, std::string_view text) {
  std::string out(20, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

constexpr std::string_view mismatch_message =
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing "
    "method. Consult the service documentation for details.";

}  // namespace

std::expected<std::optional<ParsedSignature>, SignatureFailure> parse_signature(const http::Request& request) {
  const std::string_view authorization = request.headers.get("authorization");
  if (authorization.starts_with(algorithm)) return parse_header(request, authorization);
  if (request.query.find("X-Amz-") != std::string::npos || request.query.find("AWSAccessKeyId=") != std::string::npos) {
    const std::vector<QueryPair> query = split_query(request.query);
    if (find_pair(query, "X-Amz-Signature") || find_pair(query, "X-Amz-Algorithm")) return parse_query(request, query);
    if (find_pair(query, "AWSAccessKeyId") && find_pair(query, "Signature")) return parse_v2_query(request, query);
  }
  if (!authorization.empty() && !authorization.starts_with("Bearer "))
    return malformed("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.");
  return std::optional<ParsedSignature>();
}

std::optional<SignatureFailure> verify_signature(const ParsedSignature& parsed, const http::Request& request,
                                                 std::string_view secret, std::string_view payload_hash,
                                                 TimePoint now) {
  const auto fail = [](SignatureProblem problem, std::string message) {
    return std::optional(SignatureFailure{problem, std::move(message)});
  };
  const std::vector<QueryPair> query = split_query(request.query);
  if (parsed.form == SignatureForm::v2_query) {
    if (now > parsed.time) return fail(SignatureProblem::expired_request, "Request has expired");
    const std::string expected = to_base64(hmac_sha1(secret, v2_string_to_sign(request, query, parsed.host_bucket)));
    if (!equal_constant_time(expected, parsed.signature))
      return fail(SignatureProblem::mismatch, std::string(mismatch_message));
    return std::nullopt;
  }
  const ToSign parts{.amz_date = parsed.amz_date,
                     .date = parsed.date,
                     .region = parsed.region,
                     .service = parsed.service,
                     .payload_hash = parsed.payload_hash.empty() ? payload_hash : std::string_view(parsed.payload_hash),
                     .signed_headers = parsed.signed_headers,
                     .path = {}};
  const std::string key = cached_signing_key(secret, parsed.date, parsed.region, parsed.service);
  const auto matches = [&](const std::string& path) {
    ToSign with_path = parts;
    with_path.path = path;
    return equal_constant_time(to_hex(hmac_sha256(key, string_to_sign(request, query, with_path))), parsed.signature);
  };
  const std::string path = canonical_path(request, parsed.service);
  // S3 clients sign the path as they send it, which may leave characters bare that we would encode.
  const bool good = matches(path) || (parsed.service == "s3" && path != request.path && matches(request.path));
  if (!good) return fail(SignatureProblem::mismatch, std::string(mismatch_message));
  // Only now, so that a wrong key learns nothing from the clock.
  if (parsed.form == SignatureForm::query) {
    if (parsed.time > now + skew_max) return fail(SignatureProblem::skewed, "The request is from the future.");
    if (now > parsed.time + parsed.expires) return fail(SignatureProblem::expired_request, "Request has expired");
  } else if (parsed.time > now + skew_max || parsed.time < now - skew_max) {
    return fail(SignatureProblem::skewed, "The difference between the request time and the current time is too large.");
  }
  return std::nullopt;
}

std::string signing_key(std::string_view secret, std::string_view date, std::string_view region,
                        std::string_view service) {
  std::string key = hmac_sha256("AWS4" + std::string(secret), date);
  key = hmac_sha256(key, region);
  key = hmac_sha256(key, service);
  return hmac_sha256(key, "aws4_request");
}

void sign_request(http::Request& request, const SigningCredentials& credentials, const SigningScope& scope,
                  TimePoint now, std::string_view payload_hash) {
  const std::string amz_date = format_amz_date(now), date = amz_date.substr(0, 8);
  const std::string hash = payload_hash.empty() ? to_hex(sha256(request.body)) : std::string(payload_hash);
  request.headers.set("X-Amz-Date", amz_date);
  if (!credentials.session_token.empty()) request.headers.set("X-Amz-Security-Token", credentials.session_token);
  if (scope.service == "s3" || !payload_hash.empty()) request.headers.set("X-Amz-Content-Sha256", hash);
  std::vector<std::string> names;
  for (const http::Header& field : request.headers) {
    const std::string name = to_lower(field.name);
    if (name == "host" || name == "content-type" || name.starts_with("x-amz-")) names.push_back(name);
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::string path = canonical_path(request, scope.service);
  const ToSign parts{amz_date, date, scope.region, scope.service, hash, names, path};
  const std::string key = cached_signing_key(credentials.secret_access_key, date, scope.region, scope.service);
  const std::string signature = to_hex(hmac_sha256(key, string_to_sign(request, split_query(request.query), parts)));
  request.headers.set("Authorization", std::string(algorithm) + " Credential=" + credentials.access_key_id + "/" +
                                           date + "/" + scope.region + "/" + scope.service +
                                           "/aws4_request, SignedHeaders=" + joined(names) +
                                           ", Signature=" + signature);
}

void presign_request(http::Request& request, const SigningCredentials& credentials, const SigningScope& scope,
                     TimePoint now, seconds expires) {
  const std::string amz_date = format_amz_date(now), date = amz_date.substr(0, 8);
  const std::vector<std::string> names = {"host"};
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!request.query.empty()) request.query += '&';
    request.query += std::string(name) + "=" + http::percent_encode(value);
  };
  add("X-Amz-Algorithm", algorithm);
  add("X-Amz-Credential",
      credentials.access_key_id + "/" + date + "/" + scope.region + "/" + scope.service + "/aws4_request");
  add("X-Amz-Date", amz_date);
  add("X-Amz-Expires", std::to_string(expires.count()));
  if (!credentials.session_token.empty()) add("X-Amz-Security-Token", credentials.session_token);
  add("X-Amz-SignedHeaders", "host");
  const std::string path = canonical_path(request, scope.service);
  const std::string hash = leaves_body_unsigned(scope.service) ? "UNSIGNED-PAYLOAD" : to_hex(sha256(request.body));
  const ToSign parts{amz_date, date, scope.region, scope.service, hash, names, path};
  const std::string key = cached_signing_key(credentials.secret_access_key, date, scope.region, scope.service);
  add("X-Amz-Signature", to_hex(hmac_sha256(key, string_to_sign(request, split_query(request.query), parts))));
}

}  // namespace hearth::wire
