// softpos demo qr: payments out of wallets, scanned and shown.
#pragma once

#include "app/story.h"

namespace softpos::app {

int run_demo_qr(const DemoFolder& where);  // The exit code.

}  // namespace softpos::app
