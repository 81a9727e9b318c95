// Keeps one record per model call: durable in the metadata store before the answer ends, then batched as JSON lines to
// S3 (SageMaker's data-capture format), one line per call to CloudWatch Logs, and numbers to CloudWatch. Nothing that
// was acknowledged is lost in a crash: rows are removed only after everything they hold was delivered. S3 objects are
// written under a name fixed beforehand, so a repeated delivery overwrites itself; lines and numbers may come twice
// when a crash falls between their delivery and the removal of their rows.
// https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html
#pragma once

#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "ports/metadata_store.h"
#include "ports/object_writer.h"
#include "ports/observability.h"
#include "services/sagemaker/rows.h"

namespace hearth::sagemaker {

class InvocationLog {
 public:
  InvocationLog(MetadataStore& store, ObjectWriter& objects, LogSink& logs, MetricSink& metrics, const Clock& clock,
                IdSource& ids)
      : store_(store), objects_(objects), logs_(logs), metrics_(metrics), clock_(clock), ids_(ids) {}

  // Durable when it returns.
  Async<void> record(InvocationRow row);
  // For a call whose client went away: there is nobody left to acknowledge to. Written by the next deliver().
  void record_later(InvocationRow row);

  // Delivers what is recorded, oldest first, until nothing is left. Called by one thread at a time, again and again.
  Async<void> deliver();

 private:
  Async<std::size_t> deliver_batch();
  Async<std::vector<std::string>> oldest_keys();
  Async<void> deliver_rows(const std::string& batch_id, const std::vector<InvocationRow>& rows);

  MetadataStore& store_;
  ObjectWriter& objects_;
  LogSink& logs_;
  MetricSink& metrics_;
  const Clock& clock_;
  IdSource& ids_;
  std::mutex mutex_;
  std::vector<InvocationRow> later_;
};

}  // namespace hearth::sagemaker
