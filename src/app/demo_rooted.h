// softpos demo rooted: phones that are attacked while they collect.
#pragma once

#include "app/story.h"

namespace softpos::app {

// The exit code. Needs root: the attacks are real ones, on processes of this machine.
int run_demo_rooted(const DemoFolder& where);

}  // namespace softpos::app
