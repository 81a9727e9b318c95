#include "server/server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "api/all_services.h"
#include "base/background.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/private_file.h"
#include "base/text.h"
#include "base/time.h"
#include "engines/images/image_store.h"
#include "engines/localfs/blob_store.h"
#include "engines/oci/oci_runtime.h"
#include "engines/rocksdb/metadata_store.h"
#include "engines/telemetry/telemetry_store.h"
#include "gateway/gateway.h"
#include "gateway/request_metrics_report.h"
#include "http/client.h"
#include "http/server.h"
#include "ports/outbox.h"
#include "server/http_caller.h"
#include "server/instance_front_door.h"
#include "server/openai_routes.h"
#include "services/cloudwatch/cloudwatch_service.h"
#include "services/ec2/service.h"
#include "services/iam/service.h"
#include "services/logs/service.h"
#include "services/s3/object_reader.h"
#include "services/s3/service.h"
#include "services/sagemaker/service.h"
#include "services/sns/service.h"
#include "services/sts/service.h"

namespace hearth::server {
namespace {

constexpr std::size_t blocking_thread_count = 16;

// Where a client on this machine finds the server.
std::string url_of(const Options& options, int port) {
  const bool is_tls = !options.tls_cert.empty() || options.tls_self_signed;
  std::string host = options.listen_host;
  if (host == "0.0.0.0" || host == "::") host = "127.0.0.1";
  if (host.contains(':')) host = "[" + host + "]";
  return (is_tls ? "https://" : "http://") + host + ":" + std::to_string(port);
}

// One server per data folder: a lock that goes with the process.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::filesystem::path& folder) {
    const auto path = folder / "lock";
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file)
      return Error(ErrorKind::unavailable, "cannot write in the data folder " + folder.string(), std::strerror(errno));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
      return Error(ErrorKind::unavailable, "another hearth serves the data folder " + folder.string());
    return FolderLock(std::move(file));
  }

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

// As many files and sockets as the host lets us have: the usual soft limit of 1,024 is for programs that use select().
// Returns how many connections leave enough of them for everything else.
std::size_t raise_open_file_limit() {
  constexpr std::size_t connection_count_max = 8192, reserved_count = 512;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return reserved_count;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 2 * connection_count_max);
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = wanted;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
  }
  const std::size_t have = limit.rlim_cur;
  return std::min(connection_count_max, have > 2 * reserved_count ? have - reserved_count : have / 2);
}

// The folder this program lies in: beside it are hearth-train and hearth-infer.
std::string program_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

// Instances see the programs' folder as /opt/hearth, with all that lies below it.
Result<void> check_is_not_shown_to_instances(const std::filesystem::path& data_folder) {
  std::error_code error;
  const auto data = std::filesystem::weakly_canonical(data_folder, error);
  const auto programs = std::filesystem::weakly_canonical(program_folder(), error);
  const auto [end, ignored] = std::ranges::mismatch(programs, data);
  if (end == programs.end())
    return Error(ErrorKind::invalid, "the data folder cannot lie in " + programs.string() +
                                         ": instances see that folder, and would see the root key");
  return ok;
}

}  // namespace

// In order of construction; destroyed in reverse.
struct HearthServer::Parts {
  explicit Parts(const Options& o, FolderLock l) : options(o), lock(std::move(l)) {}

  Options options;
  FolderLock lock;
  SystemClock clock;
  SystemIds ids;
  ThreadPool pool{blocking_thread_count};
  http::Client client;
  ClientHttpCaller http_caller{client};

  // engines
  std::unique_ptr<MetadataStore> metadata;
  std::unique_ptr<BlobStore> object_blobs, telemetry_blobs;
  std::unique_ptr<BlockTelemetryStore> telemetry;
  std::unique_ptr<ImageStore> images;
  std::unique_ptr<StoredOutbox> outbox;

