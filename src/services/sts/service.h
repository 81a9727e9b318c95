// STS: temporary credentials, and who am I. Safe from any thread.
// https://docs.aws.amazon.com/STS/latest/APIReference/
#pragma once

#include "api/sts/types.h"
#include "ports/identity.h"
#include "ports/service.h"

namespace hearth::sts {

class StsService {
 public:
  explicit StsService(SessionIssuer& issuer) : issuer_(issuer) {}

  void register_operations(OperationTable& table);

  Async<api::sts::AssumeRoleResponse> assume_role(const RequestContext& ctx, const api::sts::AssumeRoleRequest& in);
  Async<api::sts::GetCallerIdentityResponse> get_caller_identity(const RequestContext& ctx,
                                                                 const api::sts::GetCallerIdentityRequest& in);
  Async<api::sts::GetSessionTokenResponse> get_session_token(const RequestContext& ctx,
                                                             const api::sts::GetSessionTokenRequest& in);
  Async<api::sts::GetAccessKeyInfoResponse> get_access_key_info(const RequestContext& ctx,
                                                                const api::sts::GetAccessKeyInfoRequest& in);

 private:
  SessionIssuer& issuer_;
};

// As the API shows them.
api::sts::Credentials credentials_view(const Credentials& credentials);

}  // namespace hearth::sts
