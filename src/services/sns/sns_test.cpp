#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <boost/json.hpp>
#include <coroutine>
#include <thread>

#include "base/bytes.h"
#include "base/ids.h"
#include "engines/memory/metadata_store.h"
#include "services/sns/service.h"

namespace hearth::sns {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Answers with `status` and keeps what came.
class FakeHttp final : public HttpCaller {
 public:
  std::vector<OutgoingRequest> requests;
  int status = 200;
  bool is_down = false;
  std::vector<std::coroutine_handle<>> hanging;  // calls to hosts named "hangs…", until answer_the_hanging()

  void answer_the_hanging() {
    for (const auto call : std::exchange(hanging, {})) call.resume();
  }

  Async<IncomingResponse> call(OutgoingRequest request) override {
    requests.push_back(request);
    if (request.url.starts_with("http://hangs")) {
      co_await Hang{hanging};
      co_return Error(ErrorKind::unavailable, "no answer in time");
    }
    if (is_down) co_return Error(ErrorKind::unavailable, "connection refused");
    IncomingResponse response;
    response.status = status;
    co_return response;
  }

 private:
  struct Hang {
    std::vector<std::coroutine_handle<>>& hanging;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> call) { hanging.push_back(call); }
    void await_resume() const {}
  };
};

class AllowAll final : public Authorizer {
 public:
  Async<Decision> decide(const Principal&, const Access&, const ConditionContext&) override {
    co_return Decision{.allowed = true, .reason = {}};
  }
  void add_resource_policies(std::string, ResourcePolicySource source) override { policies = std::move(source); }
  Result<void> check_resource_policy(std::string_view document) const override {
    if (!document.starts_with("{")) return Error(ErrorKind::invalid, "not JSON");
    return ok;
  }
  ResourcePolicySource policies;
};

class SnsTest : public ::testing::Test {
 protected:
  SnsTest() {
    sns_ = std::make_unique<SnsService>(store_, clock_, ids_, http_, authorizer_, *SigningKey::create(clock_.now()),
                                        "http://127.0.0.1:4566");
    ctx_.account_id = "111122223333";
    ctx_.region = "us-east-1";
    ctx_.caller.kind = PrincipalKind::user;
  }

  template <class Out, class In>
  Result<Out> run(Async<Out> (SnsService::*operation)(const RequestContext&, const In&), const In& in) {
    return sync_wait((sns_.get()->*operation)(ctx_, in));
  }
  std::string create_topic(std::string name = "alarms") {
    api::sns::CreateTopicInput in;
    in.name = std::move(name);
    return *run(&SnsService::create_topic, in)->topic_arn;
  }
  Result<api::sns::SubscribeResponse> subscribe(const std::string& topic, std::string protocol, std::string endpoint,
                                                std::map<std::string, std::string> attributes = {}) {
    api::sns::SubscribeInput in;
    in.topic_arn = topic;
    in.protocol = std::move(protocol);
    in.endpoint = std::move(endpoint);
    in.return_subscription_arn = true;
    if (!attributes.empty()) {
      auto& map = in.attributes.emplace();
      for (const auto& [name, value] : attributes) map[name] = value;
    }
    return run(&SnsService::subscribe, in);
  }
  boost::json::object last_body() { return boost::json::parse(http_.requests.back().body).as_object(); }
  // Subscribes and confirms with the token that came.
  std::string subscribed(const std::string& topic, const std::string& endpoint,
                         std::map<std::string, std::string> attributes = {}) {
    const auto out = subscribe(topic, "http", endpoint, std::move(attributes));
    EXPECT_TRUE(out.has_value());
    sns_->deliver_due();
    api::sns::ConfirmSubscriptionInput confirm;
    confirm.topic_arn = topic;
    confirm.token = std::string(last_body().at("Token").as_string());
    EXPECT_TRUE(run(&SnsService::confirm_subscription, confirm).has_value());
    http_.requests.clear();
    return *out->subscription_arn;
  }
  Result<api::sns::PublishResponse> publish(const std::string& topic, std::string message, std::string team = "") {
    api::sns::PublishInput in;
    in.topic_arn = topic;
    in.message = std::move(message);
    in.subject = "Disk";
    if (!team.empty()) {
      api::sns::MessageAttributeValue value;
      value.data_type = "String";
      value.string_value = std::move(team);
      in.message_attributes.emplace()["team"] = std::move(value);
    }
    return run(&SnsService::publish, in);
  }

