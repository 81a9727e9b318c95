// Images from archives that people make, and from archives that try to get out. Unpacking needs root; skipped, loudly,
// without.
#include "engines/images/image_store.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/temporary_folder.h"
#include "engines/images/archive.h"
#include "ports/image_store_contract.h"

namespace hearth {
namespace {
namespace fs = std::filesystem;

struct FolderImages final : ImageStoreUnderTest {
  explicit FolderImages(images::RootLimits limits = {.free_bytes_min = 0}) : limits(limits) { reopen(); }
  ImageStore& store() override { return *opened; }
  void reopen() {
    opened.reset();
    opened = open_folder_image_store({.folder = folder.path() / "images", .limits = limits}, pool).value();
  }
  images::RootLimits limits;
  TemporaryFolder folder;
  ThreadPool pool{2};
  std::unique_ptr<ImageStore> opened;
};
std::unique_ptr<ImageStoreUnderTest> make_folder_images() {
  return std::make_unique<FolderImages>();
}
INSTANTIATE_TEST_SUITE_P(Folder, ImageStoreContract, testing::Values(ImageStoreMaker(make_folder_images)));

class FolderImageStore : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = images_.store().missing_requirements(); !missing.empty())
      GTEST_SKIP() << "IMAGES CANNOT BE UNPACKED HERE: " << missing.front();
  }
  Result<StoredImage> import(std::string bytes) {
    StringSource source(std::move(bytes));
    const ImportObserver go_on = [](const ImportProgress&) { return true; };
    return sync_wait(images_.store().import_image("ami-1", source, go_on));
  }
  void expect_imported(std::string bytes) {
    const auto imported = import(std::move(bytes));
    ASSERT_TRUE(imported) << imported.error().message() << ": " << imported.error().detail();
  }
  void expect_refused(std::string bytes, const std::string& why) {
    const auto imported = import(std::move(bytes));
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(imported.error().message().contains(why)) << imported.error().message();
    EXPECT_TRUE(fs::is_empty(images_.folder.path() / "images")) << "a refused import leaves nothing";
  }
  fs::path root() { return sync_wait(images_.store().find("ami-1")).value().path; }
  std::string content(const std::string& path) {
    std::ifstream file(root() / path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  FolderImages images_;
};

TarMaker root_with_shell() {
  return TarMaker().add("bin/sh", "shell", 0755);
}

// An OCI image layout in a tar file. https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
class OciMaker {
 public:
  explicit OciMaker(std::string architecture = "amd64") : architecture_(std::move(architecture)) {}
  OciMaker& add_layer(const std::string& bytes) {
    layers_ += (layers_.empty() ? "" : ",") + descriptor("application/vnd.oci.image.layer.v1.tar", bytes);
    return *this;
  }
  std::string bytes() {
    const std::string configuration =
        R"({"os":"linux","architecture":")" + architecture_ + R"(","config":{"Env":["PATH=/opt/bin:/bin","LANG=de"]}})";
    const std::string manifest = R"({"schemaVersion":2,"config":)" +
                                 descriptor("application/vnd.oci.image.config.v1+json", configuration) +
                                 R"(,"layers":[)" + layers_ + "]}";
    const std::string index = R"({"schemaVersion":2,"manifests":[)" +
                              descriptor("application/vnd.oci.image.manifest.v1+json", manifest) + "]}";
    TarMaker archive = blobs_;
    return archive.add("oci-layout", R"({"imageLayoutVersion":"1.0.0"})").add("index.json", index).bytes();
  }
  // The next layer's descriptor lies about its content.
  OciMaker& lie_about_the_next_digest() {
    lies_ = true;
    return *this;
  }

 private:
  std::string descriptor(const std::string& type, const std::string& bytes) {
    const std::string digest = to_hex(sha256(bytes + (lies_ ? "!" : "")));
    lies_ = false;
    blobs_.add("blobs/sha256/" + digest, bytes);
    return fmt::format(R"({{"mediaType":"{}","digest":"sha256:{}","size":{}}})", type, digest, bytes.size());
  }
  std::string architecture_, layers_;
  TarMaker blobs_;
  bool lies_ = false;
};

TEST_F(FolderImageStore, KeepsModesOwnersLinksAndTimes) {
  expect_imported(root_with_shell()
                      .add("usr/bin/su", "su", 04755)
                      .add_link(TarType::symbolic_link, "lib", "usr/lib")
                      .add_link(TarType::hard_link, "bin/bash", "bin/sh")
                      .add("./etc/name", "x")
                      .bytes());
  struct stat su{}, sh{}, bash{};
  ASSERT_EQ(::stat((root() / "usr/bin/su").c_str(), &su), 0);
  EXPECT_EQ(su.st_mode & 07777, 04755U);
  EXPECT_EQ(su.st_uid, 0U);
  EXPECT_EQ(su.st_mtime, 1'700'000'000);
  EXPECT_EQ(fs::read_symlink(root() / "lib"), "usr/lib");
  ASSERT_EQ(::stat((root() / "bin/sh").c_str(), &sh), 0);
  ASSERT_EQ(::stat((root() / "bin/bash").c_str(), &bash), 0);
  EXPECT_EQ(sh.st_ino, bash.st_ino);
  EXPECT_EQ(content("etc/name"), "x");
}

TEST_F(FolderImageStore, NoLinkLeadsOutside) {
  const fs::path outside = images_.folder.path() / "outside";
  fs::create_directory(outside);
  std::ofstream(outside / "kept") << "kept";
  // A link to a folder of the host, and then a file "in" it: it must land in the image, or nowhere.
  const auto imported = import(root_with_shell()
                                   .add_link(TarType::symbolic_link, "door", outside.string())
                                   .add("door/planted", "planted")
                                   .add_link(TarType::symbolic_link, "up", "../../../../../../..")
                                   .add("up" + outside.string() + "/planted", "planted")
                                   .add_link(TarType::hard_link, "stolen", (outside / "kept").string())
                                   .bytes());
  EXPECT_FALSE(fs::exists(outside / "planted"));
  EXPECT_EQ(fs::hard_link_count(outside / "kept"), 1U);
  if (imported) {
    EXPECT_FALSE(fs::exists(root() / "stolen"));
  }
}

TEST_F(FolderImageStore, AbsoluteNamesAreBelowTheRoot) {
  expect_imported(root_with_shell().add("/tmp/hearth-absolute-name", "inside").bytes());
  EXPECT_FALSE(fs::exists("/tmp/hearth-absolute-name"));
  EXPECT_EQ(content("tmp/hearth-absolute-name"), "inside");
}

TEST_F(FolderImageStore, NamesThatClimbAreRefused) {
  expect_refused(root_with_shell().add("etc/../../outside", "x").bytes(), "outside of its root");
}

TEST_F(FolderImageStore, DeviceNodesAreDropped) {
  expect_imported(root_with_shell().add_link(TarType::character_device, "dev/mem", "").bytes());
  EXPECT_FALSE(fs::exists(root() / "dev/mem"));
}

TEST_F(FolderImageStore, LimitsHold) {
  images_.limits.unpacked_bytes_max = 1000;
  images_.reopen();
  expect_refused(root_with_shell().add("big", std::string(2000, 'x')).bytes(), "larger than 1000 bytes");
  images_.limits = {.file_count_max = 2, .free_bytes_min = 0};
  images_.reopen();
  expect_refused(root_with_shell().add("b", "").add("c", "").bytes(), "more than 2 files");
  images_.limits = {.free_bytes_min = ~std::uint64_t{0}};
  images_.reopen();
  const auto imported = import(tiny_root());
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().kind(), ErrorKind::no_space);
}

// As any tool would compress it. Of long stretches of one byte nearly nothing is left.
std::string compressed(const std::string& bytes) {
  const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(), archive_write_free);
  archive_write_set_format_raw(writer.get());
  archive_write_add_filter_zstd(writer.get());
  std::string out(bytes.size() + 100'000, '\0');
  std::size_t used = 0;
  archive_write_open_memory(writer.get(), out.data(), out.size(), &used);
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> whole(archive_entry_new(), archive_entry_free);
  archive_entry_set_filetype(whole.get(), AE_IFREG);
  archive_write_header(writer.get(), whole.get());
  archive_write_data(writer.get(), bytes.data(), bytes.size());
  archive_write_close(writer.get());
  out.resize(used);
  return out;
}

constexpr auto gnu_long_name = static_cast<TarType>('L'), gnu_long_link = static_cast<TarType>('K'),
               pax_header = static_cast<TarType>('x');
constexpr std::size_t mib = 1 << 20;

TEST_F(FolderImageStore, CompressedRootsAndLayersAreTaken) {
  expect_imported(compressed(root_with_shell().add("etc/name", "x").bytes()));
  EXPECT_EQ(content("etc/name"), "x");
  ASSERT_TRUE(sync_wait(images_.store().remove("ami-1")));
  expect_imported(compressed(OciMaker().add_layer(compressed(root_with_shell().add("etc/name", "y").bytes())).bytes()));
  EXPECT_EQ(content("etc/name"), "y");
}

TEST_F(FolderImageStore, WhatIsSkippedCountsToo) {
  images_.limits.unpacked_bytes_max = 2 * mib;
  images_.reopen();
  const std::string zeros(4 * mib, '\0');
  expect_refused(compressed(root_with_shell().add(".", zeros).bytes()), "larger than 2097152 bytes unpacked");
  // Of a container image's archive, what is no layer is skipped.
  expect_refused(compressed(TarMaker().add("blobs/sha256/none", zeros).add("index.json", "{}").bytes()),
                 "larger than 2097152 bytes unpacked");
  // In a layer, and behind its end.
  expect_refused(OciMaker().add_layer(compressed(root_with_shell().add(".wh.none", zeros).bytes())).bytes(),
                 "larger than 2097152 bytes unpacked");
  expect_refused(compressed(OciMaker().add_layer(root_with_shell().bytes() + zeros).bytes()),
                 "larger than 2097152 bytes unpacked");
  images_.limits = {.file_count_max = 3, .free_bytes_min = 0};
  images_.reopen();
  expect_refused(root_with_shell().add_folder("./").add_folder("./").add_folder("./").bytes(), "more than 3 files");
}

TEST_F(FolderImageStore, NamesAndHeadersAreBounded) {
  const auto named = [](TarType type, std::size_t size) {
    return root_with_shell()
        .add_member(type, "././@LongLink", std::string(size, 'a') + '\0', {}, 0)
        .add_link(TarType::symbolic_link, "x", "y")
        .bytes();
  };
  expect_refused(named(gnu_long_name, 5'000), "a name longer than 4096 bytes");
  expect_refused(named(gnu_long_link, 5'000), "a name longer than 4096 bytes");
  expect_refused(compressed(named(gnu_long_name, 32 * mib)), "eader");  // ours, or libarchive's own limit
  expect_refused(compressed(named(pax_header, 32 * mib)), "eader");     // ours, or libarchive's own limit
  // A map of holes without end.
  std::string map = "5000000\n";
  while (map.size() < 16 * mib) map += "0\n0\n";
  const std::string sparse =
      "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n24 GNU.sparse.name=hole\n"
      "25 GNU.sparse.realsize=9\n";
  expect_refused(compressed(root_with_shell().add_member(pax_header, "x", sparse, {}, 0).add("hole", map).bytes()),
                 "eader");  // ours, or libarchive's own limit

  images_.limits.name_bytes_max = 100;
  images_.reopen();
  expect_refused(root_with_shell().add("a/" + std::string(60, 'b') + "/c", "").bytes(),
                 "longer than 100 bytes together");
}

TEST_F(FolderImageStore, WhatIsSkippedCanBeCancelled) {
  const std::string zeros(16 * mib, '\0');
  for (const std::string& bytes :
       {compressed(root_with_shell().add(".", zeros).bytes()),
        compressed(TarMaker().add("blobs/sha256/none", zeros).add("index.json", "{}").bytes())}) {
    int asked = 0;
    const ImportObserver not_for_long = [&](const ImportProgress&) { return ++asked < 20; };
    StringSource source(bytes);
    const auto imported = sync_wait(images_.store().import_image("ami-1", source, not_for_long));
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().kind(), ErrorKind::cancelled) << imported.error().message();
    EXPECT_LT(asked, 25) << "it is not asked again and again";
  }
}

TEST_F(FolderImageStore, LayersAreCounted) {
  OciMaker image;
  for (int i = 0; i < 513; ++i) image.add_layer(TarMaker().add("etc/" + std::to_string(i), "").bytes());
  expect_refused(image.bytes(), "513 layers");
}

TEST_F(FolderImageStore, WithoutAShellNothingCouldStart) {
  expect_refused(TarMaker().add("etc/name", "x").bytes(), "no /bin/sh");
}

TEST_F(FolderImageStore, ATruncatedArchiveIsRefused) {
  const std::string whole = root_with_shell().add("big", std::string(100'000, 'x')).bytes();
  expect_refused(whole.substr(0, whole.size() / 2), "cannot be read as tar");
}

TEST_F(FolderImageStore, LayersLieOverEachOtherAndWhiteoutsRemoveWhatIsBelow) {
  const std::string below = root_with_shell()
                                .add("etc/old", "old")
                                .add("etc/kept", "kept")
                                .add("data/a/x", "x")
                                .add("data/y", "y")
                                .add("swap/file", "in a folder")
                                .bytes();
  const std::string above = TarMaker()
                                .add("etc/.wh.old", "")
                                .add("data/a/new", "new")  // comes before the mark that hides the rest of data
                                .add("data/.wh..wh..opq", "")
                                .add("swap", "now a file")
                                .bytes();
  const auto imported = import(OciMaker().add_layer(below).add_layer(above).bytes());
  ASSERT_TRUE(imported) << imported.error().message() << imported.error().detail();
  EXPECT_EQ(imported->environment.at("PATH"), "/opt/bin:/bin");
  EXPECT_FALSE(fs::exists(root() / "etc/old"));
  EXPECT_EQ(content("etc/kept"), "kept");
  EXPECT_FALSE(fs::exists(root() / "data/a/x"));
  EXPECT_FALSE(fs::exists(root() / "data/y"));
  EXPECT_EQ(content("data/a/new"), "new");
  EXPECT_EQ(content("swap"), "now a file");
  for (const auto& entry : fs::recursive_directory_iterator(root()))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".wh.")) << entry.path();
}

TEST_F(FolderImageStore, ADamagedLayerIsRefused) {
  OciMaker image;
  image.lie_about_the_next_digest().add_layer(tiny_root());
  expect_refused(image.bytes(), "the archive is damaged");
}

TEST_F(FolderImageStore, AnImageForAnotherArchitectureIsRefused) {
  expect_refused(OciMaker("arm64").add_layer(tiny_root()).bytes(), "linux/arm64");
}

TEST_F(FolderImageStore, WhatDockerSavesIsAnImageToo) {
  const std::string id(64, 'a');
  expect_imported(TarMaker()
                      .add(id + "/layer.tar", root_with_shell().bytes())
                      .add(id + ".json", R"({"os":"linux","architecture":"amd64","config":{"Env":["A=b"]}})")
                      .add("manifest.json", R"([{"Config":")" + id + R"(.json","Layers":[")" + id + R"(/layer.tar"]}])")
                      .bytes());
  EXPECT_EQ(content("bin/sh"), "shell");
}

TEST_F(FolderImageStore, ANestedDocumentThatNeverEndsIsRefused) {
  expect_refused(TarMaker().add("index.json", std::string(100'000, '[')).bytes(), "is not JSON");
}

TEST_F(FolderImageStore, WhatACrashLeftIsGoneAtOpenAndWholeImagesStay) {
  expect_imported(tiny_root());
  fs::create_directories(images_.folder.path() / "images/importing-ami-2/root/bin");
  fs::create_directories(images_.folder.path() / "images/removing-ami-3/root");
  images_.reopen();
  EXPECT_EQ(sync_wait(images_.store().list()).value(), std::vector<std::string>{"ami-1"});
  EXPECT_FALSE(fs::exists(images_.folder.path() / "images/importing-ami-2"));
  EXPECT_FALSE(fs::exists(images_.folder.path() / "images/removing-ami-3"));
}

}  // namespace
}  // namespace hearth
