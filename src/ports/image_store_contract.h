// What every ImageStore must do, whatever it keeps images in. An engine instantiates it with a factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, ImageStoreContract, testing::Values(ImageStoreMaker(make_image_store)));
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/async.h"
#include "ports/image_store.h"

namespace hearth {

// What a member of a tar file is, as its type flag says.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
enum class TarType : char { file = '0', hard_link = '1', symbolic_link = '2', character_device = '3', folder = '5' };

// A tar file made by hand, so that tests can put into it what no tool would.
class TarMaker {
 public:
  TarMaker& add(const std::string& name, std::string_view content, unsigned mode = 0644) {
    return add_member(TarType::file, name, content, {}, mode);
  }
  TarMaker& add_folder(const std::string& name, unsigned mode = 0755) {
    return add_member(TarType::folder, name, {}, {}, mode);
  }
  TarMaker& add_link(TarType type, const std::string& name, const std::string& target) {
    return add_member(type, name, {}, target, 0777);
  }
  TarMaker& add_member(TarType type, const std::string& name, std::string_view content, const std::string& target,
                       unsigned mode) {
    constexpr std::size_t block = 512;
    std::string header(block, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    put(0, name);
    put(100, fmt::format("{:07o}", mode));
    put(108, fmt::format("{:07o}", 0));
    put(116, fmt::format("{:07o}", 0));
    put(124, fmt::format("{:011o}", content.size()));
    put(136, fmt::format("{:011o}", 1'700'000'000));
    put(148, "        ");
    put(156, std::string(1, static_cast<char>(type)));
    put(157, target);
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    header[154] = '\0';
    bytes_ += header;
    bytes_ += content;
    bytes_.resize((bytes_.size() + block - 1) / block * block);
    return *this;
  }
  std::string bytes() const { return bytes_ + std::string(1024, '\0'); }

 private:
  std::string bytes_;
};

// The smallest root file system an image store takes.
inline std::string tiny_root() {
  return TarMaker().add_folder("bin/").add("bin/sh", "#!not a real shell\n", 0755).add("etc/name", "tiny\n").bytes();
}

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
