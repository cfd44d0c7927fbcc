// The programs of swtpm, each with settings of its own, so that nothing outside the folder is used.
#include "app/demo_tpm.h"

#include "host/durable_file.h"
#include "phone/hw/tpm.h"

#include <filesystem>

namespace softpos::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* swtpm = "/usr/bin/swtpm";
constexpr const char* swtpm_setup = "/usr/bin/swtpm_setup";
constexpr const char* swtpm_localca = "/usr/bin/swtpm_localca";
constexpr unsigned setup_ms_max = 60'000;
constexpr unsigned connect_pause_ms = 10;
constexpr unsigned connects_max = 500;

}  // namespace

bool DemoTpm::installed() {
    std::error_code ignored;
    return fs::exists(swtpm, ignored) && fs::exists(swtpm_setup, ignored) &&
           fs::exists(swtpm_localca, ignored);
}

Result<void> DemoTpm::write_settings() const {
    const std::string ca = folder_ + "/ca";
    const auto write = [this](const std::string& name, const std::string& text) {
        return host::write_durably(folder_ + "/" + name, bytes_of(text));
    };
    TRY_VOID(write("localca.conf", "statedir = " + ca + "\nsigningkey = " + ca +
                                       "/key.pem\nissuercert = " + authorities_path() +
                                       "\ncertserial = " + ca + "/serial\n"));
    TRY_VOID(write("localca.options",
                   "--platform-manufacturer demo\n--platform-version 1\n--platform-model demo\n"));
    return write("setup.conf", "create_certs_tool = " + std::string(swtpm_localca) +
                                   "\ncreate_certs_tool_config = " + folder_ +
                                   "/localca.conf\ncreate_certs_tool_options = " + folder_ +
                                   "/localca.options\n");
}

Result<std::unique_ptr<DemoTpm>> DemoTpm::begin(const std::string& folder) {
    std::unique_ptr<DemoTpm> made(new DemoTpm(folder));
    std::error_code error;
    fs::create_directories(folder + "/ca", error);
    fs::create_directories(folder + "/state", error);
    if (error) return fail(ErrorKind::unavailable, "demo: folder of the TPM");
    TRY_VOID(made->write_settings());
    host::ChildOptions options;
    options.program = swtpm_setup;
    options.arguments = {"--tpm2",      "--tpmstate", folder + "/state", "--create-ek-cert",
                         "--pcr-banks", "sha256",     "--config",        folder + "/setup.conf"};
    options.output_path = folder + "/setup.log";
    made->setup_ = TRY(host::ChildProcess::spawn(options));
    return made;
}

Result<void> DemoTpm::power_on() {
    const auto ended = TRY(setup_->wait(setup_ms_max));
    if (!ended.success()) return fail(ErrorKind::unavailable, "demo: no TPM was made");
    host::ChildOptions options;
    options.program = swtpm;
    options.arguments = {"socket",     "--tpm2",
                         "--tpmstate", "dir=" + folder_ + "/state",
                         "--server",   "type=unixio,path=" + socket_path(),
                         "--ctrl",     "type=unixio,path=" + socket_path() + ".ctrl",
                         "--flags",    "not-need-init"};
    options.output_path = folder_ + "/tpm.log";
    tpm_ = TRY(host::ChildProcess::spawn(options));
    return {};
}

// Each try is one to connect, so that nothing is waited for but the TPM.
Result<void> DemoTpm::await() {
    for (unsigned round = 0; round < connects_max; ++round) {
        if (hw::Tpm::open(tcti())) return {};
        const auto ended = tpm_->wait(connect_pause_ms);
        if (ended) break;
    }
    return fail(ErrorKind::unavailable, "demo: the TPM does not listen");
}

}  // namespace softpos::app
