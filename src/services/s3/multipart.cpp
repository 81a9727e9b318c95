#include "services/s3/multipart.h"

#include "api/s3/errors.h"
#include "services/s3/names.h"
#include "services/s3/service.h"

namespace hearth::s3 {

namespace errors = api::s3::errors;

Result<std::uint32_t> check_part_number(std::int32_t number) {
  if (number < 1 || number > part_number_max)
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber",
                            std::to_string(number));
  return static_cast<std::uint32_t>(number);
}

Result<void> fit_claims(BodyClaims& claims, const UploadRow& upload, bool client_named_one) {
  if (!client_named_one || claims.algorithm == upload.checksum_algorithm) {
    claims.algorithm = upload.checksum_algorithm;
    return ok;
  }
  if (upload.client_chose_checksum)
    return errors::invalid_request("Checksum Type mismatch occurred, expected checksum Type: " +
                                   to_lower(std::string(to_string(upload.checksum_algorithm))) +
                                   ", actual checksum Type: " + to_lower(std::string(to_string(claims.algorithm))));
  claims.also = upload.checksum_algorithm;
  return ok;
}

StoredChecksum part_checksum(const BodyClaims& claims, const UploadRow& upload, const IncomingBody& body) {
  const std::string& digest = claims.also == ChecksumAlgorithm::none ? body.checksum : body.also;
  return {.algorithm = upload.checksum_algorithm, .value = to_base64(digest)};
}

Async<UploadRow> S3Service::find_upload(Transaction& tx, std::string_view bucket, std::string_view key,
                                        std::string_view upload_id) {
  const std::string row_key = keys::upload(bucket, key, upload_id);
  CO_TRY(const std::optional<std::string> bytes, co_await tx.get(row_key));
  if (!bytes) co_return no_such_upload(upload_id);
  co_return decode_upload(*bytes);
}

Async<PartRow> S3Service::store_part(PartToStore part) {
  PartRow row;
  row.etag = to_hex(part.body.md5);
  row.size_bytes = part.body.size_bytes;
  row.last_modified_ms = to_ms(clock_.now());
  row.checksum = std::move(part.checksum);
  if (part.body.blob) row.blob = *part.body.blob;

  // Reading the upload's row here is what lets a part and a Complete or Abort of its upload meet.
  const TransactionBody body = [&](Transaction& tx) -> Async<void> {
    CO_TRY_DO(co_await find_bucket(tx, part.bucket, part.expected_owner));
    CO_TRY_DO(co_await find_upload(tx, part.bucket, part.key, part.upload_id));
    const std::string row_key = keys::part(part.upload_id, part.number);
    CO_TRY(const std::optional<std::string> old_bytes, co_await tx.get(row_key));
    if (old_bytes) {
      CO_TRY(const PartRow old, decode_part(*old_bytes));
      if (!old.blob.value.empty()) release_blob(tx, old.blob, clock_.now());
    }
    if (!row.blob.value.empty()) claim_blob(tx, row.blob);
    tx.put(row_key, encode(row));
    co_return ok;
  };
  Result<void> committed = co_await transact(metadata_, body);
  if (!committed) {
    CO_TRY_DO(co_await discard(part.body.blob));
    co_return to_s3_error(std::move(committed).error());
  }
  co_return row;
}

Async<void> S3Service::erase_upload(Transaction& tx, std::string_view bucket, std::string_view key,
                                    std::string_view upload_id) {
  const std::string parts = keys::parts(upload_id);
  CO_TRY(const std::vector<KeyValue> rows, co_await tx.scan(KeyRange::prefix(parts), part_number_max));
  for (const KeyValue& stored : rows) {
    CO_TRY(const PartRow part, decode_part(stored.value));
    if (!part.blob.value.empty()) release_blob(tx, part.blob, clock_.now());
    tx.remove(stored.key);
  }
  tx.remove(keys::upload(bucket, key, upload_id));
  co_return ok;
}

}  // namespace hearth::s3
