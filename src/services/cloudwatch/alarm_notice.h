// What an alarm's topics are told when its state changes.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
#pragma once

#include <string>
#include <string_view>

#include "services/cloudwatch/alarm_rows.h"

namespace hearth::cloudwatch {

// Topics to tell about the alarm's present state; none while its actions are disabled.
const std::vector<std::string>& topics_to_tell(const AlarmRow& alarm);

std::string notice_subject(const AlarmRow& alarm);
// The JSON document of AWS's alarm notifications.
std::string notice_message(const AlarmRow& alarm, std::string_view old_state_value);

}  // namespace hearth::cloudwatch