  MemoryMetadataStore store_;
  FakeClock clock_;
  SequenceIds ids_;
  FakeHttp http_;
  AllowAll authorizer_;
  RequestContext ctx_;
  std::unique_ptr<SnsService> sns_;
};

template <class T>
std::string code(const Result<T>& result) {
  return result ? "" : result.error().code();
}

TEST_F(SnsTest, CreatingATopicTwiceGivesTheSameOne) {
  EXPECT_EQ(create_topic(), "arn:aws:sns:us-east-1:111122223333:alarms");
  EXPECT_EQ(create_topic(), "arn:aws:sns:us-east-1:111122223333:alarms");
  api::sns::CreateTopicInput other;
  other.name = "alarms";
  other.attributes.emplace()["DisplayName"] = "x";
  EXPECT_EQ(code(run(&SnsService::create_topic, other)), "InvalidParameter");
  other.name = "bad name";
  EXPECT_EQ(code(run(&SnsService::create_topic, other)), "InvalidParameter");
  EXPECT_EQ(run(&SnsService::list_topics, api::sns::ListTopicsInput{})->topics->size(), 1u);
}

TEST_F(SnsTest, AnEndpointMustConfirmBeforeItGetsMessages) {
  const std::string topic = create_topic();
  ASSERT_TRUE(subscribe(topic, "http", "http://example.test/hook").has_value());
  sns_->deliver_due();
  ASSERT_EQ(http_.requests.size(), 1u);
  EXPECT_EQ(last_body().at("Type").as_string(), "SubscriptionConfirmation");
  EXPECT_THAT(std::string(last_body().at("SubscribeURL").as_string()),
              HasSubstr("http://127.0.0.1:4566/?Action=ConfirmSubscription"));
  const std::string token(last_body().at("Token").as_string());

  ASSERT_TRUE(publish(topic, "too early").has_value());
  sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 1u);

  api::sns::ConfirmSubscriptionInput wrong{.topic_arn = topic, .token = "nonsense"};
  EXPECT_EQ(code(run(&SnsService::confirm_subscription, wrong)), "InvalidParameter");
  api::sns::ConfirmSubscriptionInput right{.topic_arn = topic, .token = token};
  ctx_.caller.kind = PrincipalKind::anonymous;  // by visiting the URL
  ASSERT_TRUE(run(&SnsService::confirm_subscription, right).has_value());
  ASSERT_TRUE(publish(topic, "hello").has_value());
  sns_->deliver_due();
  ASSERT_EQ(http_.requests.size(), 2u);
  EXPECT_EQ(last_body().at("Message").as_string(), "hello");
}

TEST_F(SnsTest, NotificationsCarryASignatureThatTheCertificateProves) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  ASSERT_TRUE(publish(topic, "hello", "red").has_value());
  sns_->deliver_due();
  const boost::json::object body = last_body();
  EXPECT_EQ(body.at("Type").as_string(), "Notification");
  EXPECT_EQ(body.at("Subject").as_string(), "Disk");
  EXPECT_EQ(body.at("SignatureVersion").as_string(), "1");
  EXPECT_EQ(body.at("MessageAttributes").at("team").at("Value").as_string(), "red");
  EXPECT_EQ(body.at("SigningCertURL").as_string(), "http://127.0.0.1:4566/_hearth/sns/certificate.pem");

  const auto text = [&](const char* name) { return std::string(body.at(name).as_string()); };
  const std::string signed_text = "Message\n" + text("Message") + "\nMessageId\n" + text("MessageId") + "\nSubject\n" +
                                  text("Subject") + "\nTimestamp\n" + text("Timestamp") + "\nTopicArn\n" +
                                  text("TopicArn") + "\nType\nNotification\n";
  const std::string& pem = sns_->certificate_pem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  ASSERT_NE(certificate, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha1(), nullptr, X509_get0_pubkey(certificate));
  const std::string signature = *from_base64(text("Signature"));
  EXPECT_EQ(EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                             reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size()),
            1);
  EVP_MD_CTX_free(context);
  X509_free(certificate);
  BIO_free(bio);
}

