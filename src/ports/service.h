// How a service offers its operations to the gateway without knowing it: a table of typed handlers, each with the
// AccessRule that says what it touches. An operation without an AccessRule does not build.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/cancellation.h"
#include "base/time.h"
#include "ports/authorizer.h"
#include "ports/identity.h"

namespace hearth {

// Facts about one request. Never services.
struct RequestContext {
  std::string request_id;
  Principal caller;
  std::string account_id;  // whose resources the call is about: the caller's account
  std::string region;      // from the credential scope, else the server's
  std::string source_ip;
  std::string host;  // Host header, for answers that hold URLs
  std::string user_agent;
  bool is_tls = false;
  TimePoint deadline{};
  // Tells when the client has left before its answer is sent. Only slow work needs it: watching costs a little. To be
  // called where the handler runs. Null: cannot be watched.
  std::function<std::shared_ptr<Cancellation>()> watch_client;
  ConditionContext condition_context;  // aws:SourceIp, aws:CurrentTime, aws:PrincipalArn, …
  // HTTP headers a handler adds to a successful answer beyond its modelled output (rare; S3 has some).
  mutable std::vector<std::pair<std::string, std::string>> extra_headers;
  // HTTP status of a successful answer where it is not the modelled one (206 for a range of an object); 0: as modelled.
  mutable int success_status = 0;
};

// What an operation touches, declared beside it:
//   template <> struct AccessRule<api::s3::op::GetObject> {
//     static Access of(const RequestContext& ctx, const api::s3::GetObjectRequest& in) { return {…}; }
//   };
// `of` may return one Access or a std::vector<Access> (every one must be allowed; an empty vector means that any
// authenticated caller may, as for sts:GetCallerIdentity — say why beside the rule).
template <class Op>
struct AccessRule;

template <class Op>
concept HasAccessRule =
    requires(const RequestContext& ctx, const typename Op::Input& in) { AccessRule<Op>::of(ctx, in); };

// One served operation with its types erased. Inputs and outputs are owned by the gateway as void pointers.
struct OperationHandler {
  void* (*make_input)();
  void (*destroy_input)(void*);
  void* (*make_output)();
  void (*destroy_output)(void*);
  std::vector<Access> (*accesses)(const RequestContext&, const void* in);
  // Takes proof of authorisation: nothing else can call a handler. The input may be consumed (streams are moved out).
  std::function<Async<void>(Authorized, const RequestContext&, void* in, void* out)> invoke;
};

// Handlers of one service by operation index in its generated schema. Filled once at start.
class OperationTable {
 public:
  // table.serve<api::s3::op::GetObject>(service, &S3Service::get_object);
  // Handlers have the form  Async<Output> get_object(const RequestContext&, const Input&)
  // or, when they consume a streaming body,  Async<Output> put_object(const RequestContext&, Input&).
  template <class Op, class Service, class In>
  void serve(Service& service, Async<typename Op::Output> (Service::*method)(const RequestContext&, In&)) {
    static_assert(HasAccessRule<Op>, "declare AccessRule<Op> beside the operation: what may a caller need to touch?");
    using Input = typename Op::Input;
    using Output = typename Op::Output;
    auto handler = std::make_unique<OperationHandler>();
    handler->make_input = [] { return static_cast<void*>(new Input()); };
    handler->destroy_input = [](void* in) { delete static_cast<Input*>(in); };
    handler->make_output = [] { return static_cast<void*>(new Output()); };
    handler->destroy_output = [](void* out) { delete static_cast<Output*>(out); };
    handler->accesses = [](const RequestContext& ctx, const void* in) {
      auto accesses = AccessRule<Op>::of(ctx, *static_cast<const Input*>(in));
      if constexpr (std::is_same_v<decltype(accesses), Access>)
        return std::vector<Access>{std::move(accesses)};
      else
        return accesses;
    };
    handler->invoke = [&service, method](Authorized, const RequestContext& ctx, void* in, void* out) {
      return call<Op, Service, In>(service, method, ctx, in, out);
    };
    if (handlers_.size() <= Op::index) handlers_.resize(Op::index + 1);
    handlers_[Op::index] = std::move(handler);
  }

  // Null if not served.
  const OperationHandler* find(std::size_t index) const {
    return index < handlers_.size() ? handlers_[index].get() : nullptr;
  }

 private:
  template <class Op, class Service, class In>
  static Async<void> call(Service& service, Async<typename Op::Output> (Service::*method)(const RequestContext&, In&),
                          const RequestContext& ctx, void* in, void* out) {
    CO_TRY(auto output, co_await (service.*method)(ctx, *static_cast<typename Op::Input*>(in)));
    *static_cast<typename Op::Output*>(out) = std::move(output);
    co_return ok;
  }

  std::vector<std::unique_ptr<OperationHandler>> handlers_;
};

}  // namespace hearth
