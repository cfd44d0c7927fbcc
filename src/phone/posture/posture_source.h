// What the phone's services can tell about phone and app. It is their word only: whoever owns the
// phone can make them say anything, so that it may cost trust and never earn any.
#pragma once

#include "protocol/trusted_call.h"

namespace softpos::posture {

// Any thread may call, one at a time.
class PostureSource {
public:
    virtual ~PostureSource() = default;

    // Looks now: nothing in it is remembered from before.
    virtual protocol::Posture look() = 0;
};

}  // namespace softpos::posture
