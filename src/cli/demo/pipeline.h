// The main job, step by step (P1 to P8), against any server through its public API: a data set goes into S3, a machine
// with a role fine-tunes a small LLaMA on it, its loss and its use appear in CloudWatch, an endpoint serves the model,
// its answers are kept, and a developer is refused at the prod bucket. Each step says what it does, shows the `aws`
// command for it and proves it by reading back; the first proof that fails ends it with an error.
//
// The commands work as they stand in a shell whose folder is `files`: what they name is written there. They do the same
// once more, so some answer that a thing exists.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client.h"
#include "cli/demo/story.h"
#include "cli/metric_query.h"

namespace hearth::cli {

class DemoPipeline {
 public:
  DemoPipeline(const Client& root, Story& story, std::filesystem::path files, std::function<bool()> interrupted)
      : root_(root), story_(story), files_(std::move(files)), interrupted_(std::move(interrupted)), dev_(root) {}

  // cancelled when interrupted.
  Result<void> run();

 private:
  Result<void> make_identities();      // before the first
  Result<void> store_dataset();        // P1
  Result<void> launch_machine_step();  // P2
  Result<void> watch_training();       // P3
  Result<void> show_logs();            // P4
  Result<void> show_resources();       // P5
  Result<void> serve_model();          // P6
  Result<void> show_records();         // P7
  Result<void> show_isolation();       // P8

  Result<void> make_role(const std::string& name, const std::string& service, std::string& arn);
  Result<void> make_developer();
  Result<void> choose_and_launch(const std::string& script);
  Result<void> show_cpu_use(TimePoint start, TimePoint now);
  Result<void> show_loss(TimePoint start, TimePoint now);
  Result<void> keep_dashboard(const std::vector<MetricName>& of_machine);
  Result<void> create_model();
  Result<void> create_endpoint_config();
  Result<void> create_endpoint();

  Result<void> write_file(std::string_view name, std::string_view content) const;
  Result<void> put_object(const std::string& bucket, const std::string& key, const std::string& body);
  Result<std::string> get_object(const Client& client, const std::string& bucket, const std::string& key);
  Result<std::vector<std::string>> list_keys(const std::string& bucket, const std::string& prefix);
  Result<void> ask(const std::string& question);
  Result<void> check_interrupted() const;
  // Looks again and again until `look` has found it; an error that names it when that takes too long.
  Result<void> wait_for(std::string_view what, std::chrono::seconds limit,
                        const std::function<Result<bool>()>& look) const;

  const Client& root_;
  Story& story_;
  std::filesystem::path files_;
  std::function<bool()> interrupted_;
  Client dev_;  // the developer's own key
  std::string account_, trainer_role_arn_, server_role_arn_;
  std::string machine_id_;
};

// Ends what costs anything on a server of the demo: endpoints and machines. Waits until they are gone.
Result<void> end_machines(const Client& root);

}  // namespace hearth::cli
