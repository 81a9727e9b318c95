#include "services/logs/filter_pattern.h"

#include <gtest/gtest.h>

namespace hearth::logs {
namespace {

bool matches(std::string_view pattern, std::string_view message) {
  const auto parsed = FilterPattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern << ": " << (parsed ? "" : parsed.error().message());
  return parsed && parsed->matches(message);
}

TEST(FilterPattern, Terms) {
  EXPECT_TRUE(matches("", "anything"));
  EXPECT_TRUE(matches("ERROR", "[ERROR 400] BAD REQUEST"));
  EXPECT_FALSE(matches("ERROR", "error in lower case"));
  EXPECT_TRUE(matches("ERROR ARGUMENTS", "ERROR 419 MISSING ARGUMENTS"));
  EXPECT_FALSE(matches("ERROR ARGUMENTS", "ERROR 401 UNAUTHORIZED"));
  EXPECT_TRUE(matches("?ERROR ?ARGUMENTS", "ARGUMENTS only"));
  EXPECT_FALSE(matches("?ERROR ?ARGUMENTS", "neither"));
  EXPECT_TRUE(matches("\"INTERNAL SERVER ERROR\"", "[ERROR 500] INTERNAL SERVER ERROR"));
  EXPECT_TRUE(matches("ERROR -ARGUMENTS", "ERROR 401 UNAUTHORIZED"));
  EXPECT_FALSE(matches("ERROR -ARGUMENTS", "ERROR 419 MISSING ARGUMENTS"));
  EXPECT_TRUE(matches("%4\\d\\d%", "status 404"));
  EXPECT_FALSE(matches("%4\\d\\d%", "status 500"));
  EXPECT_TRUE(matches("\"say \\\"hi\\\"\"", "they say \"hi\" back"));
}

// The examples of https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html.
TEST(FilterPattern, ExamplesOfTheManual) {
  const std::string_view event =
      R"({"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another value"],
      "objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","ThisFlag":true})";
  for (const char* found :
       {R"({ $.eventType = "UpdateTrail" })", R"({ $.eventType = * })", R"({ $.sourceIPAddress != 123.123.* })",
        R"({ $.arrayKey[0] = "value" })", R"({ $.objectList[1].id = 2 })", R"({ $.SomeObject IS NULL })",
        R"({ $.SomeOtherObject NOT EXISTS })", R"({ $.ThisFlag IS TRUE })", R"({ $.['cluster.name'] = "c" })",
        R"({ $.sourceIPAddress = %111\.% })", R"({ ($.eventType = "x") || ($.objectList[*].id = 2) })"})
    EXPECT_TRUE(matches(found, event)) << found;
  for (const char* other :
       {R"({ $.eventType = "Update" })", R"({ $.sourceIPAddress != 111.111.* })", R"({ $.arrayKey[2] = "value" })",
        R"({ $.ThisFlag IS FALSE })", R"({ $.SomeObject NOT EXISTS })", R"({ $.SomeOtherObject IS NULL })"})
    EXPECT_FALSE(matches(other, event)) << other;

