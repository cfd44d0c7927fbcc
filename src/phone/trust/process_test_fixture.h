// The real program for tests: started as it is in the field, called over its socket, and restarted.
#pragma once

#include "base/hex.h"
#include "host/child_process.h"
#include "host/scratch_directory.h"
#include "host/seqpacket.h"
#include "phone/trust/test_rig.h"
#include "world/card/virtual_card.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::trust {

constexpr unsigned start_ms = 60'000;

inline std::string program_path() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "softpos-trusted";
}

class TrustedProcess : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
        start();
    }

    void start() {
        host::ChildOptions options;
        options.program = program_path();
        const std::string key = to_hex(acquirer.platform_point()) + "\n";
        ASSERT_TRUE(host::write_durably(scratch.file("permit.pub"), bytes_of(key), 0644));
        options.arguments = {"--socket",       scratch.file("socket"),
                             "--state",        scratch.file("state"),
                             "--platform-key", scratch.file("permit.pub")};
        options.arguments.insert(options.arguments.end(), more_arguments.begin(),
                                 more_arguments.end());
        options.pipe_output = true;
        auto spawned = host::ChildProcess::spawn(options);
        ASSERT_TRUE(spawned);
        child.emplace(std::move(*spawned));
        const auto line = child->read_line(start_ms);
        ASSERT_TRUE(line) << "is softpos-trusted built?";
        report = *line;
    }

    std::string status_line(const std::string& name) const {
        std::ifstream status("/proc/" + std::to_string(child->pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with(name + ":")) return line.substr(name.size() + 1);
        }
        return "";
    }

    static bool root() { return ::geteuid() == 0; }
    bool sanitized() const { return report.find("\"sanitizer_build\":true") != std::string::npos; }

    const host::ScratchDirectory scratch;
    std::vector<std::string> more_arguments;
    std::optional<host::ChildProcess> child;
    std::string report;
    host::SeqpacketClient client{
        {.path = scratch.file("socket"), .timeout_ms = start_ms, .server_uid = {}}};
    Acquirer acquirer{[this](Bytes request) {
        auto answer = client.call(request);
        CHECK(answer.has_value());
        return std::move(*answer);
    }};
    card::VirtualCard debit = make_card("debit");
};

}  // namespace softpos::trust
