#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "services/sagemaker/recorded_body.h"
#include "services/sagemaker/sagemaker_fixture.h"

namespace hearth::sagemaker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string role_event = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const std::string hello_event = "data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n";
const std::string usage_event = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
const std::string done_event = "data: [DONE]\n\n";
constexpr std::string_view log_group = "/aws/sagemaker/Endpoints/chat";

class Invocations : public SageMakerFixture {
 protected:
  static void capture(types::CreateEndpointConfigInput& in) {
    auto& capture = in.data_capture_config.emplace();
    capture.enable_capture = true;
    capture.initial_sampling_percentage = 100;
    capture.destination_s3_uri = "s3://records/kept";
    capture.capture_options = {{"Input"}, {"Output"}};
  }
  std::vector<KeyValue> waiting_records() {
    return sync_wait(store_.scan(KeyRange::prefix(make_key("sagemaker", "invocation")), 100)).value();
  }
  boost::json::object last_log_line() {
    return boost::json::parse(sinks_.log_lines.at(std::string(log_group)).back()).as_object();
  }
  boost::json::object captured() {
    EXPECT_THAT(sinks_.objects, SizeIs(1));
    return boost::json::parse(sinks_.objects.begin()->second).as_object();
  }
};

TEST_F(Invocations, AnAnswerComesBackWithItsVariant) {
  bring_up();
  models_.answers(200, "application/json", R"({"ok":true})");
  const auto out = invoke(R"({"inputs":"hi"})");
  ASSERT_TRUE(out) << out.error().message();
  EXPECT_EQ(out->body.data, R"({"ok":true})");
  EXPECT_EQ(*out->content_type, "application/json");
  EXPECT_EQ(*out->invoked_production_variant, "AllTraffic");
  ASSERT_EQ(models_.calls.size(), 1u);
  EXPECT_EQ(models_.calls[0].url, "http://10.0.0.1:8080/invocations");
  EXPECT_EQ(models_.calls[0].body, R"({"inputs":"hi"})");
}

TEST_F(Invocations, EndpointsThatCannotAnswerSayWhy) {
  EXPECT_EQ(message_of(invoke("{}", "none")), "ValidationError: Endpoint none of account 111122223333 not found.");
  create_all();
  EXPECT_THAT(message_of(invoke("{}")), HasSubstr("is not in service: its status is Creating"));
  reconcile();
  machines_.all_become("running");
  reconcile();
  EXPECT_EQ(message_of(invoke("{}", "Chat")), "ValidationError: Endpoint Chat of account 111122223333 not found.");
  EXPECT_THAT(message_of(invoke("{}")), HasSubstr("ServiceUnavailable: The model server"));
  models_.silent_addresses.insert("10.0.0.1");
  reconcile();
  EXPECT_EQ(message_of(invoke("{}")), "ServiceUnavailable: Endpoint chat has no healthy machine right now.");
}

TEST_F(Invocations, AnErrorOfTheModelIsAModelErrorInAwsWords) {
  bring_up();
  models_.answers(400, "application/json", R"({"error":"bad prompt"})");
  const auto out = invoke("{}");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), "ModelError");
  EXPECT_EQ(out.error().http_status(), 424);
  EXPECT_THAT(out.error().message(),
              HasSubstr(R"(Received client error (400) from primary with message "{"error":"bad prompt"}")"));
  EXPECT_THAT(out.error().fields(), testing::Contains(testing::Pair("OriginalStatusCode", "400")));
  deliver();
  EXPECT_THAT(sinks_.metrics["Invocation4XXErrors"], ElementsAre(1));
  EXPECT_THAT(sinks_.metrics["Invocation5XXErrors"], ElementsAre(0));
}

TEST_F(Invocations, CallsGoRoundTheHealthyMachines) {
  bring_up(2);
  models_.answers(200, "text/plain", "ok");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(invoke("{}"));
  std::map<std::string, int> calls;
  for (const auto& call : models_.calls) ++calls[call.url];
  EXPECT_EQ(calls["http://10.0.0.1:8080/invocations"], 2);
  EXPECT_EQ(calls["http://10.0.0.2:8080/invocations"], 2);
}

