// Snapshot first, then its log; the number of the snapshot decides which log counts.
#include "platform/keys/vault_store.h"

#include "base/check.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "crypto/drbg.h"
#include "crypto/kdf.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace softpos::keys {
namespace {

constexpr const char* snapshot_name = "keys.snapshot";
constexpr std::string_view magic = "SPKV0002";
constexpr std::size_t master_bytes = 32;
constexpr std::size_t number_bytes = 8;
constexpr std::size_t sealed_overhead = crypto::gcm_nonce_bytes + crypto::gcm_tag_bytes;
// What a crash can tear off the log is one record; more than that is damage.
constexpr std::uint64_t torn_bytes_max = record_entries_bytes_max + sealed_overhead + 64;

std::unexpected<Error> damaged() {
    return fail(ErrorKind::malformed, "vault store: damaged or not ours",
                protocol::detail_of(protocol::VaultFault::storage));
}

void put_number(Buffer& out, std::uint64_t number) {
    for (unsigned i = 0; i < number_bytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(number >> (56 - 8 * i) & 0xFF));
    }
}

std::uint64_t number_of(Bytes in) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : in.first(number_bytes)) number = number << 8 | byte;
    return number;
}

Result<void> deliver(Bytes plain, const VaultStore::OnEntry& on_entry) {
    auto entries = TRY(read_entries(plain));
    for (Entry& entry : entries) TRY_VOID(on_entry(std::move(entry)));
    return {};
}

}  // namespace

Result<std::unique_ptr<VaultStore>> VaultStore::open(const Place& place, const OnEntry& on_entry) {
    auto folder = TRY(host::Directory::make(place.directory));
    const char* const name = place.keeper.master_file();
    auto sealed = folder.read_secret(name, MasterKeeper::sealed_bytes_max);
    const bool fresh = !sealed && sealed.error().kind == ErrorKind::not_found;
    SecretBytes master;
    if (fresh) {
        // A snapshot without its master key is a loss to be seen, not a reason to start anew.
        if (folder.read(snapshot_name, snapshot_bytes_max)) {
            return fail(ErrorKind::not_found, "vault store: snapshot without master key",
                        protocol::detail_of(protocol::VaultFault::storage));
        }
        master = crypto::random_secret(place.random, master_bytes);
        sealed = TRY(place.keeper.seal_master(master.bytes()));
        TRY_VOID(folder.write_durably(name, sealed->bytes()));
    } else {
        if (!sealed) return std::unexpected(sealed.error());
        master = TRY(place.keeper.open_master(sealed->bytes()));
    }
    if (master.size() != master_bytes) return damaged();
    std::unique_ptr<VaultStore> store(
        new VaultStore(place.directory, std::move(folder), std::move(master), place.random));
    TRY_VOID(store->start(fresh, on_entry));
    return store;
}

Result<void> VaultStore::start(bool fresh, const OnEntry& on_entry) {
    record_key_ = TRY(derive_key("softpos-vault-store/1"));
    if (fresh) return write_snapshot([](const auto&) {});
    TRY_VOID(read_snapshot(on_entry));
    TRY_VOID(open_log(on_entry));
    // A crash between a new snapshot and the removal of the old log leaves that log.
    if (generation_ > 0) {
        const auto removed = directory_.remove(log_name(generation_ - 1));
        if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    }
    return {};
}

Result<SecretBytes> VaultStore::derive_key(std::string_view purpose) const {
    return crypto::hkdf_sha256({.secret = master_.bytes(), .info = bytes_of(purpose)}, 32);
}

std::string VaultStore::log_name(std::uint64_t generation) const {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), generation);
    return "keys.log." + std::string(digits.data(), end.ptr);
}

// nonce || ciphertext || tag. The nonce is random: counting would repeat one after a torn record.
Buffer VaultStore::seal(const Spot& spot, Bytes plain) const {
    Buffer aad(magic.begin(), magic.end());
    aad.push_back(static_cast<std::uint8_t>(spot.kind));
    put_number(aad, spot.generation);
    put_number(aad, spot.index);
    const auto nonce = random_.take<crypto::gcm_nonce_bytes>();
    Buffer out(nonce.begin(), nonce.end());
    const auto sealed = crypto::gcm_seal(record_key_.bytes(), nonce, aad, plain);
    CHECK(sealed.has_value());
    softpos::append(out, *sealed);
    return out;
}

Result<SecretBytes> VaultStore::unseal(const Spot& spot, Bytes sealed) const {
    if (sealed.size() < sealed_overhead) return damaged();
    Buffer aad(magic.begin(), magic.end());
    aad.push_back(static_cast<std::uint8_t>(spot.kind));
    put_number(aad, spot.generation);
    put_number(aad, spot.index);
    auto plain = crypto::gcm_open(record_key_.bytes(), sealed.first(crypto::gcm_nonce_bytes), aad,
                                  sealed.subspan(crypto::gcm_nonce_bytes));
    if (!plain) return damaged();
    return plain;
}