TEST_F(SnsTest, AMessageWaitsForAnEndpointThatIsDown) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  http_.is_down = true;
  ASSERT_TRUE(publish(topic, "hello").has_value());
  for (int i = 0; i < 5; ++i) sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 3u);  // three at once, then it waits
  clock_.advance(std::chrono::seconds(1));
  sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 4u);
  http_.is_down = false;
  clock_.advance(std::chrono::seconds(60));
  sns_->deliver_due();
  sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 5u);
}

TEST_F(SnsTest, AMessageGivenUpOrRefusedIsNotTriedForEver) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  http_.status = 500;
  ASSERT_TRUE(publish(topic, "hello").has_value());
  for (int i = 0; i < 200; ++i) {
    sns_->deliver_due();
    clock_.advance(std::chrono::seconds(20));
  }
  EXPECT_EQ(http_.requests.size(), 50u);
  http_.requests.clear();
  http_.status = 404;
  ASSERT_TRUE(publish(topic, "hello").has_value());
  for (int i = 0; i < 5; ++i) sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 1u);
}

TEST_F(SnsTest, AnAcceptedMessageSurvivesARestart) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  ASSERT_TRUE(publish(topic, "hello").has_value());
  SnsService again(store_, clock_, ids_, http_, authorizer_, *SigningKey::create(clock_.now()),
                   "http://127.0.0.1:4566");
  again.deliver_due();
  EXPECT_EQ(http_.requests.size(), 1u);
}

TEST_F(SnsTest, AnEndpointThatHangsKeepsNobodyElseWaiting) {
  const std::string topic = create_topic();
  const std::string hanging = subscribed(topic, "http://example.test/hangs");
  // Confirmed while it still answered.
  subscribed(topic, "http://example.test/good");
  api::sns::UnsubscribeInput moved{.subscription_arn = hanging};
  ASSERT_TRUE(run(&SnsService::unsubscribe, moved).has_value());
  ASSERT_TRUE(subscribe(topic, "http", "http://hangs.test/").has_value());
  const auto rows = sync_wait(store_.scan(KeyRange::prefix(deliveries_prefix()), 10));
  const auto ask = boost::json::parse(decode_row<DeliveryRow>(rows->front().value)->body);
  api::sns::ConfirmSubscriptionInput confirm;
  confirm.topic_arn = topic;
  confirm.token = std::string(ask.at("Token").as_string());
  ASSERT_TRUE(run(&SnsService::confirm_subscription, confirm).has_value());

  http_.requests.clear();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(publish(topic, std::to_string(i)).has_value());
  for (int i = 0; i < 300; ++i) sns_->deliver_due();
  const auto count_to = [&](std::string_view url) {
    return std::ranges::count_if(http_.requests, [&](const auto& request) { return request.url == url; });
  };
  EXPECT_EQ(count_to("http://example.test/good"), 300);
  EXPECT_EQ(count_to("http://hangs.test/"), 1);
  http_.answer_the_hanging();
}