  // services and their tables
  std::unique_ptr<iam::IamService> iam;
  std::unique_ptr<sts::StsService> sts;
  std::unique_ptr<s3::S3Service> s3;
  std::unique_ptr<s3::S3ObjectReader> object_reader;
  std::unique_ptr<sns::SnsService> sns;
  std::unique_ptr<cloudwatch::CloudWatchService> cloudwatch;
  std::unique_ptr<logs::LogsService> logs;
  std::unique_ptr<InstanceRuntime> instances;
  std::unique_ptr<HttpInstanceFrontDoor> front_door;
  std::unique_ptr<ec2::Ec2Service> ec2;
  std::unique_ptr<sagemaker::SageMakerService> sagemaker;
  OperationTable iam_operations, sts_operations, s3_operations, sns_operations, cloudwatch_operations, logs_operations;
  OperationTable ec2_operations, sagemaker_operations, sagemaker_runtime_operations;

  // the front
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<gateway::RequestMetricsReport> request_metrics_report;
  std::unique_ptr<http::Server> http;

  Result<void> open_engines();
  Result<void> build_services();
  void build_gateway();
  Result<void> begin_serving();
  Async<http::Response> reset(const http::Request& request);
  Async<http::Response> metadata_answer(std::string instance_id, http::Request& request);
};

Result<void> HearthServer::Parts::open_engines() {
  const auto& folder = options.data_folder;
  RocksDbOptions rocksdb;
  rocksdb.folder = folder / "metadata";
  TRY(metadata, open_rocksdb_metadata_store(rocksdb, pool));
  TRY(object_blobs, open_local_blob_store(folder / "objects", clock, ids, pool));
  TRY(telemetry_blobs, open_local_blob_store(folder / "telemetry" / "blocks", clock, ids, pool));
  TelemetryOptions telemetry_options;
  telemetry_options.log_folder = folder / "telemetry" / "log";
  TRY(telemetry, open_block_telemetry_store(telemetry_options, *metadata, *telemetry_blobs, pool));
  TRY(instances, open_oci_instance_runtime({.folder = folder / "instances", .data_folder = folder}, pool, clock));
  FolderImageStoreOptions image_options;
  image_options.folder = folder / "images";
  TRY(images, open_folder_image_store(std::move(image_options), pool));
  outbox = std::make_unique<StoredOutbox>(*metadata, clock);
  return sync_wait(outbox->open());
}

