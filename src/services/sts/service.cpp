#include "services/sts/service.h"

#include <algorithm>

#include "api/sts/errors.h"
#include "services/sts/assume_role.h"

namespace hearth {

namespace op = api::sts::op;
// AWS: whoever has credentials may ask whose they are, even where a policy denies it.
template <>
struct AccessRule<op::GetCallerIdentity> {
  static std::vector<Access> of(const RequestContext&, const op::GetCallerIdentity::Input&) { return {}; }
};
// AWS: no permission is needed; the answer has the rights that the caller has anyway.
template <>
struct AccessRule<op::GetSessionToken> {
  static std::vector<Access> of(const RequestContext&, const op::GetSessionToken::Input&) { return {}; }
};
template <>
struct AccessRule<op::GetAccessKeyInfo> {
  static Access of(const RequestContext&, const op::GetAccessKeyInfo::Input&) {
    return {"sts:GetAccessKeyInfo", "*", {}};
  }
};

namespace sts {

void StsService::register_operations(OperationTable& table) {
  table.serve<op::AssumeRole>(*this, &StsService::assume_role);
  table.serve<op::GetCallerIdentity>(*this, &StsService::get_caller_identity);
  table.serve<op::GetSessionToken>(*this, &StsService::get_session_token);
  table.serve<op::GetAccessKeyInfo>(*this, &StsService::get_access_key_info);
}

api::sts::Credentials credentials_view(const Credentials& credentials) {
  return {credentials.access_key_id, credentials.secret_access_key, credentials.session_token,
          wire::Timestamp(credentials.expires_at)};
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
Async<api::sts::GetCallerIdentityResponse> StsService::get_caller_identity(const RequestContext& ctx,
                                                                           const api::sts::GetCallerIdentityRequest&) {
  api::sts::GetCallerIdentityResponse out;
  out.user_id = ctx.caller.user_id;
  out.account = ctx.caller.account_id;
  out.arn = ctx.caller.arn;
  co_return out;
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
Async<api::sts::GetSessionTokenResponse> StsService::get_session_token(const RequestContext& ctx,
                                                                       const api::sts::GetSessionTokenRequest& in) {
  if (const bool is_session = ctx.caller.token_issued_at != TimePoint{}; is_session)
    co_return api::sts::errors::access_denied("Cannot call GetSessionToken with session credentials");
  if (in.serial_number || in.token_code)
    co_return api::sts::errors::validation_error(
        "MFA devices are not served here: leave out SerialNumber and TokenCode.");
  constexpr std::int32_t user_default = 12 * 3600;
  constexpr std::int32_t root_max = 3600;  // AWS: an hour for root, whatever it asks for
  std::int32_t seconds = in.duration_seconds.value_or(user_default);
  if (ctx.caller.kind == PrincipalKind::root) seconds = std::min(seconds, root_max);
  CO_TRY(const Credentials credentials, co_await issuer_.start_user_session(ctx.caller, std::chrono::seconds(seconds)));
  api::sts::GetSessionTokenResponse out;
  out.credentials = credentials_view(credentials);
  co_return out;
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
Async<api::sts::GetAccessKeyInfoResponse> StsService::get_access_key_info(const RequestContext&,
                                                                          const api::sts::GetAccessKeyInfoRequest& in) {
  Result<std::string> account_id = co_await issuer_.find_account_of_key(in.access_key_id);
  if (!account_id)
    co_return api::sts::errors::access_denied("The access key " + in.access_key_id + " is none of ours.");
  api::sts::GetAccessKeyInfoResponse out;
  out.account = *std::move(account_id);
  co_return out;
}

}  // namespace sts
}  // namespace hearth