TEST_F(SnsTest, StoppingDoesNotCountAgainstAMessage) {
  const std::string topic = create_topic();
  ASSERT_TRUE(subscribe(topic, "http", "http://hangs.test/").has_value());
  sns_->deliver_due();
  ASSERT_EQ(http_.requests.size(), 1u);
  std::thread stopping([&] { sns_->stop(); });
  while (!http_.requests[0].cancellation->is_cancelled()) std::this_thread::yield();
  http_.answer_the_hanging();
  stopping.join();
  const auto rows = sync_wait(store_.scan(KeyRange::prefix(deliveries_prefix()), 10));
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(decode_row<DeliveryRow>(rows->front().value)->attempt_count, 0);
}

TEST_F(SnsTest, AConfirmationIsSignedAsItsTopicSigns) {
  const std::string topic = create_topic();
  api::sns::SetTopicAttributesInput version;
  version.topic_arn = topic;
  version.attribute_name = "SignatureVersion";
  version.attribute_value = "2";
  ASSERT_TRUE(run(&SnsService::set_topic_attributes, version).has_value());
  ASSERT_TRUE(subscribe(topic, "http", "http://example.test/hook").has_value());
  sns_->deliver_due();
  EXPECT_EQ(last_body().at("SignatureVersion").as_string(), "2");
}

TEST_F(SnsTest, ATokenIsGoodForTwoDays) {
  const std::string topic = create_topic();
  ASSERT_TRUE(subscribe(topic, "http", "http://example.test/hook").has_value());
  sns_->deliver_due();
  api::sns::ConfirmSubscriptionInput confirm;
  confirm.topic_arn = topic;
  confirm.token = std::string(last_body().at("Token").as_string());
  clock_.advance(std::chrono::hours(49));
  EXPECT_EQ(code(run(&SnsService::confirm_subscription, confirm)), "InvalidParameter");
  ASSERT_TRUE(subscribe(topic, "http", "http://example.test/hook").has_value());  // asked once more
  sns_->deliver_due();
  confirm.token = std::string(last_body().at("Token").as_string());
  EXPECT_TRUE(run(&SnsService::confirm_subscription, confirm).has_value());
}

TEST(DeliveryQueues, ShareOutPlacesByWhoAnswers) {
  DeliveryQueues queues({.under_way_max = 4, .unproven_max = 2, .under_way_max_of_one = 4, .waiting_max_of_one = 3});
  for (const char* name : {"a", "b", "c"}) queues.add(name, 0, 2);
  EXPECT_EQ(queues.turns(0).size(), 3u);
  EXPECT_TRUE(queues.begin("a", "a1"));
  EXPECT_FALSE(queues.begin("a", "a2"));  // nothing has succeeded yet
  EXPECT_TRUE(queues.begin("b", "b1"));
  EXPECT_FALSE(queues.begin("c", "c1"));  // the places for those who have not answered yet are taken
  queues.end("a", "a1", true, true);
  EXPECT_TRUE(queues.begin("a", "a2"));
  EXPECT_TRUE(queues.begin("c", "c1"));
  EXPECT_FALSE(queues.begin("c", "c1"));  // under way already
  queues.end("a", "a2", false, false);
  queues.end("b", "b1", false, false);
  EXPECT_EQ(queues.under_way_count(), 1u);
}

TEST(DeliveryQueues, NobodyComesFirstTwiceInARow) {
  DeliveryQueues queues;
  for (const char* name : {"a", "b", "c"}) queues.add(name, 0);
  EXPECT_EQ(queues.turns(0).front().subscription_arn, "a");
  EXPECT_TRUE(queues.begin("a", "a1"));
  queues.end("a", "a1", false, true);
  EXPECT_EQ(queues.turns(0).front().subscription_arn, "b");
}

