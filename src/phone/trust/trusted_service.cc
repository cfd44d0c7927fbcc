// Everything that needs a name in the file system happens in front of the gate.
#include "phone/trust/trusted_service.h"

#include "base/hex.h"
#include "base/log.h"
#include "crypto/known_answers.h"
#include "crypto/p256.h"
#include "host/durable_file.h"
#include "host/self_watch.h"
#include "host/seqpacket.h"
#include "host/signals.h"
#include "phone/trust/gp_host.h"
#include "phone/trust/host_platform.h"
#include "phone/trust/terminal_ui.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

constexpr std::size_t key_file_bytes_max = 256;

// Shows that the library computes what it should; and what it loads or looks up when first used is
// done while it still can be.
Result<void> warm_up() {
    const auto wrong = crypto::first_wrong_answer();
    if (!wrong) return {};
    log(LogLevel::error, "trusted: cryptography is broken",
        {{"algorithm", LogId(std::string(*wrong))}});
    return fail(ErrorKind::internal, "trusted: a known-answer test failed");
}

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

// As root we make the directory and its key, and hand both to the uid that the gate takes. Anybody
// else's directory of that name is refused.
Result<void> give_state(const HostPlatform& platform, const TrustedOptions& options) {
    if (::geteuid() != 0) return {};
    const int directory = platform.directory_fd();
    struct stat status {};
    if (::fstat(directory, &status) != 0) return failed("trust: state directory");
    if (status.st_uid != 0 && status.st_uid != options.uid) {
        return fail(ErrorKind::denied, "trust: state directory belongs to another user");
    }
    if (::fchmod(directory, 0700) != 0 || ::fchown(directory, options.uid, options.gid) != 0) {
        return failed("trust: state directory cannot be given away");
    }
    for (const char* name :
         {"storage.key", "storage.tpm", "state.sealed", "journal.sealed", "epoch.sealed"}) {
        if (::fchownat(directory, name, options.uid, options.gid, AT_SYMLINK_NOFOLLOW) != 0 &&
            errno != ENOENT) {
            return failed("trust: state file cannot be given away");
        }
    }
    return {};
}

// `ui` is null where no screen was named.
struct CustomersSide {
    std::unique_ptr<TrustedUi> ui;
    std::vector<int> descriptors;
};

Result<CustomersSide> open_customers_side(const TrustedOptions& options) {
    CustomersSide side;
    if (!options.pin_framebuffer.screen.empty()) {
        auto ui = TRY(FramebufferUi::open(options.pin_framebuffer, options.uid, options.gid));
        side.descriptors = ui->descriptors();
        side.ui = std::move(ui);
    } else if (!options.pin_screen.empty()) {
        auto ui = std::make_unique<TerminalUi>(
            TRY(TerminalUi::open(options.pin_screen, options.uid, options.gid)));
        side.descriptors = {ui->fd()};
        side.ui = std::move(ui);
    }
    if (options.pin_speaker.empty()) return side;
    if (side.ui == nullptr) return fail(ErrorKind::denied, "trusted: a speaker without a screen");
    host::Descriptor speaker = TRY(SpokenUi::open_speaker(options.pin_speaker));
    side.descriptors.push_back(speaker.get());
    side.ui =
        std::make_unique<SpokenUi>(std::move(side.ui), std::move(speaker), options.pin_speech);
    return side;
}

// Whoever can write the file is the platform for this core.
Result<void> check_owner(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return failed("trust: platform key file");
    const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid();
    if (!ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(ErrorKind::denied, "trust: others can write the platform key file");
    }
    return {};
}

}  // namespace

Result<protocol::Point65> read_platform_key(const std::string& path) {
    TRY_VOID(check_owner(path));
    const Buffer text = TRY(host::read_file(path, key_file_bytes_max));
    std::string_view hex = text_of(text);
    while (hex.ends_with('\n')) hex.remove_suffix(1);
    const Buffer bytes = TRY(from_hex(hex));
    protocol::Point65 point{};
    if (bytes.size() != point.size()) return fail(ErrorKind::malformed, "trust: platform key");
    // Agreement takes a point of the curve and no other.
    TRY(TRY(crypto::P256Key::generate()).ecdh(bytes));
    std::ranges::copy(bytes, point.begin());
    return point;
}

Result<void> run_trusted(const TrustedOptions& options,
                         const std::function<void(const host::GateReport&)>& entered) {
    const host::StopSignal stop = TRY(host::StopSignal::make());
    std::optional<protocol::Point65> platform_key;
    if (!options.platform_key_file.empty()) {
        platform_key = TRY(read_platform_key(options.platform_key_file));
    }
    std::unique_ptr<HardwareAnchor> anchor;
    if (options.open_anchor) anchor = TRY(options.open_anchor());
    HostPlatform platform = TRY(HostPlatform::open(options.state_dir, std::move(anchor)));
    TRY_VOID(give_state(platform, options));
    CustomersSide customer = TRY(open_customers_side(options));
    platform.take_ui(std::move(customer.ui));
    const uid_t peer = options.allowed_peer_uid.value_or(::getuid());
    const auto server = TRY(host::SeqpacketServer::listen({.path = options.socket_path,
                                                           .allowed_uids = {peer},
                                                           .connections_max = 4,
                                                           .owner = peer,
                                                           .spin_us = host::usual_spin_us()}));
    TRY_VOID(warm_up());
    host::SelfWatch watch = TRY(host::SelfWatch::open({}));
    host::GateOptions gate;
    gate.uid = options.uid;
    gate.gid = options.gid;
    gate.keep_fds = server->descriptors();
    gate.keep_fds.push_back(stop.fd());
    for (const int descriptor : watch.descriptors()) gate.keep_fds.push_back(descriptor);
    platform.watch_itself(std::move(watch));
    for (const int descriptor : platform.anchor_descriptors()) gate.keep_fds.push_back(descriptor);
    for (const int descriptor : customer.descriptors) gate.keep_fds.push_back(descriptor);
    gate.writable_dirs = {platform.directory_fd()};
    const host::GateReport report = TRY(host::enter_gate(gate));
    entered(report);
    // The same way in as in a TEE. The socket has already seen to it that only `peer` calls.
    const GpHost tee(platform, {.platform_key = platform_key, .client = user_identity(peer)});
    const auto application = TRY(GpClient::open());
    return server->serve(
        [&application](Bytes request, const host::PeerId&) {
            return application->call(request).value_or(Buffer());
        },
        stop.fd());
}

}  // namespace softpos::trust
