#include "cli/machine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace hearth::cli {
namespace {

TEST(ReportedExit, IsReadFromItsOwnLineOnly) {
  EXPECT_EQ(reported_exit("hearth-run: exit 0"), 0);
  EXPECT_EQ(reported_exit("hearth-run: exit 137\r\n"), 137);
  EXPECT_FALSE(reported_exit("hearth-run: exit"));
  EXPECT_FALSE(reported_exit("hearth-run: exit 1 or so"));
  EXPECT_FALSE(reported_exit("echo hearth-run: exit 1"));
}

TEST(ScriptThatReports, RunsTheCommandAndPrintsItsExitLast) {
  const std::string command = "#!/bin/sh\necho \"it's END\"\ncat <<'END'\nhello\nEND\nexit 7\n";
  const std::string path = testing::TempDir() + "/script_that_reports.sh";
  std::ofstream(path) << script_that_reports(command, false);

  std::FILE* shell = ::popen(("sh " + path).c_str(), "r");
  ASSERT_TRUE(shell);
  std::string output;
  for (int c = std::fgetc(shell); c != EOF; c = std::fgetc(shell)) output += static_cast<char>(c);
  ::pclose(shell);
  std::remove(path.c_str());
  EXPECT_EQ(output, "it's END\nhello\n\nhearth-run: exit 7\n");
}

}  // namespace
}  // namespace hearth::cli