  const std::string_view user = R"({"user":{"id":1,"email":"John.Stiles@example.com"},
      "users":[{"id":2,"email":"John.Doe@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6]]})";
  EXPECT_TRUE(matches(R"({ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") })", user));
  EXPECT_TRUE(matches(
      R"({ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nonmatch })",
      user));
  EXPECT_FALSE(matches(
      R"({ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nonmatch })",
      user));
  EXPECT_TRUE(matches("{ $.coordinates[1][2] >= 6 }", user));

  const std::string_view line =
      R"(127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534)";
  for (const char* found :
       {"[ip, user, username, timestamp, request, status_code, bytes]", "[..., status_code = 404, bytes]",
        "[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        "[..., request =*.html*, status_code = 4*,]", "[ip=%127\\.0\\.0\\.[1-9]%, ...]",
        "[..., status_code = 404 || status_code = 410, bytes > 1000]", "[ip, ..., bytes >= 1.534e3]"})
    EXPECT_TRUE(matches(found, line)) << found;
  for (const char* other :
       {"[ip, user]", "[..., status_code = 200, bytes]", "[ip != 127.*, ...]", "[..., bytes < 1534]"})
    EXPECT_FALSE(matches(other, line)) << other;
}

TEST(FilterPattern, NumbersAreReadAsOneWritesThem) {
  EXPECT_TRUE(matches(R"({ $.a = "1.5" })", R"({"a":1.5})"));
  EXPECT_TRUE(matches(R"({ $.a = 1.* })", R"({"a":1.25})"));
  EXPECT_TRUE(matches(R"({ $.a = 1.5e0 })", R"({"a":1.5})"));
  EXPECT_TRUE(matches(R"({ $.a = 4* })", R"({"a":404})"));
  EXPECT_FALSE(matches(R"({ $.a = 4* })", R"({"a":504})"));
}

TEST(FilterPattern, JsonSelectors) {
  const std::string_view event =
      R"({"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value","another"],
          "objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c","n":12.5,"on":true})";
  EXPECT_TRUE(matches("{ $.eventType = \"UpdateTrail\" }", event));
  EXPECT_TRUE(matches("{ $.eventType = UpdateTrail }", event));
  EXPECT_TRUE(matches("{ $.sourceIPAddress = 111.111.* }", event));
  EXPECT_FALSE(matches("{ $.sourceIPAddress != 111.111.* }", event));
  EXPECT_TRUE(matches("{ $.arrayKey[0] = \"value\" }", event));
  EXPECT_TRUE(matches("{ $.arrayKey[*] = \"another\" }", event));
  EXPECT_TRUE(matches("{ $.objectList[1].id = 2 }", event));
  EXPECT_TRUE(matches("{ $.SomeObject IS NULL }", event));
  EXPECT_TRUE(matches("{ $.Other NOT EXISTS }", event));
  EXPECT_FALSE(matches("{ $.Other = 1 }", event));
  EXPECT_TRUE(matches("{ $.n > 12 && $.n <= 12.5 }", event));
  EXPECT_FALSE(matches("{ $.n > 1e2 }", event));
  EXPECT_TRUE(matches("{ $.on IS TRUE }", event));
  EXPECT_TRUE(matches("{ ($.n > 100 || $.on IS TRUE) && $.eventType = Update* }", event));
  EXPECT_TRUE(matches("{ $.eventType = %^Update% }", event));
  EXPECT_TRUE(matches("{ $['cluster.name'] = \"c\" }", event));
  EXPECT_FALSE(matches("{ $.n > 1 }", "not json"));
}

TEST(FilterPattern, SpaceDelimitedFields) {
  const std::string_view event =
      "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
  EXPECT_TRUE(matches("[ip, server, username, timestamp, request, status_code, bytes]", event));
  EXPECT_TRUE(matches("[ip, server, username, timestamp, request, status_code = 4*, bytes > 1000]", event));
  EXPECT_FALSE(matches("[ip, server, username, timestamp, request, status_code = 5*, bytes]", event));
  EXPECT_TRUE(matches("[..., status_code = 404, bytes]", event));
  EXPECT_TRUE(matches("[ip = 127.*, ..., request = *html*, status_code, bytes < 2000]", event));
  EXPECT_FALSE(matches("[ip, server]", event));
  EXPECT_TRUE(matches("[w1 = ERROR || w1 = WARN, ...]", "WARN disk is nearly full"));
  EXPECT_TRUE(matches("[w1 != INFO && w1 != DEBUG, ...]", "WARN disk"));
}

TEST(FilterPattern, WhatCannotBeUnderstoodIsRefused) {
  for (const char* bad : {"{",
                          "{ $.a }",
                          "{ $.a = }",
                          "{ a = 1 }",
                          "{ $.a = 1 ",
                          "{ $.a = 1 } x",
                          "{ $.a > \"x\" }",
                          "{ $.a IS MAYBE }",
                          "[",
                          "[a, b",
                          "[..., a, ...]",
                          "[a > b]",
                          "\"open",
                          "%(%",
                          "%open",
                          "a ?b",
                          "?a -b",
                          "a(b",
                          "-",
                          "{ ($.a = 1 }"})
    EXPECT_FALSE(FilterPattern::parse(bad)) << bad;
  EXPECT_FALSE(FilterPattern::parse(std::string(2000, 'a')));
  EXPECT_FALSE(FilterPattern::parse("{" + std::string(500, '(') + "$.a = 1" + std::string(500, ')') + "}"));
}

}  // namespace
}  // namespace hearth::logs
