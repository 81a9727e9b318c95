// The whole of `hearth serve`: builds engines, services, gateway and listeners in order and drops them in reverse. The
// only room that sees engines.
#pragma once

#include <memory>

#include "server/options.h"

namespace hearth::server {

class HearthServer {
 public:
  // Opens everything and serves. The error's message is a sentence for the operator.
  static Result<std::unique_ptr<HearthServer>> start(const Options& options);
  ~HearthServer();

  int port() const;
  // Finishes what is in flight, then closes everything. Idempotent.
  void stop();

 private:
  struct Parts;
  explicit HearthServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// `hearth serve`: runs until SIGTERM or SIGINT. Returns the exit code.
int run_serve(const Options& options);

}  // namespace hearth::server
