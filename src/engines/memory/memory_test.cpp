#include <gtest/gtest.h>

#include "engines/memory/blob_store.h"
#include "engines/memory/image_store.h"
#include "engines/memory/instance_runtime.h"
#include "engines/memory/metadata_store.h"
#include "engines/memory/telemetry_store.h"
#include "ports/blob_store_contract.h"
#include "ports/image_store_contract.h"
#include "ports/instance_runtime_contract.h"
#include "ports/metadata_store_contract.h"
#include "ports/telemetry_store_contract.h"

namespace hearth {
namespace {

TEST(MemoryInstanceRuntime, AnInstanceThatExitsIsObservedWithItsExitCode) {
  FakeClock clock;
  MemoryInstanceRuntime runtime(clock);
  ASSERT_TRUE(sync_wait(runtime.start({.id = "i-1"})));
  ASSERT_TRUE(sync_wait(runtime.start({.id = "i-1"}))) << "starting a running instance succeeds";
  EXPECT_EQ(runtime.start_count(), 1);
  runtime.finish("i-1", 137, "killed: out of memory");
  const auto observed = sync_wait(runtime.observe());
  ASSERT_EQ(observed->size(), 1u);
  EXPECT_EQ(observed->front().state, RunState::exited);
  EXPECT_EQ(observed->front().exit_code, 137);
}

std::unique_ptr<InstanceRuntime> make_runtime() {
  static const FakeClock clock;
  return std::make_unique<MemoryInstanceRuntime>(clock);
}
INSTANTIATE_TEST_SUITE_P(Memory, InstanceRuntimeContract, testing::Values(&make_runtime));

struct MemoryImages final : ImageStoreUnderTest {
  ImageStore& store() override { return memory; }
  MemoryImageStore memory;
};
std::unique_ptr<ImageStoreUnderTest> make_images() {
  return std::make_unique<MemoryImages>();
}
INSTANTIATE_TEST_SUITE_P(Memory, ImageStoreContract, testing::Values(ImageStoreMaker(make_images)));

struct MemoryMetadata final : MetadataStoreUnderTest {
  MetadataStore& store() override { return memory; }
  MemoryMetadataStore memory;
};
std::unique_ptr<MetadataStoreUnderTest> make_metadata() {
  return std::make_unique<MemoryMetadata>();
}
INSTANTIATE_TEST_SUITE_P(Memory, MetadataStoreContract, testing::Values(MetadataStoreMaker(make_metadata)));

struct MemoryBlobs final : BlobStoreUnderTest {
  explicit MemoryBlobs(const Clock& clock) : memory(clock) {}
  BlobStore& store() override { return memory; }
  MemoryBlobStore memory;
};
std::unique_ptr<BlobStoreUnderTest> make_blobs(const Clock& clock) {
  return std::make_unique<MemoryBlobs>(clock);
}
INSTANTIATE_TEST_SUITE_P(Memory, BlobStoreContract, testing::Values(BlobStoreMaker(make_blobs)));

struct MemoryTelemetry final : TelemetryStoreUnderTest {
  TelemetryStore& store() override { return memory; }
  MemoryTelemetryStore memory;
};
std::unique_ptr<TelemetryStoreUnderTest> make_telemetry() {
  return std::make_unique<MemoryTelemetry>();
}
INSTANTIATE_TEST_SUITE_P(Memory, TelemetryStoreContract, testing::Values(TelemetryStoreMaker(make_telemetry)));

}  // namespace
}  // namespace hearth
