// The main job, step by step (P1 to P8), against any server through its public API: a data set goes into S3, a machine
// with a role fine-tunes a small LLaMA on it, its loss and its use appear in CloudWatch, an endpoint serves the model,
// its answers are kept, and a developer is refused at the prod bucket. Each step says what it does, shows the `aws`
// command for it and proves it by reading back; the first proof that fails ends it with an error.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/demo/story.h"

namespace hearth::cli {

class DemoPipeline {
 public:
  DemoPipeline(const Client& root, Story& story, std::function<bool()> interrupted)
      : root_(root), story_(story), interrupted_(std::move(interrupted)), dev_(root) {}

  // cancelled when interrupted.
  Result<void> run();

  // Ends what run() made that costs anything: endpoints and machines. Waits until they are gone.
  Result<void> end_machines();

 private:
  Result<void> make_identities();
  Result<void> store_dataset();        // P1
  Result<void> launch_machine_step();  // P2
  Result<void> watch_training();       // P3
  Result<void> show_logs();            // P4
  Result<void> show_resources();       // P5
  Result<void> serve_model();          // P6
  Result<void> show_records();         // P7
  Result<void> show_isolation();       // P8

  Result<void> put_object(const std::string& bucket, const std::string& key, const std::string& body);
  Result<std::string> get_object(const Client& client, const std::string& bucket, const std::string& key);
  Result<std::vector<std::string>> list_keys(const std::string& bucket, const std::string& prefix);
  Result<void> ask(const std::string& question);
  Result<void> check_interrupted() const;

  const Client& root_;
  Story& story_;
  std::function<bool()> interrupted_;
  Client dev_;  // the developer's own key
  std::string account_, trainer_role_arn_, server_role_arn_;
  std::string machine_id_, machine_type_;
  std::vector<std::string> answer_ids_;
};

}  // namespace hearth::cli