Result<void> HearthServer::Parts::build_services() {
  TRY(const RootKey root, load_or_create_root_key(options));
  std::vector<iam::RootKey> root_keys = {{root.access_key_id, root.secret_access_key, root.account_id}};
  if (options.alternative_root)
    root_keys.push_back({options.alternative_root->access_key_id, options.alternative_root->secret_access_key,
                         options.alternative_root->account_id});
  TRY(iam::SecretBox secrets, iam::SecretBox::open_or_create(options.data_folder / "secret-key", ids));

  iam = std::make_unique<iam::IamService>(*metadata, clock, ids, std::move(secrets), std::move(root_keys));
  iam->register_operations(iam_operations);

  s3 = std::make_unique<s3::S3Service>(*metadata, *object_blobs, *iam, clock, ids, pool);
  object_reader = std::make_unique<s3::S3ObjectReader>(*s3);
  s3->register_operations(s3_operations);

  sts = std::make_unique<sts::StsService>(*iam);
  sts->register_operations(sts_operations);

  TRY(sns::SigningKey signing_key,
      sns::SigningKey::open_or_create(options.data_folder / "sns-signing-key.pem", clock.now()));
  sns = std::make_unique<sns::SnsService>(*metadata, clock, ids, http_caller, *iam, std::move(signing_key),
                                          url_of(options, options.listen_port));
  sns->register_operations(sns_operations);

  cloudwatch = std::make_unique<cloudwatch::CloudWatchService>(*metadata, *telemetry, *sns, clock);
  cloudwatch->register_operations(cloudwatch_operations);

  logs = std::make_unique<logs::LogsService>(*metadata, *telemetry, *cloudwatch, clock, ids);
  logs->register_operations(logs_operations);

  ec2::Ec2Options ec2_options;
  ec2_options.read_only_mounts = {{program_folder(), "/opt/hearth"}};
  if (options.test_mode) {
    ec2_options.reconcile_period = std::chrono::milliseconds(200);
    ec2_options.metrics_period = std::chrono::seconds(2);
  }
  front_door = std::make_unique<HttpInstanceFrontDoor>(*instances);
  ec2 = std::make_unique<ec2::Ec2Service>(ec2::Ec2Ports{*metadata, *instances, *front_door, *iam, *iam, *cloudwatch,
                                                        *logs, *outbox, clock, ids, *images, *object_reader},
                                          std::move(ec2_options));
  ec2->register_operations(ec2_operations);

  sagemaker = std::make_unique<sagemaker::SageMakerService>(
      sagemaker::SageMakerPorts{*metadata, *ec2, *iam, *iam, http_caller, *s3, *logs, *cloudwatch, clock, ids});
  sagemaker->register_operations(sagemaker_operations, sagemaker_runtime_operations);

  // What decisions need to know of resources. SNS adds its topics' policies itself.
  iam->add_resource_policies("arn:aws:s3:::", s3->resource_policies());
  iam->add_resource_tags("arn:aws:s3:::", s3->resource_tags());
  iam->add_resource_tags("arn:aws:sns:", sns->resource_tags());
  iam->add_resource_tags("arn:aws:cloudwatch:", cloudwatch->resource_tags());
  iam->add_resource_tags("arn:aws:logs:", logs->resource_tags());
  iam->add_resource_tags("arn:aws:ec2:", ec2->resource_tags());
  iam->add_resource_names("arn:aws:ec2:", ec2->resource_names());
  iam->add_resource_tags("arn:aws:sagemaker:", sagemaker->resource_tags());
  return ok;
}

void HearthServer::Parts::build_gateway() {
  gateway::GatewayOptions gateway_options;
  gateway_options.region = options.region;
  gateway_options.log_requests = options.verbose;
  gateway_options.s3_host_suffixes = options.s3_domains;
  gateway = std::make_unique<gateway::Gateway>(gateway_options, *iam, *iam, clock, ids);
  request_metrics_report = std::make_unique<gateway::RequestMetricsReport>(gateway->metrics(), *cloudwatch, clock,
                                                                           options.account_id, options.region);
  const std::map<const wire::ServiceSchema*, const OperationTable*> served = {
      {&api::s3::schema, &s3_operations},
      {&api::iam::schema, &iam_operations},
      {&api::sts::schema, &sts_operations},
      {&api::sns::schema, &sns_operations},
      {&api::cloudwatch::schema, &cloudwatch_operations},
      {&api::logs::schema, &logs_operations},
      {&api::ec2::schema, &ec2_operations},
      {&api::sagemaker::schema, &sagemaker_operations},
      {&api::sagemaker_runtime::schema, &sagemaker_runtime_operations},
  };
  // The others are known by name, so that each answers NotImplemented in its own form.
  for (const wire::ServiceSchema* schema : api::all_services) {
    const auto table = served.find(schema);
    gateway->add_service(*schema, table == served.end() ? nullptr : table->second);
  }

  gateway->add_route(
      {.path = "/_hearth/health", .handle = [](const RequestContext&, http::Request&) -> Async<http::Response> {
         http::Response response;
         response.headers.add("Content-Type", "application/json");
         response.body = R"({"status":"ok","version":")" HEARTH_VERSION "\"}\n";
         co_return response;
       }});
  gateway->add_route({.path = "/_hearth/metrics",
                      .handle = [this](const RequestContext&, http::Request& request) -> Async<http::Response> {
                        http::Response response;
                        response.headers.add("Content-Type", "text/plain; version=0.0.4");
                        // Nobody signs a scrape, so it tells who works with what to this host only. From elsewhere the
                        // same figures are in CloudWatch, for those who may read them.
                        if (request.peer_address.starts_with("127.") || request.peer_address == "::1") {
                          response.body = gateway->metrics().prometheus_text();
                        } else {
                          response.status = 403;
                          response.body = "# for this host only; elsewhere see the CloudWatch namespace Hearth\n";
                        }
                        co_return response;
                      }});
  gateway->add_route({.path = "/_hearth/sns/certificate.pem",
                      .handle = [this](const RequestContext&, http::Request&) -> Async<http::Response> {
                        http::Response response;
                        response.headers.add("Content-Type", "application/x-pem-file");
                        response.body = sns->certificate_pem();
                        co_return response;
                      }});
  for (gateway::PlainRoute& route : openai_routes(sagemaker->openai_door())) gateway->add_route(std::move(route));
  if (options.test_mode)
    gateway->add_route({.path = "/_hearth/reset",
                        .handle = [this](const RequestContext&, http::Request& request) { return reset(request); }});
}

