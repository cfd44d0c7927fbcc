// Each file is sealed with its own name as additional data, so that one cannot stand for another.
#include "phone/trust/host_platform.h"

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "phone/posture/self_findings.h"

#include <algorithm>

namespace softpos::trust {
namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t epoch_bytes = 8;
constexpr std::size_t overhead_bytes = crypto::gcm_nonce_bytes + crypto::gcm_tag_bytes;
constexpr std::size_t program_bytes_max = 512 * 1024 * 1024;  // Sanitizer builds are large.
constexpr const char* key_name = "storage.key";
constexpr const char* sealed_key_name = "storage.tpm";
constexpr std::size_t sealed_key_bytes_max = 4096;
constexpr const char* state_name = "state.sealed";
constexpr const char* journal_name = "journal.sealed";
constexpr const char* epoch_name = "epoch.sealed";

Result<std::array<std::uint8_t, 32>> measure_program() {
    const Buffer program = TRY(host::read_running_program(program_bytes_max));
    return crypto::sha256(program);
}

void add_new(std::vector<protocol::Finding>& all, const std::vector<protocol::Finding>& more) {
    for (const protocol::Finding& one : more) {
        const bool known = std::ranges::find(all, one.code, &protocol::Finding::code) != all.end();
        if (!known) all.push_back(one);
    }
}

Result<bool> is_there(const host::Directory& directory, const char* name) {
    const auto found = directory.read(name, sealed_key_bytes_max);
    if (found) return true;
    if (found.error().kind == ErrorKind::not_found) return false;
    return std::unexpected(found.error());
}

// A key that once lay in a file is known to whoever read that: it is not taken over.
Result<SecretBytes> sealed_storage_key(const host::Directory& directory, HardwareAnchor& anchor) {
    if (TRY(is_there(directory, key_name))) {
        return fail(ErrorKind::denied,
                    "trust: this state was made without a TPM; enrol into another");
    }
    const auto sealed = directory.read(sealed_key_name, sealed_key_bytes_max);
    if (sealed) {
        auto key = anchor.unseal(*sealed);
        if (!key && key.error().kind == ErrorKind::denied) {
            return fail(
                ErrorKind::denied,
                "trust: the TPM keeps the storage key: its PCRs are not those of this state",
                key.error().detail);
        }
        if (key && key->size() != key_bytes) {
            return fail(ErrorKind::internal, "trust: storage key has a wrong size");
        }
        return key;
    }
    if (sealed.error().kind != ErrorKind::not_found) return std::unexpected(sealed.error());
    crypto::KeyRandom random;
    SecretBytes made = crypto::random_secret(random, key_bytes);
    TRY_VOID(directory.write_durably(sealed_key_name, TRY(anchor.seal(made.bytes())), 0600));
    return made;
}

Result<SecretBytes> storage_key(const host::Directory& directory) {
    if (TRY(is_there(directory, sealed_key_name))) {
        return fail(ErrorKind::denied, "trust: the storage key of this state is sealed to a TPM");
    }
    auto key = directory.read_secret(key_name, key_bytes);
    if (key && key->size() == key_bytes) return key;
    if (key) return fail(ErrorKind::internal, "trust: storage key has a wrong size");
    if (key.error().kind != ErrorKind::not_found) return key;
    crypto::KeyRandom random;
    SecretBytes made = crypto::random_secret(random, key_bytes);
    TRY_VOID(directory.write_durably(key_name, made.bytes(), 0600));
    return made;
}

}  // namespace

HostPlatform::HostPlatform(host::Directory directory, SecretBytes key,
                           std::array<std::uint8_t, 32> measurement,
                           std::unique_ptr<HardwareAnchor> anchor)
    : directory_(std::move(directory)),
      key_(std::move(key)),
      measurement_(measurement),
      anchor_(std::move(anchor)) {}

Result<HostPlatform> HostPlatform::open(const std::string& state_dir,
                                        std::unique_ptr<HardwareAnchor> anchor) {
    host::Directory directory = TRY(host::Directory::make(state_dir, 0700));
    const auto measurement = TRY(measure_program());
    if (anchor) TRY_VOID(anchor->launch(measurement));
    SecretBytes key =
        anchor ? TRY(sealed_storage_key(directory, *anchor)) : TRY(storage_key(directory));
    return HostPlatform(std::move(directory), std::move(key), measurement, std::move(anchor));
}

