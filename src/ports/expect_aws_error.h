// For unit tests of services: a result must be this modelled error, with a message for its reader.
//   EXPECT_AWS_ERROR(s3.get("photos", "cat"), 404, "NoSuchKey");
#pragma once

#include <gtest/gtest.h>

#define EXPECT_AWS_ERROR(result, status, error_code)                 \
  do {                                                               \
    const auto& outcome_ = (result);                                 \
    ASSERT_FALSE(outcome_.has_value()) << "expected " << error_code; \
    EXPECT_EQ(outcome_.error().code(), error_code);                  \
    EXPECT_EQ(outcome_.error().http_status(), status);               \
    EXPECT_FALSE(outcome_.error().message().empty());                \
  } while (false)
