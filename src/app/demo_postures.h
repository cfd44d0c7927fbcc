// softpos demo postures: what becomes of phones that stand in every way there is a finding for.
#pragma once

#include "app/story.h"

#include <string>
#include <vector>

namespace softpos::app {

// The exit code. Names of findings; empty: all of them.
int run_demo_postures(const DemoFolder& where, const std::vector<std::string>& names);

}  // namespace softpos::app