TEST_F(Invocations, VariantsGetCallsByTheirWeightsOrByName) {
  const auto two_variants = [](types::CreateEndpointConfigInput& in) {
    in.production_variants[0].initial_variant_weight = 0;
    in.production_variants.push_back(in.production_variants[0]);
    in.production_variants[1].variant_name = "Other";
    in.production_variants[1].initial_variant_weight = 1;
  };
  bring_up(1, two_variants);
  models_.answers(200, "text/plain", "ok");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*invoke("{}")->invoked_production_variant, "Other");
  runtime_types::InvokeEndpointInput in;
  in.endpoint_name = "chat";
  in.target_variant = "AllTraffic";
  EXPECT_EQ(*sync_wait(sagemaker_->invoke_endpoint(ctx_, in))->invoked_production_variant, "AllTraffic");
  in.target_variant = "Nobody";
  EXPECT_THAT(message_of(sync_wait(sagemaker_->invoke_endpoint(ctx_, in))), HasSubstr("Variant Nobody"));
}

TEST_F(Invocations, ACallLeavesARecordInLogsAndS3AndNumbersInCloudWatch) {
  bring_up(1, capture);
  models_.answers(200, "application/json", R"({"usage":{"prompt_tokens":5,"completion_tokens":2}})");
  runtime_types::InvokeEndpointInput in;
  in.endpoint_name = "chat";
  in.content_type = "application/json";
  in.inference_id = "my-call";
  in.body.data = R"({"prompt":"hi"})";
  ASSERT_TRUE(sync_wait(sagemaker_->invoke_endpoint(ctx_, in)));
  EXPECT_THAT(waiting_records(), SizeIs(1)) << "durable before the answer ends";
  deliver();
  EXPECT_THAT(waiting_records(), IsEmpty());

  const std::string key = sinks_.objects.begin()->first;
  EXPECT_THAT(key, testing::MatchesRegex("records/kept/chat/AllTraffic/[0-9]+/[0-9]+/[0-9]+/[0-9]+/.*\\.jsonl"));
  const auto line = captured();
  EXPECT_EQ(line.at("captureData").at("endpointInput").at("data").as_string(), R"({"prompt":"hi"})");
  EXPECT_EQ(line.at("captureData").at("endpointInput").at("encoding").as_string(), "JSON");
  EXPECT_EQ(line.at("captureData").at("endpointOutput").at("mode").as_string(), "OUTPUT");
  EXPECT_EQ(line.at("eventMetadata").at("inferenceId").as_string(), "my-call");
  EXPECT_EQ(line.at("eventVersion").as_string(), "0");
  EXPECT_EQ(line.at("hearth").at("callerArn").as_string(), "arn:aws:iam::111122223333:user/ana");

  const auto logged = last_log_line();
  EXPECT_EQ(logged.at("input").as_string(), R"({"prompt":"hi"})");
  EXPECT_EQ(logged.at("status").as_int64(), 200);
  EXPECT_EQ(logged.at("inputTokens").as_int64(), 5);

  EXPECT_THAT(sinks_.metrics["Invocations"], ElementsAre(1));
  EXPECT_THAT(sinks_.metrics["ModelLatency"], SizeIs(1));
  EXPECT_THAT(sinks_.metrics["OverheadLatency"], SizeIs(1));
  EXPECT_THAT(sinks_.metrics["InputTokens"], ElementsAre(5));
  EXPECT_THAT(sinks_.metrics["OutputTokens"], ElementsAre(2));
  EXPECT_FALSE(sinks_.metrics.contains("TimeToFirstToken")) << "there is none in an answer that comes whole";
  EXPECT_THAT(sinks_.points[0].dimensions,
              ElementsAre(testing::Pair("EndpointName", "chat"), testing::Pair("VariantName", "AllTraffic")));
  EXPECT_EQ(sinks_.points[0].metric_namespace, "AWS/SageMaker");
}

TEST_F(Invocations, OnlyWhatDataCaptureAsksForGoesToS3) {
  bring_up(1, [](types::CreateEndpointConfigInput& in) {
    capture(in);
    in.data_capture_config->capture_options = {{"Input"}};
  });
  models_.answers(200, "text/csv", "1,2");
  ASSERT_TRUE(invoke("{}"));
  deliver();
  const auto line = captured();
  EXPECT_TRUE(line.at("captureData").as_object().contains("endpointInput"));
  EXPECT_FALSE(line.at("captureData").as_object().contains("endpointOutput"));
}

