#include "base/url.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Url, PartsAndRefusals) {
  const Url url = *parse_url("http://[::1]:8080/a/b?c=d#e");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(url.query, "c=d");
  EXPECT_EQ(url.authority(), "[::1]:8080");
  EXPECT_EQ(parse_url("https://example.com")->port, 443);
  for (const std::string bad : {"",
                                "example.com",
                                "ftp://x",
                                "http://",
                                "http://x:0",
                                "http://x:99999",
                                "http://x:a",
                                "http://:80",
                                "http://a b/",
                                "http://x/a b",
                                "http://x/\r\nHost: y",
                                "http://x/?a=\tb",
                                "http://x\r\n/",
                                "http://x/\xc3\xa9",
                                "http://x/\x7f",
                                "http://a/b\n",
                                "http://a<b>/",
                                "http://[::1/",
                                "http://::1/",
                                "http://user@/",
                                "http://[]/"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

}  // namespace
}  // namespace hearth
