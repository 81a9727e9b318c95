// A `hearth serve` of our own on a free port with a data folder of its own, so that it can run beside any other. It
// ends with this process, however that ends, unless it is left running on purpose.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "cli/client.h"

namespace hearth::cli {

class PrivateServer {
 public:
  // Serving when it returns. `stays` leaves it running when this process ends. cancelled when interrupted.
  static Result<PrivateServer> start(bool stays, const std::function<bool()>& interrupted);
  // The one that an earlier demo left running in `folder`. not_found if there is none.
  static Result<PrivateServer> find(const std::filesystem::path& folder);
  PrivateServer(PrivateServer&& other) noexcept;
  PrivateServer& operator=(PrivateServer&&) = delete;
  // stop(), unless it was left.
  ~PrivateServer();

  const std::string& url() const { return url_; }
  const std::filesystem::path& folder() const { return folder_; }  // holds data/, hearth.log and server.pid
  std::filesystem::path data() const { return folder_ / "data"; }
  pid_t process_id() const { return process_id_; }
  // As its root user.
  Result<Client> connect() const;
  // The last lines it logged, for somebody who wonders what went wrong.
  std::string log_tail() const;

  // Ends the process and removes the folder. The error names what could not be removed.
  Result<void> stop();
  // From now on it is the user's.
  void leave_running() {
    process_id_ = -1;
    folder_.clear();
  }

 private:
  explicit PrivateServer(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> launch(bool stays);
  Result<void> wait_until_serving(const std::function<bool()>& interrupted);
  bool has_ended();
  Result<void> remove_folder();

  std::filesystem::path folder_;
  std::string url_;
  pid_t process_id_ = -1;
};

}  // namespace hearth::cli
