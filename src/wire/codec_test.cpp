// What the differential tests in tests/conformance/codec cannot show: input that no client would send.
#include "wire/codec.h"

#include <gtest/gtest.h>

#include "api/cloudwatch/service.h"
#include "api/cloudwatch/types.h"
#include "api/ec2/service.h"
#include "api/ec2/types.h"
#include "api/logs/service.h"
#include "api/logs/types.h"
#include "api/s3/service.h"
#include "api/s3/types.h"
#include "api/sagemaker_runtime/service.h"
#include "api/sagemaker_runtime/types.h"
#include "api/sts/service.h"
#include "api/sts/types.h"
#include "wire/event_stream.h"
#include "wire/scalars.h"

namespace hearth::wire {
namespace {

// The error code that decoding `request` ends with, or "".
template <class Op>
std::string decode(const ServiceSchema& schema, Protocol protocol, http::Request request, const Labels& labels = {}) {
  typename Op::Input in;
  const auto result = decode_request(schema, schema.operations[Op::index], protocol, request, labels, &in);
  return result ? "" : result.error().code();
}
template <class Op>
std::string decode_body(const ServiceSchema& schema, Protocol protocol, std::string body, const Labels& labels = {}) {
  return decode<Op>(schema, protocol, http::Request{.method = "POST", .path = "/", .body = std::move(body)}, labels);
}
std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

TEST(JsonCodec, AnswersMalformedBodiesWithSerializationException) {
  using Op = api::logs::op::PutLogEvents;
  for (const std::string body :
       {"{", "[]", "nul", "{\"logGroupName\":1}", "{\"logGroupName\":\"a\",}", "{\"logGroupName\":\"\xff\"}",
        "{\"logEvents\":{}}", "{\"logEvents\":[{\"timestamp\":\"x\"}]}", "{} x", "{\"logGroupName\":\"\\ud800\"}"})
    EXPECT_EQ(decode_body<Op>(api::logs::schema, Protocol::json, body), "SerializationException") << body;
}

TEST(JsonCodec, SurvivesDepthBombs) {
  using Op = api::logs::op::PutLogEvents;
  for (const std::string opening : {"[", "{\"a\":"})
    EXPECT_EQ(decode_body<Op>(api::logs::schema, Protocol::json, "{\"unknown\":" + repeated(opening, 100'000)),
              "SerializationException");
}

TEST(JsonCodec, NamesTheRequiredMemberThatIsMissing) {
  api::logs::op::CreateLogGroup::Input in;
  const http::Request request{.method = "POST", .path = "/", .body = "{}"};
  const auto& operation = api::logs::schema.operations[api::logs::op::CreateLogGroup::index];
  const auto result = decode_request(api::logs::schema, operation, Protocol::json, request, {}, &in);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().http_status(), 400);
  EXPECT_NE(result.error().message().find("logGroupName"), std::string::npos) << result.error().message();
}

TEST(JsonCodec, TakesNoInfinitiesAsBareWords) {
  using Op = api::cloudwatch::op::PutMetricData;
  const std::string datum = R"({"Namespace":"n","MetricData":[{"MetricName":"m","Value":)";
  EXPECT_EQ(decode_body<Op>(api::cloudwatch::schema, Protocol::json, datum + "-1e3}]}"), "");
  EXPECT_EQ(decode_body<Op>(api::cloudwatch::schema, Protocol::json, datum + "-inf}]}"), "SerializationException");
  EXPECT_EQ(decode_body<Op>(api::cloudwatch::schema, Protocol::json, datum + "-nan}]}"), "SerializationException");
}

// Clients say the year 9999, and some send milliseconds where seconds are asked for.
TEST(Timestamps, FarAwayAreTheFarthestThereIs) {
  using Op = api::cloudwatch::op::GetMetricData;
  const auto end_time = [](Protocol protocol, std::string body) {
    Op::Input in;
    const http::Request request{.method = "POST", .path = "/", .body = std::move(body)};
    const ServiceSchema& schema = api::cloudwatch::schema;
    EXPECT_TRUE(decode_request(schema, schema.operations[Op::index], protocol, request, {}, &in));
    return in.end_time.time();
  };
  const std::string json = R"({"MetricDataQueries":[],"StartTime":0,"EndTime":)";
  EXPECT_GT(end_time(Protocol::json, json + "253402300799}"), from_ms(9'000'000'000'000));
  EXPECT_LT(end_time(Protocol::json, json + "-1e300}"), from_ms(-9'000'000'000'000));
  const std::string cbor(
      "\xa3\x71MetricDataQueries\x80\x69StartTime\xc1\x01\x67"
      "EndTime\xc1");
  EXPECT_GT(end_time(Protocol::rpc_cbor, cbor + "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), from_ms(9'000'000'000'000));
}

// What is stored is read back, and our canonical JSON is UTF-8.
TEST(Maps, HaveKeysOfText) {
  using Op = api::logs::op::CreateLogGroup;
  const auto with_key = [](const std::string& key) { return R"({"logGroupName":"g","tags":{")" + key + R"(":"x"}})"; };
  EXPECT_EQ(decode_body<Op>(api::logs::schema, Protocol::json, with_key("\xc3\xbc")), "");
  EXPECT_EQ(decode_body<Op>(api::logs::schema, Protocol::json, with_key("\xff")), "SerializationException");
}

TEST(CborCodec, AnswersMalformedBodiesWithSerializationException) {
  using Op = api::cloudwatch::op::PutMetricData;
  for (const std::string& body :
       {std::string("\xa1"), std::string("\x80"), std::string("\xff"), std::string("\xa1\x61"), std::string("\x01"),
        std::string("\xbb\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\xa1\x69Namespace\x01"),
        std::string("\xa1\x69Namespace\x7b\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\xa1\x69Namespace\x61\xff")})
    EXPECT_EQ(decode_body<Op>(api::cloudwatch::schema, Protocol::rpc_cbor, body), "SerializationException")
        << to_hex(body);
}

TEST(CborCodec, SurvivesDepthBombs) {
  using Op = api::cloudwatch::op::PutMetricData;
  for (const std::string opening : {"\x81", "\xa1\x61x", "\xc1", "\x9f"})
    EXPECT_EQ(decode_body<Op>(api::cloudwatch::schema, Protocol::rpc_cbor, "\xa1\x61x" + repeated(opening, 100'000)),
              "SerializationException");
}

TEST(QueryCodec, AnswersMalformedValuesWithMalformedInput) {
  using Op = api::sts::op::AssumeRole;
  const std::string good = "RoleArn=arn&RoleSessionName=s";
  EXPECT_EQ(decode_body<Op>(api::sts::schema, Protocol::query, good), "");
  EXPECT_EQ(decode_body<Op>(api::sts::schema, Protocol::query, good + "&DurationSeconds=soon"), "MalformedInput");
  EXPECT_EQ(decode_body<Op>(api::sts::schema, Protocol::query, good + "&DurationSeconds=99999999999"),
            "MalformedInput");
  EXPECT_EQ(decode_body<Op>(api::sts::schema, Protocol::query, good + "&Policy=%ff"), "MalformedInput");
}

TEST(QueryCodec, SurvivesDepthBombsAndHugeIndexes) {
  using Op = api::sts::op::AssumeRole;
  const std::string good = "RoleArn=arn&RoleSessionName=s";
  decode_body<Op>(api::sts::schema, Protocol::query, good + "&" + repeated("Tags.member.1.", 50'000) + "Key=x");
  decode_body<Op>(api::sts::schema, Protocol::query, good + "&TransitiveTagKeys.member.4294967295=x");
  decode_body<Op>(api::ec2::schema, Protocol::ec2_query, repeated("Filter.1.", 50'000) + "Name=x");
}

// Took minutes when every new name was compared with all before it, and what was too much was left out in silence.
TEST(QueryCodec, ReadsManyNamesInLittleTimeAndRefusesTooMany) {
  using Op = api::sts::op::AssumeRole;
  const auto form_of = [](int count) {
    std::string form = "RoleArn=arn&RoleSessionName=s";
    for (int i = 0; i < count; ++i) form += "&TransitiveTagKeys.member." + std::to_string(count - i) + "=x";
    return form;
  };
  Op::Input in;
  const http::Request request{.method = "POST", .path = "/", .body = form_of(50'000)};
  ASSERT_TRUE(
      decode_request(api::sts::schema, api::sts::schema.operations[Op::index], Protocol::query, request, {}, &in));
  EXPECT_EQ(in.transitive_tag_keys->size(), 50'000u);
  EXPECT_EQ(decode_body<Op>(api::sts::schema, Protocol::query, form_of(250'000)), "MalformedInput");
}

TEST(QueryCodec, MissingMembersAreNamedInTheServicesOwnForm) {
  EXPECT_EQ(decode_body<api::sts::op::AssumeRole>(api::sts::schema, Protocol::query, "RoleArn=a"), "ValidationError");
  EXPECT_EQ(decode_body<api::ec2::op::RunInstances>(api::ec2::schema, Protocol::ec2_query, "MinCount=1"),
            "MissingParameter");
}

TEST(XmlCodec, AnswersMalformedBodiesWithMalformedXml) {
  using Op = api::s3::op::DeleteObjects;
  for (const std::string& body : std::vector<std::string>{
           "<Delete>", "x", "<Delete><Object></Object></Delete>", "<Delete><Object><Key>a</Object></Delete>",
           "<Delete/>", "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
           // A NUL must not make another key of this one.
           "<Delete><Object><Key>a&#0;b</Key></Object></Delete>",
           "<Delete><Object><Key>a&#x00;b</Key></Object></Delete>",
           "<Delete><Object><Key>a&#4294967296;b</Key></Object></Delete>",
           // Nor may a key come in that no answer could name.
           "<Delete><Object><Key>a&#1;b</Key></Object></Delete>",
           "<Delete><Object><Key>a\x01.b</Key></Object></Delete>",
           "<Delete><Object><Key>a&#xfffe;b</Key></Object></Delete>",
           "<Delete><Object><Key>a\xef\xbf\xbf.b</Key></Object></Delete>",
           "<Delete><Object><Key>a&#xD800;b</Key></Object></Delete>",
           "<Delete><Object><Key>a&#x110000;b</Key></Object></Delete>",
           std::string("<Delete><Object><Key>a\0b</Key></Object></Delete>", 48)})
    EXPECT_EQ(decode_body<Op>(api::s3::schema, Protocol::rest_xml, body, {{"Bucket", "photos"}}), "MalformedXML")
        << body;
}

TEST(XmlCodec, ReadsTextThatIsCutIntoPieces) {
  using Op = api::s3::op::DeleteObjects;
  for (const std::string key : {"a<![CDATA[&]]>b", "a<!-- note -->&amp;b", "a&#38;b", "<![CDATA[a&b]]>"}) {
    Op::Input in;
    const http::Request request{.method = "POST",
                                .path = "/photos",
                                .query = "delete",
                                .body = "<Delete><Object><Key>" + key + "</Key></Object></Delete>"};
    ASSERT_TRUE(decode_request(api::s3::schema, api::s3::schema.operations[Op::index], Protocol::rest_xml, request,
                               {{"Bucket", "photos"}}, &in));
    EXPECT_EQ(in.delete_.objects.at(0).key, "a&b") << key;
  }
}

TEST(XmlCodec, WritesNothingThatXmlForbids) {
  struct Case {
    std::string_view text, xml;
  };
  for (const auto& [text, xml] : std::initializer_list<Case>{
           {"a<b>&\"c\"", "a&lt;b&gt;&amp;&quot;c&quot;"},
           {"a\tb\nc\rd\x7f", "a\tb\nc&#13;d\x7f"},
           {"a\x01.\x1f", "a\ufffd.\ufffd"},
           {{"\0x", 2}, "\ufffdx"},
           {"\xef\xbf\xbe.\xef\xbf\xbf", "\ufffd.\ufffd"},
           {"\xef\xbf\xbd.\xed\x9f\xbf.\xee\x80\x80.\xf0\x9f\x90\x88",
            "\ufffd.\xed\x9f\xbf.\xee\x80\x80.\xf0\x9f\x90\x88"},
       }) {
    std::string out;
    append_xml_text(out, text);
    EXPECT_EQ(out, xml);
  }
}

TEST(XmlCodec, SurvivesDepthBombsAndExpandsNoEntities) {
  using Op = api::s3::op::DeleteObjects;
  decode_body<Op>(api::s3::schema, Protocol::rest_xml, repeated("<Delete>", 20'000), {{"Bucket", "photos"}});
  decode_body<Op>(api::s3::schema, Protocol::rest_xml, repeated("<a>", 20'000) + repeated("</a>", 20'000),
                  {{"Bucket", "photos"}});
  const std::string body =
      "<!DOCTYPE d [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&e;</Key></Object></Delete>";
  api::s3::op::DeleteObjects::Input in;
  const http::Request request{.method = "POST", .path = "/photos", .query = "delete", .body = body};
  const auto result = decode_request(api::s3::schema, api::s3::schema.operations[Op::index], Protocol::rest_xml,
                                     request, {{"Bucket", "photos"}}, &in);
  if (result) EXPECT_EQ(in.delete_.objects.at(0).key, "&e;");
}

TEST(RestJsonCodec, AnEmptyBodyIsAnEmptyBlob) {
  using Invoke = api::sagemaker_runtime::op::InvokeEndpoint;
  EXPECT_EQ(decode_body<Invoke>(api::sagemaker_runtime::schema, Protocol::rest_json, "", {{"EndpointName", "e"}}), "");
}

TEST(RestJsonCodec, AByteStreamAnswersAsAnEventStream) {
  using Op = api::sagemaker_runtime::op::InvokeEndpointWithResponseStream;
  Op::Output out;
  out.body = std::make_shared<StringSource>("data: hello\n\n");
  out.content_type = "text/event-stream";
  http::Response response;
  const ServiceSchema& schema = api::sagemaker_runtime::schema;
  encode_response(schema, schema.operations[Op::index], Protocol::rest_json, &out, "id", response);
  EXPECT_EQ(response.headers.get("content-type"), "application/vnd.amazon.eventstream");
  EXPECT_EQ(response.headers.get("x-amzn-sagemaker-content-type"), "text/event-stream");
  ASSERT_TRUE(response.stream);
  std::string bytes = sync_wait(read_all(*response.stream, 1 << 20)).value();
  const auto frame = take_event_frame(bytes).value();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->header(":event-type"), "PayloadPart");
  EXPECT_EQ(frame->payload, "data: hello\n\n");
}

TEST(Errors, NumbersOfModelledErrorsAreNumbers) {
  const Error error = Error::aws("ModelError", 424, "Received client error (400)")
                          .with_field("OriginalStatusCode", "400")
                          .with_field("OriginalMessage", "400");
  http::Response response;
  encode_error(api::sagemaker_runtime::schema, Protocol::rest_json, error, "id", "/", response);
  EXPECT_EQ(
      response.body,
      R"json({"__type":"ModelError","message":"Received client error (400)","OriginalStatusCode":400,"OriginalMessage":"400"})json");
}

TEST(Errors, QuoteNothingThatTheirFormCannotHold) {
  const Error error = Error::aws("InvalidAction", 400, "no \xca\x01 action").with_field("Key", "\xff\t\xc3\xbc");
  http::Response response;
  encode_error(api::s3::schema, Protocol::rest_xml, error, "id", "/\x02/\xc3\xbc", response);
  EXPECT_EQ(
      response.body,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidAction</Code><Message>no ?? action</Message>"
      "<Key>?\t?\?</Key><Resource>/?/\xc3\xbc</Resource><RequestId>id</RequestId><HostId>id</HostId></Error>");
  encode_error(api::s3::schema, Protocol::json, error, "id", "/", response);
  EXPECT_TRUE(response.body.find("\"no ?? action\"") != std::string::npos) << response.body;
}

TEST(Errors, SpeakTheProtocolOfTheService) {
  const Error error = Error::aws("NoSuchKey", 404, "The <key> is not there.").with_field("Key", "a&b");
  http::Response xml;
  encode_error(api::s3::schema, Protocol::rest_xml, error, "request-1", "/photos/a&b", xml);
  EXPECT_EQ(xml.status, 404);
  EXPECT_EQ(xml.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
            "<Message>The &lt;key&gt; is not there.</Message><Key>a&amp;b</Key><Resource>/photos/a&amp;b</Resource>"
            "<RequestId>request-1</RequestId><HostId>request-1</HostId></Error>");
  for (const Protocol protocol :
       {Protocol::rest_xml, Protocol::query, Protocol::ec2_query, Protocol::json, Protocol::rest_json}) {
    http::Response response;
    encode_error(api::s3::schema, protocol, error, "request-1", "/photos/a&b", response);
    const Error decoded = decode_error(protocol, response);
    EXPECT_EQ(decoded.code(), "NoSuchKey") << static_cast<int>(protocol);
    EXPECT_EQ(decoded.message(), "The <key> is not there.") << static_cast<int>(protocol);
  }
}

}  // namespace
}  // namespace hearth::wire
