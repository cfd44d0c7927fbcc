// One call to the trusted core as the app makes it: the program itself, behind its gate, over its
// socket.
// links: trust benchmark
#include "base/check.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "host/child_process.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "host/seqpacket.h"
#include "protocol/trusted_call.h"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>
#include <sys/stat.h>

namespace {

using namespace softpos;

constexpr unsigned start_ms = 60'000;

host::ChildProcess start_core(const host::ScratchDirectory& scratch) {
    CHECK(::chmod(scratch.path().c_str(), 0755) == 0);
    const auto platform = crypto::P256Key::generate();
    CHECK(platform.has_value());
    const std::string point = to_hex(platform->public_point()) + "\n";
    CHECK(host::write_durably(scratch.file("permit.pub"), bytes_of(point), 0644).has_value());
    host::ChildOptions options;
    const auto own = std::filesystem::read_symlink("/proc/self/exe");
    options.program = own.parent_path() / "softpos-trusted";
    options.arguments = {"--socket",       scratch.file("socket"),
                         "--state",        scratch.file("state"),
                         "--platform-key", scratch.file("permit.pub")};
    options.pipe_output = true;
    auto child = host::ChildProcess::spawn(options);
    CHECK(child.has_value());
    CHECK(child->read_line(start_ms).has_value());
    return std::move(*child);
}

void status_over_the_socket(benchmark::State& state) {
    const host::ScratchDirectory scratch;
    const host::ChildProcess core = start_core(scratch);
    host::SeqpacketClient client({.path = scratch.file("socket"),
                                  .timeout_ms = start_ms,
                                  .server_uid = {},
                                  .spin_us = host::usual_spin_us()});
    const Buffer request = protocol::encode(protocol::TrustedRequest(protocol::StatusRequest{}));
    for (auto _ : state) {
        const auto answer = client.call(request);
        CHECK(answer.has_value() && protocol::decode_trusted_answer(*answer).has_value());
    }
}
BENCHMARK(status_over_the_socket)->UseRealTime();

}  // namespace