// --test-mode: everything is gone, as if the server had just been set up.
Async<http::Response> HearthServer::Parts::reset(const http::Request& request) {
  http::Response response;
  // A browser sends Origin along: no page that a developer looks at may wipe their server.
  const bool is_post = request.method == "POST";
  if (!is_post) response.headers.add("Allow", "POST");
  if (!is_post || request.headers.contains("origin")) {
    response.status = is_post ? 403 : 405;
    response.body = "reset is a POST, and not from a browser\n";
    co_return response;
  }
  CO_TRY_DO(co_await metadata->clear());
  CO_TRY_DO(co_await object_blobs->clear());
  request_metrics_report->forget();
  CO_TRY_DO(co_await telemetry->clear());
  iam->forget_cached();
  CO_TRY_DO(co_await ec2->forget_all());
  response.status = 204;
  co_return response;
}

// What an instance asks at 169.254.169.254.
Async<http::Response> HearthServer::Parts::metadata_answer(std::string instance_id, http::Request& request) {
  ec2::MetadataRequest asked{.method = request.method, .path = http::percent_decode(request.path)};
  for (const auto& header : request.headers) asked.headers.emplace_back(header.name, header.value);
  const auto answered = co_await ec2->metadata_answer(std::move(instance_id), std::move(asked));
  http::Response response;
  if (!answered) {
    log::error("instance metadata failed",
               {{"error", answered.error().message()}, {"detail", answered.error().detail()}});
    response.status = answered.error().kind() == ErrorKind::not_found ? 404 : 500;
    co_return response;
  }
  response.status = answered->status;
  for (const auto& [name, value] : answered->headers) response.headers.add(name, value);
  response.body = answered->body;
  co_return response;
}

Result<void> HearthServer::Parts::begin_serving() {
  http::ServerOptions http_options;
  http_options.connection_count_max = raise_open_file_limit();
  http_options.complete_refusal = [this](http::Response& refusal) {
    const std::string request_id = ids.uuid();
    refusal.headers.add("x-amzn-RequestId", request_id);
    refusal.headers.add("x-amz-request-id", request_id);
  };
  http_options.tls_certificate_file = options.tls_cert.string();
  http_options.tls_key_file = options.tls_key.string();
  if (options.tls_self_signed && options.tls_cert.empty()) {
    const auto certificate_path = options.data_folder / "tls-certificate.pem",
               key_path = options.data_folder / "tls-key.pem";
    if (!std::filesystem::exists(certificate_path)) {
      const http::CertificatePem pem =
          http::make_self_signed_certificate({"localhost", "127.0.0.1", "::1", options.listen_host});
      // The certificate last: it says that both are there.
      TRY_DO(write_private_file(key_path, pem.key));
      TRY_DO(write_private_file(certificate_path, pem.certificate));
    }
    http_options.tls_certificate_file = certificate_path.string();
    http_options.tls_key_file = key_path.string();
  }
  try {
    http = std::make_unique<http::Server>(http_options,
                                          [this](http::Request& request) { return gateway->handle(request); });
  } catch (const std::exception& e) {
    return Error(ErrorKind::invalid, "the TLS certificate or key cannot be used: " + std::string(e.what()));
  }
  TRY_DO(http->bind(options.listen_host, options.listen_port));
  if (options.listen_port == 0) sns->set_public_url(url_of(options, http->port()));
  front_door->serve_with(
      *http,
      [this](const std::string& instance_id, http::Request& request) { return metadata_answer(instance_id, request); },
      [this](const std::string&, http::Request& request) { return gateway->handle(request); });
  outbox->start_deliveries();
  s3->start_sweeping();
  sns->start();
  logs->start_sweeping();
  ec2->start();
  sagemaker->start();
  cloudwatch->start_evaluation(options.test_mode ? std::chrono::seconds(1) : std::chrono::seconds(10));
  request_metrics_report->start(options.test_mode ? std::chrono::seconds(5) : std::chrono::seconds(60));
  // Last, also for what instances ask: no request meets a service that has not started. Who came early has waited.
  http->serve();
  return ok;
}

