#include "cli/demo/manual_pages.h"

#include <gtest/gtest.h>

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