TEST_F(Invocations, BytesThatAreNoTextAreKeptInBase64) {
  bring_up(1, capture);
  const std::string picture("\x89PNG\0\xff", 6);
  models_.answers(200, "image/png", picture);
  EXPECT_EQ(invoke(std::string("\xfe\xff", 2))->body.data, picture);
  deliver();
  const auto line = captured();
  EXPECT_EQ(line.at("captureData").at("endpointOutput").at("encoding").as_string(), "BASE64");
  EXPECT_EQ(line.at("captureData").at("endpointOutput").at("data").as_string(), to_base64(picture));
}

TEST_F(Invocations, AStreamPassesPieceByPieceAndIsCounted) {
  bring_up();
  PiecesLog log;
  models_.streams({role_event, hello_event, usage_event, done_event}, log);
  auto out = invoke_stream(R"({"stream":true,"messages":[]})");
  ASSERT_TRUE(out);
  EXPECT_EQ(log.read_count, 0) << "nothing is read before the client reads";
  std::string piece(64 << 10, '\0');
  EXPECT_EQ(sync_wait(out->body->read(piece)).value(), role_event.size());
  EXPECT_EQ(log.read_count, 1) << "no more than the client takes";
  EXPECT_EQ(sync_wait(out->body->read(piece)).value(), hello_event.size());
  EXPECT_THAT(waiting_records(), IsEmpty());
  EXPECT_EQ(sync_wait(out->body->read(piece)).value(), done_event.size()) << "nobody asked for the usage event";
  EXPECT_THAT(waiting_records(), SizeIs(1)) << "a client that saw [DONE] can rely on the record";
  EXPECT_EQ(sync_wait(out->body->read(piece)).value(), 0u);
  out->body.reset();
  EXPECT_TRUE(log.destroyed);
  EXPECT_THAT(models_.calls[0].body, HasSubstr(R"("include_usage":true)"));
  deliver();
  EXPECT_THAT(sinks_.metrics["TimeToFirstToken"], SizeIs(1));
  EXPECT_THAT(sinks_.metrics["OutputTokens"], ElementsAre(3));
  EXPECT_FALSE(sinks_.metrics.contains("InvocationsCancelled"));
  EXPECT_EQ(last_log_line().at("output").as_string(), role_event + hello_event + done_event);
}

TEST_F(Invocations, AClientThatLeavesCancelsTheModelAndIsRecorded) {
  bring_up();
  PiecesLog log;
  models_.streams({hello_event, hello_event, hello_event}, log);
  auto out = invoke_stream(R"({"stream":true,"messages":[]})");
  std::string piece(1000, '\0');
  ASSERT_TRUE(sync_wait(out->body->read(piece)));
  out->body.reset();
  EXPECT_TRUE(log.destroyed) << "which closes the connection to the model server";
  EXPECT_EQ(log.read_count, 1);
  deliver();
  EXPECT_TRUE(last_log_line().at("cancelled").as_bool());
  EXPECT_EQ(last_log_line().at("output").as_string(), hello_event);
  EXPECT_THAT(sinks_.metrics["InvocationsCancelled"], ElementsAre(1));
}

TEST_F(Invocations, AModelThatBreaksOffIsAFailureNotACancellation) {
  bring_up();
  PiecesLog log;
  models_.streams({hello_event}, log, true);
  auto out = invoke_stream(R"({"stream":true,"messages":[]})");
  std::string piece(1000, '\0');
  ASSERT_TRUE(sync_wait(out->body->read(piece)));
  const auto broken = sync_wait(out->body->read(piece));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), "ModelStreamError");
  EXPECT_THAT(waiting_records(), SizeIs(1));
  out->body.reset();
  deliver();
  EXPECT_FALSE(last_log_line().at("cancelled").as_bool());
  EXPECT_THAT(sinks_.metrics["Invocation5XXErrors"], ElementsAre(1));
}

