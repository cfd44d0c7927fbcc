// A software TPM of a test's own: made with certificates of an authority of its own, listening on a
// socket in a scratch directory, switched off and on again like a machine. Needs swtpm and
// swtpm-tools; without them tests skip.
#pragma once

#include "base/check.h"
#include "host/child_process.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "phone/hw/tpm.h"

#include <filesystem>
#include <optional>
#include <string>

namespace softpos::hw {

class SoftwareTpm {
public:
    static bool installed() {
        return std::filesystem::exists(swtpm) && std::filesystem::exists(swtpm_setup) &&
               std::filesystem::exists(swtpm_localca);
    }

    SoftwareTpm() {
        const std::string ca = scratch_.file("ca");
        std::filesystem::create_directory(ca);
        std::filesystem::create_directory(scratch_.file("state"));
        write("localca.conf", "statedir = " + ca + "\nsigningkey = " + ca +
                                  "/key.pem\nissuercert = " + issuer_path() +
                                  "\ncertserial = " + ca + "/serial\n");
        write("localca.options",
              "--platform-manufacturer softpos\n--platform-version 1\n--platform-model test\n");
        write("setup.conf",
              "create_certs_tool = " + std::string(swtpm_localca) +
                  "\ncreate_certs_tool_config = " + scratch_.file("localca.conf") +
                  "\ncreate_certs_tool_options = " + scratch_.file("localca.options") + "\n");
        auto setup = host::ChildProcess::spawn(
            {.program = swtpm_setup,
             .arguments = {"--tpm2", "--tpmstate", scratch_.file("state"), "--create-ek-cert",
                           "--pcr-banks", "sha256", "--config", scratch_.file("setup.conf")},
             .output_path = scratch_.file("setup.log")});
        CHECK(setup.has_value());
        const auto ended = setup->wait(setup_ms_max);
        CHECK(ended.has_value() && ended->success());
        power_on();
    }

    void power_on() {
        const std::string socket = scratch_.file("tpm");
        auto child = host::ChildProcess::spawn(
            {.program = swtpm,
             .arguments = {"socket", "--tpm2", "--tpmstate", "dir=" + scratch_.file("state"),
                           "--server", "type=unixio,path=" + socket, "--ctrl",
                           "type=unixio,path=" + socket + ".ctrl", "--flags", "not-need-init",
                           "--log", "file=" + scratch_.file("tpm.log") + ",level=1"},
             .output_path = scratch_.file("tpm.out")});
        CHECK(child.has_value());
        child_.emplace(std::move(*child));
    }
    void power_off() {
        child_.reset();
        std::error_code ignored;
        std::filesystem::remove(scratch_.file("tpm"), ignored);
        std::filesystem::remove(scratch_.file("tpm.ctrl"), ignored);
    }

    // How to reach it, once connect() has.
    std::string tcti() const { return "unix:" + scratch_.file("tpm"); }

    // Waits until it listens: each try is an attempt to connect, so nothing waits for nothing.
    Tpm connect() {
        for (unsigned round = 0;; ++round) {
            auto tpm = Tpm::open(tcti());
            if (tpm) return std::move(*tpm);
            CHECK(round < connects_max && child_.has_value());
            const auto ended = child_->wait(connect_pause_ms);
            CHECK(!ended.has_value());  // It ended by itself.
        }
    }

    std::string root_pem() const { return read(scratch_.file("ca/swtpm-localca-rootca-cert.pem")); }
    std::string issuer_pem() const { return read(issuer_path()); }

private:
    static constexpr const char* swtpm = "/usr/bin/swtpm";
    static constexpr const char* swtpm_setup = "/usr/bin/swtpm_setup";
    static constexpr const char* swtpm_localca = "/usr/bin/swtpm_localca";
    static constexpr unsigned setup_ms_max = 60'000;
    static constexpr unsigned connect_pause_ms = 20;
    static constexpr unsigned connects_max = 500;

    std::string issuer_path() const { return scratch_.file("ca/issuer.pem"); }
    void write(const std::string& name, const std::string& text) const {
        CHECK(host::write_durably(scratch_.file(name), bytes_of(text)).has_value());
    }
    static std::string read(const std::string& path) {
        const auto bytes = host::read_file(path, 64UL * 1024);
        CHECK(bytes.has_value());
        return std::string(text_of(*bytes));
    }

    host::ScratchDirectory scratch_;
    std::optional<host::ChildProcess> child_;
};

}  // namespace softpos::hw
