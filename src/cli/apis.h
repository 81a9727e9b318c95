// The generated APIs the command line talks to, and which service each operation belongs to: what call<Op>() needs.
#pragma once

#include "api/cloudwatch/service.h"
#include "api/cloudwatch/types.h"
#include "api/ec2/service.h"
#include "api/ec2/types.h"
#include "api/iam/service.h"
#include "api/iam/types.h"
#include "api/logs/service.h"
#include "api/logs/types.h"
#include "api/s3/service.h"
#include "api/s3/types.h"
#include "api/sagemaker/service.h"
#include "api/sagemaker/types.h"
#include "api/sns/service.h"
#include "api/sns/types.h"
#include "api/sts/service.h"
#include "api/sts/types.h"

#define HEARTH_OPERATION(Name)                            \
  inline const wire::ServiceSchema& schema_of(op::Name) { \
    return schema;                                        \
  }
namespace hearth::api::cloudwatch::op {
#include "api/cloudwatch/operations.inc"
}
namespace hearth::api::ec2::op {
#include "api/ec2/operations.inc"
}
namespace hearth::api::iam::op {
#include "api/iam/operations.inc"
}
namespace hearth::api::logs::op {
#include "api/logs/operations.inc"
}
namespace hearth::api::s3::op {
#include "api/s3/operations.inc"
}
namespace hearth::api::sagemaker::op {
#include "api/sagemaker/operations.inc"
}
namespace hearth::api::sns::op {
#include "api/sns/operations.inc"
}
namespace hearth::api::sts::op {
#include "api/sts/operations.inc"
}
#undef HEARTH_OPERATION
