// softpos policy trial: a policy or release on a part of the phones, and how it stands.
#pragma once

#include "app/json_api.h"

#include <cstdint>
#include <string>

namespace softpos::app {

struct TrialOptions {
    std::uint32_t policy_version = 0, app_version = 0, sdk_version = 0, share_per_mille = 0;
    bool promotes = false;
    std::string trial;  // Its number, for show, end and promote.
};

// Each prints the trial as it stands then and gives an exit code: 3 where it went back.
int start_trial(JsonApi& api, const TrialOptions& options);
int show_trial(JsonApi& api, const TrialOptions& options);  // Without a number: all of them.
int end_trial(JsonApi& api, const TrialOptions& options, bool promote);

}  // namespace softpos::app