HearthServer::HearthServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
HearthServer::~HearthServer() {
  stop();
}

Result<std::unique_ptr<HearthServer>> HearthServer::start(const Options& options) {
  TRY_DO(check_is_not_shown_to_instances(options.data_folder));
  TRY_DO(make_folders(options.data_folder));
  std::error_code error;
  std::filesystem::permissions(options.data_folder, std::filesystem::perms::owner_all, error);
  TRY(FolderLock lock, FolderLock::take(options.data_folder));
  std::filesystem::remove(options.data_folder / "endpoint-url", error);  // of an earlier run: not ours yet
  auto parts = std::make_unique<Parts>(options, std::move(lock));
  TRY_DO(parts->open_engines());
  TRY_DO(parts->build_services());
  parts->build_gateway();
  TRY_DO(parts->begin_serving());
  // For `hearth env` and the other commands on this machine.
  TRY_DO(write_private_file(options.data_folder / "endpoint-url", url_of(options, parts->http->port()) + "\n"));
  return std::unique_ptr<HearthServer>(new HearthServer(std::move(parts)));
}

int HearthServer::port() const {
  return parts_->http->port();
}

void HearthServer::stop() {
  if (!parts_ || !parts_->http) return;
  parts_->http->stop();
  parts_->request_metrics_report->stop();
  parts_->sagemaker->stop();
  parts_->ec2->stop();
  parts_->logs->stop_sweeping();
  parts_->cloudwatch->stop_evaluation();
  parts_->sns->stop();
  parts_->s3->stop_sweeping();
  parts_->outbox->stop();
  parts_->http.reset();
}

int run_serve(const Options& options) {
  log::set_level(options.verbose ? log::Level::debug : log::Level::info);
  // Before any thread starts, so that every thread has them blocked and we can wait for them here.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  auto server = HearthServer::start(options);
  if (!server) {
    std::fprintf(stderr, "hearth serve: %s\n", server.error().message().c_str());
    if (!server.error().detail().empty()) std::fprintf(stderr, "  (%s)\n", server.error().detail().c_str());
    return 1;
  }
  log::info("serving", {{"url", url_of(options, (*server)->port())},
                        {"data", options.data_folder.string()},
                        {"account", options.account_id},
                        {"region", options.region}});
  // For who typed this, not for a log file.
  if (::isatty(STDERR_FILENO))
    std::fprintf(
        stderr, "  in another shell: eval $(hearth env%s%s) && aws s3 ls      Ctrl-C ends the server\n",
        options.data_folder == default_data_folder() ? "" : " --data ",
        options.data_folder == default_data_folder() ? "" : shell_quoted(options.data_folder.string()).c_str());
  if (options.test_mode) log::warning("TEST MODE: anybody who can reach this port can wipe all state", {});
  int received = 0;
  sigwait(&signals, &received);
  log::info("stopping", {{"signal", received == SIGTERM ? "SIGTERM" : "SIGINT"}});
  (*server)->stop();
  return 0;
}

}  // namespace hearth::server
