#include "llm/common/credentials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "http/server.h"
#include "llm/common/failure.h"

namespace hearth::llm {
namespace {

std::atomic<bool> is_down = false;
std::atomic<int> refusal_count = 0;

// An instance metadata service whose keys are always about to expire.
Async<http::Response> metadata(http::Request& request) {
  http::Response response;
  if (is_down) {
    ++refusal_count;
    response.status = 503;
    co_return response;
  }
  if (request.path.ends_with("/token"))
    response.body = "token";
  else if (request.path.ends_with("/security-credentials/"))
    response.body = "trainer";
  else
    response.body = R"({"AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":")" +
                    format_iso8601_seconds(std::chrono::system_clock::now() + std::chrono::minutes(2)) + R"("})";
  co_return response;
}

TEST(Credentials, AreGoodUntilTheyExpireWhileTheServerIsAway) {
  http::Server server({.thread_count = 1}, metadata);
  ASSERT_TRUE(server.listen("127.0.0.1", 0));
  ::unsetenv("AWS_ACCESS_KEY_ID");
  ::setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", ("http://127.0.0.1:" + std::to_string(server.port())).c_str(), 1);
  http::Client client;

  is_down = true;
  Credentials none(client);
  EXPECT_THROW(none.current(), Failure);

  is_down = false;
  Credentials credentials(client);
  EXPECT_EQ(credentials.current().access_key_id, "ASIA1");
  is_down = true;
  refusal_count = 0;
  EXPECT_EQ(credentials.current().access_key_id, "ASIA1");  // asked in vain
  EXPECT_EQ(credentials.current().access_key_id, "ASIA1");  // and not asked again at once
  EXPECT_EQ(refusal_count, 1);
}

}  // namespace
}  // namespace hearth::llm
