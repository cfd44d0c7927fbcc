// softpos demo classic: a traditional POS and a phone at one merchant, in one reconciled day.
#pragma once

#include "app/story.h"

namespace softpos::app {

int run_demo_classic(const DemoFolder& where);  // The exit code.

}  // namespace softpos::app
