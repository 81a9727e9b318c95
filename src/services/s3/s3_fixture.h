// S3 on memory engines and a clock that stands still: what the unit tests of this room share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "engines/memory/authorizer.h"
#include "engines/memory/blob_store.h"
#include "engines/memory/metadata_store.h"
#include "ports/expect_aws_error.h"
#include "services/s3/service.h"

namespace hearth::s3 {

// A body with fields after its end, as the aws-chunked decoder gives.
class SourceWithTrailer final : public ByteSource {
 public:
  SourceWithTrailer(std::string bytes, std::string name, std::string value)
      : body_(std::move(bytes)), name_(std::move(name)), value_(std::move(value)) {}
  Async<std::size_t> read(std::span<char> into) override { return body_.read(into); }
  std::vector<std::string> trailer_names() const override { return {name_}; }
  std::optional<std::string> trailer(std::string_view name) const override {
    return name == name_ ? std::optional(value_) : std::nullopt;
  }

 private:
  StringSource body_;
  std::string name_;
  std::string value_;
};

class S3Fixture {
 public:
  S3Fixture() { EXPECT_TRUE(create_bucket("photos")); }

  FakeClock clock;
  SequenceIds ids;
  ThreadPool pool{1};
  MemoryMetadataStore metadata;
  MemoryBlobStore blobs{clock};
  MemoryAuthorizer authorizer;
  S3Service s3{metadata, blobs, authorizer, clock, ids, pool};
  RequestContext ctx = context_of("111122223333");

  static RequestContext context_of(std::string account_id) {
    RequestContext ctx;
    ctx.account_id = account_id;
    ctx.region = "us-east-1";
    ctx.host = "localhost:4566";
    ctx.caller.kind = PrincipalKind::root;
    ctx.caller.account_id = std::move(account_id);
    ctx.caller.arn = "arn:aws:iam::" + ctx.account_id + ":root";
    return ctx;
  }

  // Runs one handler: call(&S3Service::head_object, in).
  template <class Out, class In>
  Result<Out> call(Async<Out> (S3Service::*method)(const RequestContext&, In&), std::remove_const_t<In> in) {
    ctx.success_status = 0;
    return sync_wait((s3.*method)(ctx, in));
  }
  template <class Out, class In>
  Result<Out> call_as(const RequestContext& who, Async<Out> (S3Service::*method)(const RequestContext&, In&),
                      std::remove_const_t<In> in) {
    return sync_wait((s3.*method)(who, in));
  }

  Result<types::CreateBucketOutput> create_bucket(const std::string& name) {
    types::CreateBucketRequest in;
    in.bucket = name;
    return call(&S3Service::create_bucket, in);
  }
  void set_versioning(const std::string& bucket, const std::string& status) {
    types::PutBucketVersioningRequest in;
    in.bucket = bucket;
    in.versioning_configuration.status = status;
    EXPECT_TRUE(call(&S3Service::put_bucket_versioning, in));
  }

  static types::PutObjectRequest put_request(const std::string& bucket, const std::string& key, std::string body) {
    types::PutObjectRequest in;
    in.bucket = bucket;
    in.key = key;
    in.body = std::make_shared<StringSource>(std::move(body));
    return in;
  }
  Result<types::PutObjectOutput> put(types::PutObjectRequest in) {
    return call(static_cast<PutObject>(&S3Service::put_object), std::move(in));
  }
  Result<types::PutObjectOutput> put(const std::string& bucket, const std::string& key, std::string body) {
    return put(put_request(bucket, key, std::move(body)));
  }
  // The version id of a put into a bucket with versioning.
  std::string put_version(const std::string& bucket, const std::string& key, std::string body) {
    const auto out = put(bucket, key, std::move(body));
    EXPECT_TRUE(out) << out.error().message();
    return out ? out->version_id.value_or("") : "";
  }

  static types::GetObjectRequest get_request(const std::string& bucket, const std::string& key) {
    types::GetObjectRequest in;
    in.bucket = bucket;
    in.key = key;
    return in;
  }
  Result<types::GetObjectOutput> get(const types::GetObjectRequest& in) { return call(&S3Service::get_object, in); }
  Result<types::GetObjectOutput> get(const std::string& bucket, const std::string& key) {
    return get(get_request(bucket, key));
  }
  // The bytes of an object, or the error's code.
  std::string read(const types::GetObjectRequest& in) {
    Result<types::GetObjectOutput> out = get(in);
    if (!out) return out.error().code();
    const Result<std::string> bytes = sync_wait(read_all(*out->body, 1 << 30));
    EXPECT_TRUE(bytes);
    EXPECT_EQ(*out->content_length, static_cast<std::int64_t>(bytes.value_or("").size()));
    return bytes.value_or("unreadable");
  }
  std::string read(const std::string& bucket, const std::string& key) { return read(get_request(bucket, key)); }
  std::string read_version(const std::string& bucket, const std::string& key, const std::string& version_id) {
    types::GetObjectRequest in = get_request(bucket, key);
    in.version_id = version_id;
    return read(in);
  }

  Result<types::DeleteObjectOutput> remove(const std::string& bucket, const std::string& key) {
    types::DeleteObjectRequest in;
    in.bucket = bucket;
    in.key = key;
    return call(&S3Service::delete_object, in);
  }
  Result<types::DeleteObjectOutput> remove_version(const std::string& bucket, const std::string& key,
                                                   const std::string& version_id) {
    types::DeleteObjectRequest in;
    in.bucket = bucket;
    in.key = key;
    in.version_id = version_id;
    return call(&S3Service::delete_object, in);
  }

  std::size_t blob_count() {
    return sync_wait(blobs.list({}, clock.now() + std::chrono::hours(1), 100'000)).value().size();
  }
  std::size_t row_count() { return sync_wait(metadata.scan({"s3.", ""}, 1'000'000)).value().size(); }

  using PutObject = Async<types::PutObjectOutput> (S3Service::*)(const RequestContext&, types::PutObjectRequest&);
};

// Bytes that tell where they stand.
inline std::string numbered(std::size_t size_bytes, std::uint32_t seed = 1) {
  std::string bytes(size_bytes, '\0');
  std::uint32_t state = seed;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

}  // namespace hearth::s3
