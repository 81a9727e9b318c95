#include <fmt/format.h>

#include "api/s3/errors.h"
#include "services/s3/access.h"
#include "services/s3/checksum_fields.h"
#include "services/s3/multipart.h"
#include "services/s3/preconditions.h"
#include "services/s3/service.h"

namespace hearth {

template <>
struct AccessRule<api::s3::op::CompleteMultipartUpload> {
  static Access of(const RequestContext&, const api::s3::CompleteMultipartUploadRequest& in) {
    return {
        .action = "s3:PutObject",
        .resource = s3::object_arn(in.bucket, in.key),
        .context = s3::Conditions().add("s3:if-match", in.if_match).add("s3:if-none-match", in.if_none_match).take()};
  }
};

namespace s3 {
namespace {

namespace errors = api::s3::errors;
using UploadedParts = std::map<std::uint32_t, PartRow>;

// The parts of the object in order, if the client named them right.
struct ChosenParts {
  std::vector<std::uint32_t> numbers;
  std::vector<const PartRow*> rows;
};

Result<void> check_part_claims(const types::CompletedPart& claimed, std::uint32_t number, const PartRow& row,
                               const UploadRow& upload) {
  const auto wrong_part = [&] { return errors::invalid_part().with_field("PartNumber", std::to_string(number)); };
  if (unquote(claimed.e_tag.value_or("")) != row.etag) return wrong_part();
  TRY(const std::optional<ClaimedChecksum> checksum, claimed_checksum(claimed));
  if (checksum && checksum->algorithm == upload.checksum_algorithm && checksum->value != row.checksum.value)
    return wrong_part();
  if (!checksum && upload.client_chose_checksum && upload.checksum_type == ChecksumType::composite)
    return errors::invalid_request(fmt::format(
        "The upload was created using a {0} checksum. The complete request must include the checksum for each part. It "
        "was missing for part {1} in the request.",
        to_lower(std::string(to_string(upload.checksum_algorithm))), number));
  return ok;
}

Result<ChosenParts> choose_parts(const std::vector<types::CompletedPart>& claimed, const UploadedParts& uploaded,
                                 const UploadRow& upload) {
  ChosenParts chosen;
  for (const types::CompletedPart& part : claimed) {
    TRY(const std::uint32_t number, check_part_number(part.part_number.value_or(0)));
    if (!chosen.numbers.empty() && number <= chosen.numbers.back()) return errors::invalid_part_order();
    chosen.numbers.push_back(number);
  }
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    const auto found = uploaded.find(chosen.numbers[i]);
    if (found == uploaded.end())
      return errors::invalid_part().with_field("PartNumber", std::to_string(chosen.numbers[i]));
    TRY_DO(check_part_claims(claimed[i], chosen.numbers[i], found->second, upload));
    chosen.rows.push_back(&found->second);
  }
  for (std::size_t i = 0; i + 1 < chosen.rows.size(); ++i)
    if (chosen.rows[i]->size_bytes < part_bytes_min)
      return errors::entity_too_small()
          .with_field("ProposedSize", std::to_string(chosen.rows[i]->size_bytes))
          .with_field("MinSizeAllowed", std::to_string(part_bytes_min))
          .with_field("PartNumber", std::to_string(chosen.numbers[i]));
  return chosen;
}

StoredChecksum checksum_of_parts(const ChosenParts& parts, const UploadRow& upload) {
  std::vector<PartChecksum> digests;
  for (const PartRow* part : parts.rows)
    digests.push_back({from_base64(part->checksum.value).value_or(""), part->size_bytes});
  StoredChecksum checksum{.algorithm = upload.checksum_algorithm, .type = upload.checksum_type};
  if (upload.checksum_type == ChecksumType::full_object)
    checksum.value = to_base64(combine_full_object(upload.checksum_algorithm, digests));
  else
    checksum.value =
        fmt::format("{}-{}", to_base64(combine_composite(upload.checksum_algorithm, digests)), digests.size());
  return checksum;
}

std::vector<std::string> claimed_etags(const std::vector<types::CompletedPart>& claimed) {
  std::vector<std::string> etags;
  for (const types::CompletedPart& part : claimed) etags.push_back(std::string(unquote(part.e_tag.value_or(""))));
  return etags;
}

// AWS: the MD5 of the parts' MD5s, and how many there are.
std::string etag_of_parts(const std::vector<std::string>& etags) {
  std::string md5s;
  for (const std::string& etag : etags) md5s += from_hex(etag).value_or("");
  return fmt::format("{}-{}", to_hex(md5(md5s)), etags.size());
}

// The whole's checksum and size, if the request claims them.
Result<void> check_object_claims(const types::CompleteMultipartUploadRequest& in, const ObjectRow& row) {
  TRY(const std::optional<ClaimedChecksum> claimed, claimed_checksum(in));
  if (in.checksum_type && *in.checksum_type != to_string(row.checksum.type))
    return errors::invalid_request("The upload was created using the " + std::string(to_string(row.checksum.type)) +
                                   " checksum mode. The complete request must use the same checksum mode.");
  if (claimed) {
    // A composite checksum may come with or without its "-N".
    const bool is_same = claimed->algorithm == row.checksum.algorithm &&
                         (claimed->value == row.checksum.value || row.checksum.value.starts_with(claimed->value + "-"));
    if (!is_same)
      return errors::bad_digest("The " + std::string(to_string(claimed->algorithm)) +
                                " you specified did not match the calculated checksum.");
  }
  if (in.mpu_object_size && static_cast<std::uint64_t>(*in.mpu_object_size) != row.size_bytes)
    return errors::invalid_request(
        fmt::format("The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {}",
                    *in.mpu_object_size, row.size_bytes));
  return ok;
}

}  // namespace

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
Async<types::CompleteMultipartUploadOutput> S3Service::complete_multipart_upload(
    const RequestContext& ctx, const types::CompleteMultipartUploadRequest& in) {
  const WriteConditions conditions{.if_match = in.if_match ? std::optional(*in.if_match) : std::nullopt,
                                   .if_none_match = in.if_none_match ? std::optional(*in.if_none_match) : std::nullopt};
  CO_TRY_DO(check_supported(conditions));
  if (!in.multipart_upload || !in.multipart_upload->parts || in.multipart_upload->parts->empty())
    co_return errors::malformed_xml();
  const std::vector<types::CompletedPart>& claimed = *in.multipart_upload->parts;

  const TimePoint now = clock_.now();
  const std::uint64_t nonce = new_nonce();
  StoredObject stored;
  // No byte is copied: the object is the list of its parts' blobs.
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY(stored.bucket, co_await find_bucket(tx, in.bucket, in.expected_bucket_owner));
    Result<UploadRow> found = co_await find_upload(tx, in.bucket, in.key, in.upload_id);
    if (!found) {
      // The answer to the same call may have been lost on its way: then the object is there, and so is the answer.
      CO_TRY(std::optional<StoredVersion> newest, co_await find_newest(tx, in.bucket, in.key));
      if (found.error().code() != "NoSuchUpload" || !newest || newest->row.upload_id != in.upload_id ||
          newest->row.etag != etag_of_parts(claimed_etags(claimed)))
        co_return std::move(found).error();
      stored.version = std::move(*newest);
      co_return ok;
    }
    UploadRow& upload = *found;
    CO_TRY(const UploadedParts uploaded, co_await uploaded_parts(tx, in.upload_id));
    CO_TRY(const ChosenParts chosen, choose_parts(claimed, uploaded, upload));
    CO_TRY_DO(co_await require_writable_in(tx, in.bucket, in.key, conditions));

    NewVersion version;
    ObjectRow& row = version.row;
    row.last_modified_ms = to_ms(now);
    row.content = ContentKind::parts;
    row.part_count = static_cast<std::uint32_t>(chosen.rows.size());
    row.headers = std::move(upload.headers);
    row.checksum = checksum_of_parts(chosen, upload);
    row.upload_id = in.upload_id;
    std::vector<std::string> etags;
    std::vector<PartContent> contents;
    for (std::size_t i = 0; i < chosen.rows.size(); ++i) {
      const PartRow& part = *chosen.rows[i];
      row.size_bytes += part.size_bytes;
      etags.push_back(part.etag);
      contents.push_back({chosen.numbers[i], part.size_bytes, part.blob, part.checksum.value});
    }
    row.etag = etag_of_parts(etags);
    CO_TRY_DO(check_object_claims(in, row));
    version.content = encode(contents);

    // The parts that were used pass on to the object; the others go.
    for (const std::uint32_t number : chosen.numbers) tx.remove(keys::part(in.upload_id, number));
    CO_TRY_DO(co_await erase_upload(tx, in.bucket, in.key, in.upload_id));
    CO_TRY(stored.version, co_await place_version(tx, stored.bucket, in.key, std::move(version), now, nonce));
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) co_return to_s3_error(std::move(committed).error());

