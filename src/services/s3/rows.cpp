#include "services/s3/rows.h"

#include "base/key.h"

namespace hearth::s3 {
namespace {

// Compact bytes: numbers as LEB128, texts with their length before them. Every row starts with a format byte, so that
// later versions can add to the end and still read what is there.
constexpr std::uint8_t format = 1;

class RowWriter {
 public:
  RowWriter() { byte(format); }
  void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  std::string take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class RowReader {
 public:
  explicit RowReader(std::string_view bytes) : rest_(bytes) {
    if (byte() != format) is_good_ = false;
  }
  std::uint8_t byte() {
    if (rest_.empty()) {
      is_good_ = false;
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t piece = byte();
      value |= static_cast<std::uint64_t>(piece & 0x7f) << shift;
      if (piece < 0x80) return value;
    }
    is_good_ = false;
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) {
      is_good_ = false;
      return {};
    }
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  // How many elements follow; never more than there are bytes for.
  std::size_t count() {
    const std::uint64_t n = number();
    if (n <= rest_.size()) return n;
    is_good_ = false;
    return 0;
  }
  bool is_good() const { return is_good_; }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

void write(RowWriter& out, const StoredChecksum& checksum) {
  out.byte(static_cast<std::uint8_t>(checksum.algorithm));
  out.byte(static_cast<std::uint8_t>(checksum.type));
  out.text(checksum.value);
}

StoredChecksum read_checksum(RowReader& in) {
  StoredChecksum checksum;
  checksum.algorithm = static_cast<ChecksumAlgorithm>(in.byte());
  checksum.type = static_cast<ChecksumType>(in.byte());
  checksum.value = in.text();
  return checksum;
}

void write(RowWriter& out, const std::vector<std::pair<std::string, std::string>>& pairs) {
  out.number(pairs.size());
  for (const auto& [name, value] : pairs) {
    out.text(name);
    out.text(value);
  }
}

std::vector<std::pair<std::string, std::string>> read_pairs(RowReader& in) {
  std::vector<std::pair<std::string, std::string>> pairs(in.count());
  for (auto& [name, value] : pairs) {
    name = in.text();
    value = in.text();
  }
  return pairs;
}

void write(RowWriter& out, const ObjectHeaders& headers) {
  for (const std::string* value :
       {&headers.content_type, &headers.cache_control, &headers.content_disposition, &headers.content_encoding,
        &headers.content_language, &headers.expires, &headers.website_redirect_location})
    out.text(*value);
  write(out, headers.metadata);
  write(out, headers.tags);
}

ObjectHeaders read_headers(RowReader& in) {
  ObjectHeaders headers;
  for (std::string* value :
       {&headers.content_type, &headers.cache_control, &headers.content_disposition, &headers.content_encoding,
        &headers.content_language, &headers.expires, &headers.website_redirect_location})
    *value = in.text();
  headers.metadata = read_pairs(in);
  headers.tags = read_pairs(in);
  return headers;
}

Error corrupt_row() {
  return Error(ErrorKind::corrupt, "internal error", "stored S3 row does not decode");
}

constexpr std::uint8_t null_version_flag = 1;
constexpr std::uint8_t delete_marker_flag = 2;
constexpr std::uint8_t uploaded_flag = 4;  // the row ends in its upload id

}  // namespace

std::string encode(const ObjectRow& row) {
  RowWriter out;
  out.byte(static_cast<std::uint8_t>((row.is_null_version ? null_version_flag : 0) |
                                     (row.is_delete_marker ? delete_marker_flag : 0) |
                                     (row.upload_id.empty() ? 0 : uploaded_flag)));
  out.number(row.nonce);
  out.number(static_cast<std::uint64_t>(row.last_modified_ms));
  out.number(row.size_bytes);
  out.text(row.etag);
  write(out, row.checksum);
  out.byte(static_cast<std::uint8_t>(row.content));
  out.number(row.part_count);
  out.text(row.blob.value);
  write(out, row.headers);
  if (!row.upload_id.empty()) out.text(row.upload_id);
  return std::move(out).take();
}

Result<ObjectRow> decode_object(std::string_view bytes) {
  RowReader in(bytes);
  ObjectRow row;
  const std::uint8_t flags = in.byte();
  row.is_null_version = flags & null_version_flag;
  row.is_delete_marker = flags & delete_marker_flag;
  row.nonce = in.number();
  row.last_modified_ms = static_cast<std::int64_t>(in.number());
  row.size_bytes = in.number();
  row.etag = in.text();
  row.checksum = read_checksum(in);
  row.content = static_cast<ContentKind>(in.byte());
  row.part_count = static_cast<std::uint32_t>(in.number());
  row.blob.value = in.text();
  row.headers = read_headers(in);
  if (flags & uploaded_flag) row.upload_id = in.text();
  if (!in.is_good()) return corrupt_row();
  return row;
}

std::string encode(const PartRow& row) {
  RowWriter out;
  out.text(row.etag);
  out.number(row.size_bytes);
  out.number(static_cast<std::uint64_t>(row.last_modified_ms));
  out.text(row.blob.value);
  write(out, row.checksum);
  return std::move(out).take();
}

Result<PartRow> decode_part(std::string_view bytes) {
  RowReader in(bytes);
  PartRow row;
  row.etag = in.text();
  row.size_bytes = in.number();
  row.last_modified_ms = static_cast<std::int64_t>(in.number());
  row.blob.value = in.text();
  row.checksum = read_checksum(in);
  if (!in.is_good()) return corrupt_row();
  return row;
}

std::string encode(const UploadRow& row) {
  RowWriter out;
  out.number(static_cast<std::uint64_t>(row.initiated_ms));
  out.text(row.initiator_id);
  out.text(row.initiator_name);
  out.byte(static_cast<std::uint8_t>(row.checksum_algorithm));
  out.byte(static_cast<std::uint8_t>(row.checksum_type));
  out.byte(row.client_chose_checksum);
  write(out, row.headers);
  return std::move(out).take();
}

Result<UploadRow> decode_upload(std::string_view bytes) {
  RowReader in(bytes);
  UploadRow row;
  row.initiated_ms = static_cast<std::int64_t>(in.number());
  row.initiator_id = in.text();
  row.initiator_name = in.text();
  row.checksum_algorithm = static_cast<ChecksumAlgorithm>(in.byte());
  row.checksum_type = static_cast<ChecksumType>(in.byte());
  row.client_chose_checksum = in.byte() != 0;
  row.headers = read_headers(in);
  if (!in.is_good()) return corrupt_row();
  return row;
}

std::string encode(const std::vector<PartContent>& parts) {
  RowWriter out;
  out.number(parts.size());
  for (const PartContent& part : parts) {
    out.number(part.number);
    out.number(part.size_bytes);
    out.text(part.blob.value);
    out.text(part.checksum);
  }
  return std::move(out).take();
}

Result<std::vector<PartContent>> decode_parts(std::string_view bytes) {
  RowReader in(bytes);
  std::vector<PartContent> parts(in.count());
  for (PartContent& part : parts) {
    part.number = static_cast<std::uint32_t>(in.number());
    part.size_bytes = in.number();
    part.blob.value = in.text();
    part.checksum = in.text();
  }
  if (!in.is_good()) return corrupt_row();
  return parts;
}

namespace keys {
namespace {

// A part of a key as KeyBuilder escapes it, but without its end: what longer parts that go on from it start with.
std::string open_text(std::string_view text) {
  std::string closed = make_key(text);
  closed.resize(closed.size() - make_key("").size());
  return closed;
}

}  // namespace

std::string bucket(std::string_view bucket) {
  return make_key("s3.bucket", bucket);
}
std::string policy(std::string_view bucket) {
  return make_key("s3.policy", bucket);
}
std::string owned_buckets(std::string_view account_id) {
  return make_key("s3.owned", account_id);
}
std::string owned_bucket(std::string_view account_id, std::string_view bucket) {
  return make_key("s3.owned", account_id, bucket);
}
std::string objects(std::string_view bucket) {
  return make_key("s3.object", bucket);
}
std::string versions(std::string_view bucket, std::string_view key) {
  return make_key("s3.object", bucket, key);
}
std::string object(std::string_view bucket, std::string_view key, std::uint64_t sequence) {
  return std::move(KeyBuilder().text("s3.object").text(bucket).text(key).number_descending(sequence)).take();
}
std::string content(std::string_view bucket, std::string_view key, std::uint64_t sequence) {
  return std::move(KeyBuilder().text("s3.content").text(bucket).text(key).number_descending(sequence)).take();
}
std::string null_version(std::string_view bucket, std::string_view key) {
  return make_key("s3.null", bucket, key);
}
std::string uploads(std::string_view bucket) {
  return make_key("s3.upload", bucket);
}
std::string uploads_of(std::string_view bucket, std::string_view key) {
  return make_key("s3.upload", bucket, key);
}
std::string upload(std::string_view bucket, std::string_view key, std::string_view upload_id) {
  return make_key("s3.upload", bucket, key, upload_id);
}
std::string parts(std::string_view upload_id) {
  return make_key("s3.part", upload_id);
}
std::string part(std::string_view upload_id, std::uint32_t number) {
  return std::move(KeyBuilder().text("s3.part").text(upload_id).number(number)).take();
}
std::string blob(const BlobId& id) {
  return make_key("s3.blob", id.value);
}
std::string garbage(std::int64_t due_ms, const BlobId& id) {
  return std::move(KeyBuilder().text("s3.garbage").number(static_cast<std::uint64_t>(due_ms)).text(id.value)).take();
}
std::string all_garbage() {
  return make_key("s3.garbage");
}

std::string starting_with(std::string_view rows_of_bucket, std::string_view text) {
  return std::string(rows_of_bucket) + open_text(text);
}
std::string after_key(std::string_view rows_of_bucket, std::string_view key) {
  return after_prefix(std::string(rows_of_bucket) + make_key(key));
}
std::string end_of_prefix(std::string_view rows_of_bucket, std::string_view text) {
  return after_prefix(starting_with(rows_of_bucket, text));
}

ObjectKey read_object(std::string_view row_key, std::size_t prefix_size) {
  KeyReader reader(row_key.substr(prefix_size));
  ObjectKey found;
  found.key = reader.take_text();
  found.sequence = ~reader.take_number();
  return found;
}
UploadKey read_upload(std::string_view row_key, std::size_t prefix_size) {
  KeyReader reader(row_key.substr(prefix_size));
  UploadKey found;
  found.key = reader.take_text();
  found.upload_id = reader.take_text();
  return found;
}
std::uint32_t read_part_number(std::string_view row_key, std::size_t prefix_size) {
  return static_cast<std::uint32_t>(KeyReader(row_key.substr(prefix_size)).take_number());
}
GarbageKey read_garbage(std::string_view row_key) {
  KeyReader reader(row_key.substr(all_garbage().size()));
  GarbageKey found;
  found.due_ms = static_cast<std::int64_t>(reader.take_number());
  found.blob.value = reader.take_text();
  return found;
}

}  // namespace keys

}  // namespace hearth::s3
