// The trust policies of this platform: which one is in force, and how another comes into force.
// Texts are in the store with their signatures and are checked again at each start.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/monitor/policy.h"
#include "platform/store/store.h"

#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace softpos::server {

class PolicyShelf {
public:
    struct Parts {
        store::Store& store;
        const Clock& clock;
        monitor::Environment environment = monitor::Environment::production;
        Buffer signer_point;  // 65 bytes: whose signature makes a text a policy.
    };
    explicit PolicyShelf(Parts parts) : parts_(std::move(parts)) {}

    // At start. not_found where none was ever activated; denied where its text is not what was
    // signed, or is not for this platform.
    Result<void> load();

    // Never empty after load().
    std::shared_ptr<const monitor::Policy> in_force() const;

    using Fault = std::expected<monitor::Policy, monitor::PolicyFault>;
    // Keeps a signed text, not yet in force. Its version must be above the one in force.
    Result<Fault> upload(std::string_view text, Bytes signature_der);
    // An uploaded one that could come into force; not_found, or conflict where it is not above.
    Result<std::shared_ptr<const monitor::Policy>> uploaded(std::uint32_t version) const;
    // Puts an uploaded version in force; not_found, or conflict where it is not above.
    Result<void> activate(std::uint32_t version);

private:
    Fault check(std::string_view text, Bytes signature_der, std::uint32_t above) const;

    Parts parts_;
    mutable std::mutex mutex_;
    std::shared_ptr<const monitor::Policy> policy_;
};

}  // namespace softpos::server
