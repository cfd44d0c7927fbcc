// A core in memory with an acquirer in front of it, as most tests of this module want it.
#pragma once

#include "phone/trust/test_rig.h"
#include "world/card/virtual_card.h"

#include <gtest/gtest.h>

#include <memory>

namespace softpos::trust {

class CoreFixture : public ::testing::Test {
protected:
    void restart() { core = std::make_unique<TrustedCore>(platform, acquirer.core_options()); }
    protocol::TrustedFault fault(const protocol::TrustedRequest& request) {
        return acquirer.ask<protocol::TrustedFailure>(request).fault;
    }
    void pass_seconds(std::int64_t seconds) { platform.now.us += seconds * 1'000'000; }

    MemoryPlatform platform;
    std::unique_ptr<TrustedCore> core;
    Acquirer acquirer{[this](Bytes request) {
        if (!core) restart();
        return core->invoke(request);
    }};
    card::VirtualCard debit = make_card("debit");
};

}  // namespace softpos::trust
