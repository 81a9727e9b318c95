#include "cli/demo/manual_pages.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace hearth::cli {
namespace {

TEST(ManualPage, TroffBecomesPlainText) {
  const ManualPage page = parse_manual_page(
      ".\\\" a comment\n.TH TAR 1\n.SH NAME\ntar \\- an archiving utility\n.SH DESCRIPTION\nGNU \\fBtar\\fR is an\n.B "
      "archiving\nprogram.\n.PP\nSecond.\n",
      "tar", "1");
  EXPECT_EQ(page.summary, "an archiving utility");
  EXPECT_EQ(page.description, "GNU tar is an archiving program.");
  EXPECT_NE(page.text.find("Second."), std::string::npos);
}

TEST(ManualPage, MdocIsUnderstoodToo) {
  const ManualPage page = parse_manual_page(
      ".Sh NAME\n.Nm ssh\n.Nd OpenSSH remote login client\n.Sh DESCRIPTION\n.Nm\nlogs in.\n", "ssh", "1");
  EXPECT_EQ(page.summary, "OpenSSH remote login client");
}

// A folder that is removed with its contents when this goes.
struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string message_without_pages(const Folder& folder) {
  const auto pages = read_manual_pages(folder.path / "man", {"manpages"}, {folder.path / "info", folder.path / "cfg"});
  return pages ? "" : pages.error().message();
}

TEST(ManualPages, WhereTheirPackagesAreMissingItSaysHowToGetThem) {
  const Folder folder;
  EXPECT_NE(message_without_pages(folder).find("./dev setup"), std::string::npos) << message_without_pages(folder);
}

// Small container images have every package and no manual page.
TEST(ManualPages, WhereDpkgLeavesThemOutItNamesTheSetting) {
  const Folder folder;
  std::filesystem::create_directories(folder.path / "info");
  std::filesystem::create_directories(folder.path / "cfg");
  std::ofstream list(folder.path / "info" / "manpages.list");
  for (int i = 0; i < 300; ++i) list << (folder.path / "man/man7" / std::to_string(i)).string() << ".7.gz\n";
  list.close();
  std::ofstream(folder.path / "cfg" / "docker") << "path-exclude " << (folder.path / "man").string() << "/*\n";
  const std::string message = message_without_pages(folder);
  EXPECT_NE(message.find("path-exclude"), std::string::npos) << message;
  EXPECT_NE(message.find("cfg/docker"), std::string::npos) << message;
  EXPECT_NE(message.find("apt-get install --reinstall manpages"), std::string::npos) << message;
}

TEST(Dataset, EveryTenthPageIsHeldOut) {
  std::vector<ManualPage> pages;
  for (int i = 0; i < 25; ++i)
    pages.push_back({"p" + std::to_string(i), "1", "does things", "A page.", std::string(400, 'x')});
  const Dataset dataset = make_dataset(pages, 1 << 20);
  EXPECT_EQ(dataset.held_out_count, 2u);
  EXPECT_EQ(dataset.pair_count, 46u);
  EXPECT_EQ(dataset.training_json.find("\"What does p9 do?\""), std::string::npos);
  EXPECT_NE(dataset.held_out_json.find("\"What does p9 do?\""), std::string::npos);
}

}  // namespace
}  // namespace hearth::cli
