// What every ImageStore must do, whatever it keeps images in. An engine instantiates it with a factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, ImageStoreContract, testing::Values(ImageStoreMaker(make_image_store)));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/async.h"
#include "ports/image_store.h"
#include "ports/tar_maker.h"

namespace hearth {

struct ImageStoreUnderTest {
  virtual ~ImageStoreUnderTest() = default;
  virtual ImageStore& store() = 0;
};
using ImageStoreMaker = std::function<std::unique_ptr<ImageStoreUnderTest>()>;

class ImageStoreContract : public testing::TestWithParam<ImageStoreMaker> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    if (!store().missing_requirements().empty()) GTEST_SKIP() << store().missing_requirements().front();
  }
  ImageStore& store() { return under_test_->store(); }
  Result<StoredImage> import(const std::string& id, std::string bytes, ImportObserver observer = {}) {
    if (!observer) observer = [](const ImportProgress&) { return true; };
    StringSource source(std::move(bytes));
    return sync_wait(store().import_image(id, source, observer));
  }
  std::vector<std::string> ids() { return sync_wait(store().list()).value(); }

  std::unique_ptr<ImageStoreUnderTest> under_test_;
};

TEST_P(ImageStoreContract, AnImportedImageIsListedUntilItIsRemoved) {
  const auto imported = import("ami-1", tiny_root());
  ASSERT_TRUE(imported) << imported.error().message() << imported.error().detail();
  EXPECT_GT(imported->size_bytes, 0U);
  EXPECT_GT(imported->file_count, 0U);
  EXPECT_EQ(ids(), std::vector<std::string>{"ami-1"});
  const auto found = sync_wait(store().find("ami-1"));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->path.empty());
  EXPECT_EQ(found->size_bytes, imported->size_bytes);
  ASSERT_TRUE(sync_wait(store().remove("ami-1")));
  EXPECT_EQ(sync_wait(store().find("ami-1")).error().kind(), ErrorKind::not_found);
  EXPECT_TRUE(ids().empty());
  EXPECT_TRUE(sync_wait(store().remove("ami-1"))) << "removing what is gone succeeds";
}

TEST_P(ImageStoreContract, WhatIsNoArchiveIsInvalidAndLeavesNothing) {
  const auto imported = import("ami-1", std::string(10'000, 'x'));
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().kind(), ErrorKind::invalid) << imported.error().message();
  EXPECT_TRUE(ids().empty());
}

TEST_P(ImageStoreContract, AnImageThatIsThereStaysAsItIs) {
  ASSERT_TRUE(import("ami-1", tiny_root()));
  EXPECT_TRUE(import("ami-1", "this is not read"));
  EXPECT_EQ(ids(), std::vector<std::string>{"ami-1"});
}

TEST_P(ImageStoreContract, TheObserverCanEndAnImport) {
  const auto imported = import("ami-1", tiny_root(), [](const ImportProgress&) { return false; });
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().kind(), ErrorKind::cancelled);
  EXPECT_TRUE(ids().empty());
}

}  // namespace hearth