TEST(DeliveryQueues, LookingNeverForgetsWhatWasAddedMeanwhile) {
  DeliveryQueues queues;
  queues.add("a", 0);
  const auto turn = queues.turns(0).front();
  queues.add("a", 0);
  queues.set_empty(turn);
  EXPECT_EQ(queues.turns(0).size(), 1u);
  queues.set_next_due(queues.turns(0).front(), 500);
  EXPECT_TRUE(queues.turns(499).empty());
  EXPECT_EQ(queues.turns(500).size(), 1u);
  queues.set_empty(queues.turns(500).front());
  EXPECT_TRUE(queues.turns(INT64_MAX).empty());
}

TEST(DeliveryQueues, AreFullAtSomePoint) {
  DeliveryQueues queues({.waiting_max_of_one = 2});
  queues.add("a", 0, 2);
  EXPECT_TRUE(queues.is_full("a"));
  EXPECT_FALSE(queues.is_full("b"));
  ASSERT_TRUE(queues.begin("a", "a1"));
  queues.end("a", "a1", true, true);
  EXPECT_FALSE(queues.is_full("a"));
}

TEST_F(SnsTest, RawDeliveryIsTheMessageAlone) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook", {{"RawMessageDelivery", "true"}});
  ASSERT_TRUE(publish(topic, "just this").has_value());
  sns_->deliver_due();
  EXPECT_EQ(http_.requests.back().body, "just this");
}

TEST_F(SnsTest, FiltersChooseByAttributes) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/red", {{"FilterPolicy", R"({"team":["red"]})"}});
  ASSERT_TRUE(publish(topic, "for red", "red").has_value());
  ASSERT_TRUE(publish(topic, "for blue", "blue").has_value());
  ASSERT_TRUE(publish(topic, "for nobody").has_value());
  sns_->deliver_due();
  EXPECT_EQ(http_.requests.size(), 1u);
}