TEST_F(Invocations, TheLengthOfAnAnswerIsPassedOnAndItsRecordComesBeforeItsLastByte) {
  bring_up();
  models_.answers(200, "text/plain", "twelve bytes");
  auto out = invoke_stream("{}");
  EXPECT_EQ(out->body->remaining(), 12u);
  std::string piece(1000, '\0');
  EXPECT_EQ(sync_wait(out->body->read(piece)).value(), 12u);
  EXPECT_EQ(out->body->remaining(), 0u);
  EXPECT_THAT(waiting_records(), SizeIs(1)) << "a sender that counts does not ask for the end";
  models_.answers(200, "text/plain", "");
  out = invoke_stream("{}");
  EXPECT_EQ(out->body->remaining(), 0u);
  EXPECT_THAT(waiting_records(), SizeIs(2));
}

TEST_F(Invocations, LongBodiesAreCutInRecordsOnly) {
  bring_up(1, capture);
  std::string text;
  while (text.size() < recorded_body_bytes_max + 1000) text += "€";  // three bytes each, so the cut falls inside one
  models_.answers(200, "application/json", text);
  EXPECT_EQ(invoke("{}")->body.data, text);
  deliver();
  const auto line = captured();
  EXPECT_TRUE(line.at("hearth").at("truncated").as_bool());
  const auto& data = line.at("captureData").at("endpointOutput").at("data").as_string();
  EXPECT_GT(data.size(), recorded_body_bytes_max - 3);
  EXPECT_LE(data.size(), recorded_body_bytes_max);
}

TEST_F(Invocations, RecordsSurviveACrashAndSinksThatAreDown) {
  bring_up(1, capture);
  models_.answers(200, "application/json", "{}");
  sinks_.logs_failure = Error(ErrorKind::unavailable, "down");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(invoke("{}"));
  EXPECT_FALSE(sync_wait(sagemaker_->invocation_log().deliver()));
  ASSERT_THAT(sinks_.objects, SizeIs(1));
  restart();
  ASSERT_TRUE(invoke("{}"));
  sinks_.logs_failure.reset();
  deliver();
  EXPECT_THAT(waiting_records(), IsEmpty());
  EXPECT_THAT(sinks_.log_lines[std::string(log_group)], SizeIs(4));
  EXPECT_THAT(sinks_.objects, SizeIs(2)) << "the batch that was under way was written over itself";
  EXPECT_THAT(sinks_.metrics["Invocations"], SizeIs(4));
}

TEST_F(Invocations, ABucketThatIsGoneDoesNotHoldUpLogs) {
  bring_up(1, capture);
  models_.answers(200, "application/json", "{}");
  sinks_.s3_failure = Error(ErrorKind::not_found, "no such bucket");
  ASSERT_TRUE(invoke("{}"));
  deliver();
  EXPECT_THAT(sinks_.log_lines[std::string(log_group)], SizeIs(1));
  sinks_.s3_failure = Error(ErrorKind::no_space, "the disk is full");
  ASSERT_TRUE(invoke("{}"));
  EXPECT_FALSE(sync_wait(sagemaker_->invocation_log().deliver())) << "that passes, so it is waited for";
  EXPECT_THAT(waiting_records(), SizeIs(1));
}

TEST_F(Invocations, TwoCallsWithOneInferenceIdAreTwoRecords) {
  bring_up();
  models_.answers(200, "application/json", "{}");
  runtime_types::InvokeEndpointInput in;
  in.endpoint_name = "chat";
  in.inference_id = "same";
  for (int i = 0; i < 2; ++i) {
    auto call = in;
    ASSERT_TRUE(sync_wait(sagemaker_->invoke_endpoint(ctx_, call)));
  }
  EXPECT_THAT(waiting_records(), SizeIs(2));
}

TEST(RecordedBody, KnowsTextFromBytes) {
  EXPECT_TRUE(is_utf8("plain, ä, €, 😀"));
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8", "\xe2\x82", "a\xff"})
    EXPECT_FALSE(is_utf8(bad));
  EXPECT_EQ(whole_characters("a€", 3), "a");
  EXPECT_EQ(whole_characters("a€", 4), "a€");
  EXPECT_EQ(whole_characters("abc", 2), "ab");
}

}  // namespace
}  // namespace hearth::sagemaker