Result<std::optional<protocol::Evidence>> HostPlatform::evidence(Bytes message) {
    if (!anchor_) return std::nullopt;
    return TRY(anchor_->evidence(message));
}

Result<std::optional<protocol::Evidence>> HostPlatform::enrolment_evidence(Bytes message) {
    if (!anchor_) return std::nullopt;
    return TRY(anchor_->enrolment_evidence(message));
}

Result<protocol::Evidence> HostPlatform::activate(const protocol::EnrolCredential& credential,
                                                  Bytes binding) {
    if (!anchor_) return TrustedPlatform::activate(credential, binding);
    return anchor_->activate(credential, binding);
}

std::vector<int> HostPlatform::anchor_descriptors() const {
    return anchor_ ? anchor_->descriptors() : std::vector<int>{};
}

Result<SecretBytes> HostPlatform::load(const std::string& name, std::size_t bytes_max) {
    const Buffer sealed = TRY(directory_.read(name, bytes_max + overhead_bytes));
    if (sealed.size() < overhead_bytes) return fail(ErrorKind::malformed, "trust: sealed file");
    const Bytes whole(sealed);
    return crypto::gcm_open(key_.bytes(), whole.first(crypto::gcm_nonce_bytes), bytes_of(name),
                            whole.subspan(crypto::gcm_nonce_bytes));
}

// A random nonce: far fewer than 2^32 saves are made under one storage key. Spec: [SP800-38D] 8.3.
Result<void> HostPlatform::save(const std::string& name, Bytes content) {
    const auto nonce = random_.take<crypto::gcm_nonce_bytes>();
    Buffer sealed(nonce.begin(), nonce.end());
    append(sealed, TRY(crypto::gcm_seal(key_.bytes(), nonce, bytes_of(name), content)));
    return directory_.write_durably(name, sealed, 0600, faults_);
}

// What was seen once in this process stays seen: code that was changed and put back was changed.
std::vector<protocol::Finding> HostPlatform::findings() {
    if (!watch_) return {};
    const Ticks now = clock_.ticks();
    if (!seen_at_ || now.us - seen_at_->us >= look_every_us) {
        add_new(seen_, posture::findings_of(watch_->look(), protocol::TrustClass::core));
        seen_at_ = now;
    }
    if (watch_->is_traced()) {
        const host::SelfFinding traced{host::SelfFault::traced, 0};
        add_new(seen_, posture::findings_of({&traced, 1}, protocol::TrustClass::core));
    }
    return seen_;
}

Result<SecretBytes> HostPlatform::load_state() {
    return load(state_name, state_bytes_max);
}

Result<void> HostPlatform::save_state(Bytes state) {
    if (state.size() > state_bytes_max) return fail(ErrorKind::denied, "trust: state is too large");
    return save(state_name, state);
}

Result<SecretBytes> HostPlatform::load_journal() {
    return load(journal_name, journal_bytes_max);
}

Result<void> HostPlatform::save_journal(Bytes journal) {
    if (journal.size() > journal_bytes_max) {
        return fail(ErrorKind::denied, "trust: journal is too large");
    }
    return save(journal_name, journal);
}

Result<std::uint64_t> HostPlatform::epoch() {
    auto stored = load(epoch_name, epoch_bytes);
    if (!stored && stored.error().kind == ErrorKind::not_found) return 0;
    const SecretBytes bytes = TRY(std::move(stored));
    if (bytes.size() != epoch_bytes) return fail(ErrorKind::malformed, "trust: epoch file");
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes.bytes()) number = number << 8 | byte;
    return number;
}

Result<void> HostPlatform::advance_epoch(std::uint64_t to) {
    const std::uint64_t now = TRY(epoch());
    if (to < now) return fail(ErrorKind::denied, "trust: the epoch never goes down");
    std::array<std::uint8_t, epoch_bytes> bytes{};
    for (unsigned i = 0; i < epoch_bytes; ++i) {
        bytes[i] = static_cast<std::uint8_t>(to >> (56 - 8 * i));
    }
    return save(epoch_name, bytes);
}

}  // namespace softpos::trust
