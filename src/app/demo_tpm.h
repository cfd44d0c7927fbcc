// A software TPM for the demo's phone, with a certificate of a maker that is made together with it.
// Where swtpm is not installed the phone does without, and says so.
#pragma once

#include "base/result.h"
#include "host/child_process.h"

#include <memory>
#include <optional>
#include <string>

namespace softpos::app {

class DemoTpm {
public:
    static bool installed();

    // Begins to make it below `folder`: the programs of others start meanwhile.
    static Result<std::unique_ptr<DemoTpm>> begin(const std::string& folder);
    // Waits until it is made, and switches it on.
    Result<void> power_on();
    // Waits until it listens.
    Result<void> await();

    std::string tcti() const { return "unix:" + socket_path(); }
    std::string root_path() const { return folder_ + "/ca/swtpm-localca-rootca-cert.pem"; }
    std::string authorities_path() const { return folder_ + "/ca/issuer.pem"; }

private:
    explicit DemoTpm(std::string folder) : folder_(std::move(folder)) {}
    std::string socket_path() const { return folder_ + "/socket"; }
    Result<void> write_settings() const;

    std::string folder_;
    std::optional<host::ChildProcess> setup_, tpm_;
};

}  // namespace softpos::app