TEST_F(SnsTest, WhatIsNotServedIsRefused) {
  const std::string topic = create_topic();
  EXPECT_EQ(code(subscribe(topic, "email", "ana@example.test")), "InvalidParameter");
  EXPECT_EQ(code(subscribe(topic, "http", "https://example.test")), "InvalidParameter");
  EXPECT_EQ(code(subscribe(topic, "http", "http://example.test", {{"RedrivePolicy", "{}"}})), "InvalidParameter");
  for (const char* inside : {"http://169.254.169.254/", "http://2852039166/", "http://[fe80::1]/",
                             "http://[::ffff:169.254.169.254]/", "http://127.0.0.1:4566/_hearth/reset"})
    EXPECT_EQ(code(subscribe(topic, "http", inside)), "InvalidParameter") << inside;
  EXPECT_EQ(code(subscribe(topic, "http", "http://example.test", {{"FilterPolicy", R"({"a":[{"cidr":"x"}]})"}})),
            "InvalidParameter");
  EXPECT_EQ(code(publish(topic, "")), "InvalidParameter");
  EXPECT_EQ(code(publish(topic, std::string(300'000, 'x'))), "InvalidParameter");
  EXPECT_EQ(code(publish(topic + "2", "x")), "NotFound");
}

// A name can lead anywhere, and be made to lead elsewhere once the subscription is there.
TEST_F(SnsTest, WhereANameLeadsIsJudgedWhenItIsCalled) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");  // its confirmation is the first request
  ASSERT_TRUE(publish(topic, "hello").has_value());
  sns_->deliver_due();
  ASSERT_FALSE(http_.requests.empty());
  for (const OutgoingRequest& request : http_.requests) {
    ASSERT_TRUE(request.may_reach);
    for (const char* address : {"169.254.169.254", "fe80::1", "::ffff:169.254.169.254"})
      EXPECT_FALSE(request.may_reach(address, 80)) << address;
    for (const char* address : {"127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"}) {
      EXPECT_FALSE(request.may_reach(address, 4566)) << address;
      EXPECT_TRUE(request.may_reach(address, 8080)) << address;
    }
    EXPECT_TRUE(request.may_reach("192.0.2.1", 4566));
  }
}

TEST_F(SnsTest, NobodyIsBotheredAfterUnsubscribing) {
  const std::string topic = create_topic();
  const std::string subscription = subscribed(topic, "http://example.test/hook");
  ASSERT_TRUE(publish(topic, "hello").has_value());
  api::sns::UnsubscribeInput in{.subscription_arn = subscription};
  ASSERT_TRUE(run(&SnsService::unsubscribe, in).has_value());
  sns_->deliver_due();
  EXPECT_TRUE(http_.requests.empty());
  EXPECT_TRUE(run(&SnsService::unsubscribe, in).has_value());
}

TEST_F(SnsTest, ServicesNotifyWithoutKnowingSubscribers) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  ASSERT_TRUE(sync_wait(sns_->notify(topic, "ALARM: gpu\nidle", "{}")).has_value());
  sns_->deliver_due();
  EXPECT_EQ(last_body().at("Subject").as_string(), "ALARM: gpu idle");
  EXPECT_EQ(sync_wait(sns_->notify(topic + "2", "s", "m")).error().kind(), ErrorKind::not_found);
}

TEST_F(SnsTest, BatchesAnswerEntryByEntry) {
  const std::string topic = create_topic();
  api::sns::PublishBatchInput in;
  in.topic_arn = topic;
  in.publish_batch_request_entries.resize(2);
  in.publish_batch_request_entries[0].id = "a";
  in.publish_batch_request_entries[0].message = "one";
  in.publish_batch_request_entries[1].id = "b";
  const auto out = run(&SnsService::publish_batch, in);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->successful->size(), 1u);
  EXPECT_EQ(out->failed->at(0).code, "InvalidParameter");
  in.publish_batch_request_entries[1].id = "a";
  EXPECT_EQ(code(run(&SnsService::publish_batch, in)), "BatchEntryIdsNotDistinct");
}

TEST_F(SnsTest, ATopicPolicyIsKnownToTheAuthorizer) {
  const std::string topic = create_topic();
  api::sns::SetTopicAttributesInput in;
  in.topic_arn = topic;
  in.attribute_name = "Policy";
  in.attribute_value = "nonsense";
  EXPECT_EQ(code(run(&SnsService::set_topic_attributes, in)), "InvalidParameter");
  in.attribute_value = "{}";
  ASSERT_TRUE(run(&SnsService::set_topic_attributes, in).has_value());
  const auto policy = sync_wait(authorizer_.policies(topic));
  EXPECT_EQ(policy->document, "{}");
  EXPECT_EQ(policy->owner_account_id, "111122223333");
}

TEST_F(SnsTest, TheLoopDeliversByItself) {
  const std::string topic = create_topic();
  subscribed(topic, "http://example.test/hook");
  sns_->start();
  ASSERT_TRUE(publish(topic, "hello").has_value());
  for (int i = 0; i < 500 && sync_wait(store_.scan(KeyRange::prefix(make_key("sns-delivery")), 1))->size() > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // waits for a condition
  sns_->stop();
  EXPECT_EQ(http_.requests.size(), 1u);
}

TEST(FilterPolicy, KnowsItsOperators) {
  struct Case {
    std::string_view policy, body;
    bool accepted;
  };
  const Case cases[] = {
      {R"({"a":["x","y"]})", R"({"a":"y"})", true},
      {R"({"a":["x"]})", R"({"a":"z"})", false},
      {R"({"a":["x"]})", R"({})", false},
      {R"({"a":[1]})", R"({"a":1.0})", true},
      {R"({"a":[{"prefix":"pre"}]})", R"({"a":"prefix"})", true},
      {R"({"a":[{"suffix":"fix"}]})", R"({"a":"prefix"})", true},
      {R"({"a":[{"anything-but":["x"]}]})", R"({"a":"y"})", true},
      {R"({"a":[{"anything-but":["x"]}]})", R"({"a":"x"})", false},
      {R"({"a":[{"anything-but":{"prefix":"x"}}]})", R"({"a":"xy"})", false},
      {R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":5})", true},
      {R"({"a":[{"numeric":[">",0,"<=",5]}]})", R"({"a":0})", false},
      {R"({"a":[{"exists":false}]})", R"({"b":1})", true},
      {R"({"a":[{"exists":true}]})", R"({"a":1})", true},
      {R"({"a":[{"equals-ignore-case":"PaRis"}]})", R"({"a":"paris"})", true},
      {R"({"a":{"b":["x"]}})", R"({"a":{"b":"x"}})", true},
      {R"({"a":{"b":["x"]}})", R"({"a":"x"})", false},
      {R"({"a":["x"],"b":["y"]})", R"({"a":"x"})", false},
      {R"({"a":["x"]})", R"({"a":["w","x"]})", true},
      {R"({"a":["x"]})", "not json", false},
      {R"({"a":[{"wildcard":"gpu-*-hot"}]})", R"({"a":"gpu-7-hot"})", true},
      {R"({"a":[{"wildcard":"*a*b"}]})", R"({"a":"xaabab"})", true},
      {R"({"a":[{"wildcard":"ab*ba"}]})", R"({"a":"aba"})", false},
      {R"({"a":[{"wildcard":"x"}]})", R"({"a":"xy"})", false},
      {R"({"a":[{"anything-but":{"wildcard":"*.tmp"}}]})", R"({"a":"x.tmp"})", false},
      {R"({"a":[{"anything-but":{"suffix":[".a",".b"]}}]})", R"({"a":"x.b"})", false},
      {R"({"a":[{"anything-but":["x"]}]})", R"({"a":["x","y"]})", true},
      {R"({"ip":[{"cidr":"10.0.0.0/9"}]})", R"({"ip":"10.127.3.4"})", true},
      {R"({"ip":[{"cidr":"10.0.0.0/9"}]})", R"({"ip":"10.128.3.4"})", false},
      {R"({"ip":[{"cidr":"2001:db8::/32"}]})", R"({"ip":"2001:db8::1"})", true},
      {R"({"ip":[{"cidr":"10.0.0.0/8"}]})", R"({"ip":"no address"})", false},
      {R"({"s":["x"],"$or":[{"m":["CPU"]},{"n":[{"numeric":[">",5]}]}]})", R"({"s":"x","n":6})", true},
      {R"({"s":["x"],"$or":[{"m":["CPU"]},{"n":[{"numeric":[">",5]}]}]})", R"({"s":"x","n":5})", false},
      {R"({"s":["x"],"$or":[{"m":["CPU"]},{"n":[{"numeric":[">",5]}]}]})", R"({"m":"CPU"})", false},
      {R"({"a":{"b":["x"]}})", R"({"a":[{"b":"w"},{"b":"x"}]})", true},
      {R"({"a":{"b":["x"],"c":["y"]}})", R"({"a":[{"b":"x"},{"c":"y"}]})", false},
      {R"({"a":[{"exists":true}]})", R"({"a":[]})", true},
  };
  for (const Case& c : cases) {
    const auto policy = FilterPolicy::parse(c.policy, FilterPolicy::Scope::body);
    ASSERT_TRUE(policy.has_value()) << c.policy;
    EXPECT_EQ(policy->accepts({}, c.body), c.accepted) << c.policy << " on " << c.body;
  }
  for (const std::string_view bad :
       {"", "[]", R"({"a":"x"})", R"({"a":[]})", R"({"a":[{"near":"x"}]})", R"({"a":[{"wildcard":"x**"}]})",
        R"({"a":[{"cidr":"10.0.0.0/33"}]})", R"({"$or":[{"a":["x"]}]})", R"({"a":[{"numeric":["~",1]}]})",
        R"({"a":[{"exists":1}]})"})
    EXPECT_FALSE(FilterPolicy::parse(bad, FilterPolicy::Scope::body).has_value()) << bad;
}

}  // namespace
}  // namespace hearth::sns