// magic, generation, then records of a length of four bytes and their sealed content. The first
// record says how many follow, so that none can be missing at the end.
Result<void> VaultStore::read_snapshot(const OnEntry& on_entry) {
    const Buffer file = TRY(directory_.read(snapshot_name, snapshot_bytes_max));
    snapshot_bytes_ = file.size();
    ByteReader in(file);
    const auto head = in.take(magic.size() + number_bytes);
    if (!head || text_of(head->first(magic.size())) != magic) return damaged();
    generation_ = number_of(head->last(number_bytes));
    std::uint64_t count = 0;
    for (std::uint64_t index = 0; index <= count; ++index) {
        const auto length = in.take(4);
        if (!length) return damaged();
        const auto sealed =
            in.take(std::size_t{(*length)[0]} << 24 | std::size_t{(*length)[1]} << 16 |
                    std::size_t{(*length)[2]} << 8 | (*length)[3]);
        if (!sealed) return damaged();
        const SecretBytes plain = TRY(unseal({'S', generation_, index}, *sealed));
        if (index > 0) {
            TRY_VOID(deliver(plain.bytes(), on_entry));
            continue;
        }
        if (plain.size() != number_bytes) return damaged();
        count = number_of(plain.bytes());
    }
    if (!in.empty()) return damaged();
    return {};
}

Result<void> VaultStore::open_log(const OnEntry& on_entry) {
    const std::string name = log_name(generation_);
    auto before = directory_.read(name, snapshot_bytes_max);
    if (!before && before.error().kind != ErrorKind::not_found) {
        return std::unexpected(before.error());
    }
    next_log_index_ = 0;
    Result<void> replayed;
    log_.reset();
    log_ = TRY(host::AppendLog::open(path_ + "/" + name, [&](Bytes record) {
        if (!replayed) return;
        auto plain = unseal({'L', generation_, next_log_index_}, record);
        replayed = plain ? deliver(plain->bytes(), on_entry) : std::unexpected(plain.error());
        ++next_log_index_;
    }));
    TRY_VOID(replayed);
    log_failed_ = false;
    const std::uint64_t cut = before ? before->size() - log_->size() : 0;
    if (cut > torn_bytes_max) {
        // Whatever this was, it was no crash: keep it for whoever has to find out.
        TRY_VOID(directory_.write_durably(name + ".damaged", *before));
        return damaged();
    }
    if (cut > 0) {
        softpos::log(LogLevel::warning, "vault store: cut a torn record off",
                     {{"bytes", static_cast<std::int64_t>(cut)}});
    }
    return {};
}

Result<void> VaultStore::append(Bytes entries) {
    CHECK(entries.size() <= record_entries_bytes_max);
    const auto refused =
        std::unexpected(protocol::error_of(ErrorKind::unavailable, protocol::VaultFault::storage));
    if (log_failed_) return refused;
    const Buffer sealed = seal({'L', generation_, next_log_index_}, entries);
    if (!log_->append(sealed)) {
        log_failed_ = true;
        return refused;
    }
    ++next_log_index_;
    return {};
}

bool VaultStore::wants_snapshot() const {
    return log_failed_ || log_->size() > std::max(log_bytes_wanted_, snapshot_bytes_);
}

Result<void> VaultStore::write_snapshot(const ForEachEntry& state) {
    const std::uint64_t next = generation_ + 1;
    Buffer records;
    std::uint64_t count = 0;
    const auto put_record = [&](std::uint64_t index, Bytes plain, Buffer& out) {
        const Buffer sealed = seal({'S', next, index}, plain);
        for (unsigned i = 0; i < 4; ++i) {
            out.push_back(static_cast<std::uint8_t>(sealed.size() >> (24 - 8 * i) & 0xFF));
        }
        softpos::append(out, sealed);
    };
    EntryWriter writer;
    state([&](const Entry& entry) {
        if (!writer.fits(entry)) {
            put_record(++count, writer.bytes(), records);
            writer.clear();
        }
        writer.put(entry);
    });
    if (!writer.empty()) put_record(++count, writer.bytes(), records);

    Buffer file(magic.begin(), magic.end());
    put_number(file, next);
    Buffer count_bytes;
    put_number(count_bytes, count);
    put_record(0, count_bytes, file);
    softpos::append(file, records);
    if (file.size() > snapshot_bytes_max) {
        return std::unexpected(protocol::error_of(ErrorKind::denied, protocol::VaultFault::full));
    }
    // From here on nobody knows which snapshot a crash would leave: no record may go to the old
    // log, until the new one is open.
    log_failed_ = true;
    TRY_VOID(directory_.write_durably(snapshot_name, file));
    const std::string old_log = log_name(std::exchange(generation_, next));
    snapshot_bytes_ = file.size();
    TRY_VOID(open_log([](const Entry&) -> Result<void> { return damaged(); }));
    const auto removed = directory_.remove(old_log);
    if (!removed && removed.error().kind != ErrorKind::not_found) return removed;
    return {};
}

}  // namespace softpos::keys