  types::CompleteMultipartUploadOutput out;
  out.location =
      std::string(ctx.is_tls ? "https://" : "http://") + ctx.host + "/" + in.bucket + "/" + percent_encode(in.key);
  out.bucket = in.bucket;
  out.key = in.key;
  out.e_tag = quote(stored.version.row.etag);
  write_checksum(out, stored.version.row.checksum);
  if (stored.bucket.versioning != Versioning::never) out.version_id = stored.version.version_id();
  co_return out;
}

Async<std::map<std::uint32_t, PartRow>> S3Service::uploaded_parts(Transaction& tx, std::string_view upload_id) {
  const std::string prefix = keys::parts(upload_id);
  CO_TRY(const std::vector<KeyValue> rows, co_await tx.scan(KeyRange::prefix(prefix), part_number_max));
  std::map<std::uint32_t, PartRow> parts;
  for (const KeyValue& stored : rows) {
    CO_TRY(PartRow part, decode_part(stored.value));
    parts.emplace_hint(parts.end(), keys::read_part_number(stored.key, prefix.size()), std::move(part));
  }
  co_return parts;
}

template <>
void S3Service::offer<types::op::CompleteMultipartUpload>(OperationTable& table) {
  table.serve<types::op::CompleteMultipartUpload>(*this, &S3Service::complete_multipart_upload);
}

}  // namespace s3
}  // namespace hearth
