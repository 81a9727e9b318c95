// Body encodings of signed requests, as ByteSource decorators that own what they decorate. All fail with a modelled S3
// error (Error::aws) when the bytes are not what was promised, before they say that the end is reached.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html, …/sigv4-streaming-trailers.html
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "http/message.h"

namespace hearth::wire {

// What signs the chunks of STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]. An empty key: chunks are not signed.
struct ChunkSigning {
  std::string key;             // wire/sigv4.h, signing_key()
  std::string seed_signature;  // of the request head
  std::string amz_date;
  std::string scope;  // DATE/REGION/SERVICE/aws4_request
};

// Decodes an aws-chunked body. `decoded_length`: x-amz-decoded-content-length. Trailers are handed out by trailer()
// after the end: those that were announced, no others.
std::unique_ptr<ByteSource> decode_aws_chunked(std::unique_ptr<ByteSource> encoded, std::uint64_t decoded_length,
                                               ChunkSigning signing, std::string announced_trailers);

// Fails at the end with XAmzContentSHA256Mismatch unless the bytes have this SHA-256 (lower-case hex).
std::unique_ptr<ByteSource> check_sha256(std::unique_ptr<ByteSource> body, std::string expected_hex);

// The bytes of a gzip'd body. ErrorKind::invalid when they are damaged or would become more than `limit_bytes`.
Result<std::string> gunzip(std::string_view compressed, std::size_t limit_bytes);

}  // namespace hearth::wire
