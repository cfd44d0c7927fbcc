// One derivation function; the host walks it down the ones of a counter, the device keeps the
// branches that are still to come.
#include "crypto/dukpt_aes.h"

#include "base/check.h"
#include "crypto/cipher.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace softpos::crypto {
namespace {

constexpr std::uint16_t usage_key_derivation = 0x8000;
constexpr std::uint16_t usage_initial_key = 0x8001;
constexpr std::uint32_t update_counter = 0xFFFFFFFF;
constexpr std::uint32_t top_bit = 0x80000000;

std::size_t bytes_of_kind(DukptKeyKind kind) {
    switch (kind) {
        case DukptKeyKind::tdes2:
        case DukptKeyKind::aes128:
            return 16;
        case DukptKeyKind::tdes3:
        case DukptKeyKind::aes192:
            return 24;
        case DukptKeyKind::aes256:
            return 32;
    }
    return 0;
}

bool is_aes_key_size(std::size_t size) {
    return size == 16 || size == 24 || size == 32;
}

DukptKeyKind aes_kind(std::size_t key_bytes) {
    if (key_bytes == 16) return DukptKeyKind::aes128;
    return key_bytes == 24 ? DukptKeyKind::aes192 : DukptKeyKind::aes256;
}

// TDES keys count 112 bits at most, so each fits under every AES key.
bool stronger_than(DukptKeyKind kind, std::size_t parent_bytes) {
    const bool tdes = kind == DukptKeyKind::tdes2 || kind == DukptKeyKind::tdes3;
    return !tdes && bytes_of_kind(kind) > parent_bytes;
}

void put_u16(std::span<std::uint8_t> out, std::uint16_t value) {
    out[0] = static_cast<std::uint8_t>(value >> 8);
    out[1] = static_cast<std::uint8_t>(value & 0xFF);
}

void put_u32(std::span<std::uint8_t> out, std::uint32_t value) {
    put_u16(out.first(2), static_cast<std::uint16_t>(value >> 16));
    put_u16(out.subspan(2, 2), static_cast<std::uint16_t>(value & 0xFFFF));
}

std::uint32_t get_u32(Bytes in) {
    return std::uint32_t{in[0]} << 24 | std::uint32_t{in[1]} << 16 | std::uint32_t{in[2]} << 8 |
           in[3];
}

struct Purpose {
    std::uint16_t usage;
    DukptKeyKind kind;
};

using Tail = std::array<std::uint8_t, 8>;

constexpr std::size_t derivation_block_bytes = 16;
using DerivationBlock = std::array<std::uint8_t, derivation_block_bytes>;

// The block that becomes bytes 16 * number and following of the key. Spec: [X9.24-3] 6.3.1.
DerivationBlock derivation_block(const Purpose& purpose, const Tail& tail, std::size_t number) {
    DerivationBlock data{0x01};  // Version.
    data[1] = static_cast<std::uint8_t>(number + 1);
    put_u16(std::span(data).subspan(2), purpose.usage);
    put_u16(std::span(data).subspan(4), std::to_underlying(purpose.kind));
    put_u16(std::span(data).subspan(6),
            static_cast<std::uint16_t>(bytes_of_kind(purpose.kind) * 8));
    std::ranges::copy(tail, data.begin() + 8);
    return data;
}

// One key out of another: as many blocks as it needs, each encrypted, the last one cut.
void derive(const BlockKey& parent, const Purpose& purpose, const Tail& tail,
            std::span<std::uint8_t> out) {
    constexpr std::size_t size = derivation_block_bytes;
    CHECK(out.size() == bytes_of_kind(purpose.kind));
    DerivationBlock block{};
    for (std::size_t done = 0; done < out.size(); done += size) {
        parent.encrypt_block(derivation_block(purpose, tail, done / size), block);
        std::copy_n(block.begin(), std::min(size, out.size() - done), out.subspan(done).begin());
    }
    wipe(block);
}

Buffer derivation_data(const Purpose& purpose, const Tail& tail) {
    Buffer data;
    for (std::size_t done = 0; done < bytes_of_kind(purpose.kind); done += derivation_block_bytes) {
        append(data, derivation_block(purpose, tail, done / derivation_block_bytes));
    }
    return data;
}

// Derivation id and counter: what every key below the initial one is bound to.
Tail tail_of(Bytes initial_key_id, std::uint32_t counter) {
    Tail tail{};
    std::ranges::copy(initial_key_id.last(4), tail.begin());
    put_u32(std::span(tail).last(4), counter);
    return tail;
}

Purpose derivation(std::size_t key_bytes) {
    return {usage_key_derivation, aes_kind(key_bytes)};
}

BlockKey block_key(Bytes key) {
    auto made = BlockKey::make(Cipher::aes, key);
    CHECK(made.has_value());
    return std::move(*made);
}

// From the initial key down to `counter`, one derivation for each one bit from the top. Any
// counter: the caller has checked it, and the update key sits at all ones. `cipher` is any AES
// cipher, and is left with the key above the result in it.
SecretBytes walk(BlockKey& cipher, Bytes initial_key, Bytes initial_key_id, std::uint32_t counter) {
    SecretBytes key = SecretBytes::copy_of(initial_key);
    std::uint32_t path = 0;
    for (std::uint32_t bit = top_bit; bit != 0; bit >>= 1) {
        if ((counter & bit) == 0) continue;
        path |= bit;
        CHECK(cipher.rekey(key.bytes()).has_value());
        derive(cipher, derivation(initial_key.size()), tail_of(initial_key_id, path),
               key.writable());
    }
    return key;
}

SecretBytes working_key(BlockKey& cipher, Bytes derivation_key, const AesKsn& ksn,
                        const Purpose& purpose) {
    CHECK(cipher.rekey(derivation_key).has_value());
    SecretBytes key(bytes_of_kind(purpose.kind));
    derive(cipher, purpose, tail_of(ksn.initial_key_id(), ksn.counter()), key.writable());
    return key;
}

Tail initial_key_tail(Bytes initial_key_id) {
    Tail tail{};
    std::ranges::copy(initial_key_id, tail.begin());
    return tail;
}

SecretBytes initial_key_of(BlockKey& cipher, Bytes bdk, Bytes initial_key_id) {
    CHECK(cipher.rekey(bdk).has_value());
    SecretBytes key(bdk.size());
    derive(cipher, {usage_initial_key, aes_kind(bdk.size())}, initial_key_tail(initial_key_id),
           key.writable());
    return key;
}

Result<void> check_sizes(Bytes key, Bytes initial_key_id) {
    if (!is_aes_key_size(key.size())) return fail(ErrorKind::malformed, "dukpt: key size");
    if (initial_key_id.size() != dukpt_initial_key_id_bytes) {
        return fail(ErrorKind::malformed, "dukpt: initial key id size");
    }
    return {};
}

Result<void> check_strength(DukptKeyKind kind, std::size_t parent_bytes) {
    if (stronger_than(kind, parent_bytes)) {
        return fail(ErrorKind::denied, "dukpt: working key stronger than its base");
    }
    return {};
}

Result<void> check_counter(std::uint32_t counter) {
    if (!is_dukpt_counter(counter)) return fail(ErrorKind::denied, "dukpt: counter");
    return {};
}

}  // namespace

Result<AesKsn> AesKsn::parse(Bytes ksn12) {
    AesKsn ksn;
    if (ksn12.size() != ksn.bytes.size()) return fail(ErrorKind::malformed, "dukpt: ksn size");
    std::ranges::copy(ksn12, ksn.bytes.begin());
    return ksn;
}

AesKsn AesKsn::make(Bytes initial_key_id8, std::uint32_t counter) {
    CHECK(initial_key_id8.size() == dukpt_initial_key_id_bytes);
    AesKsn ksn;
    std::ranges::copy(initial_key_id8, ksn.bytes.begin());
    put_u32(std::span(ksn.bytes).last(4), counter);
    return ksn;
}

std::uint32_t AesKsn::counter() const {
    return get_u32(Bytes(bytes).last(4));
}

bool is_dukpt_counter(std::uint32_t counter) {
    return counter != 0 && counter <= dukpt_counter_last &&
           std::popcount(counter) <= static_cast<int>(dukpt_counter_ones_max);
}

Result<SecretBytes> dukpt_aes_initial_key(Bytes bdk, Bytes initial_key_id8) {
    TRY_VOID(check_sizes(bdk, initial_key_id8));
    BlockKey cipher = block_key(bdk);
    return initial_key_of(cipher, bdk, initial_key_id8);
}

namespace {

// The last two steps, with whatever cipher the caller has at hand.
Result<SecretBytes> key_at(BlockKey& cipher, Bytes initial_key, const AesKsn& ksn,
                           const Purpose& purpose) {
    const SecretBytes key = walk(cipher, initial_key, ksn.initial_key_id(), ksn.counter());
    return working_key(cipher, key.bytes(), ksn, purpose);
}

}  // namespace

Result<SecretBytes> dukpt_aes_key_from_initial(Bytes initial_key, const AesKsn& ksn,
                                               DukptUsage usage, DukptKeyKind kind) {
    TRY_VOID(check_sizes(initial_key, ksn.initial_key_id()));
    TRY_VOID(check_strength(kind, initial_key.size()));
    TRY_VOID(check_counter(ksn.counter()));
    BlockKey cipher = block_key(initial_key);
    return key_at(cipher, initial_key, ksn, {std::to_underlying(usage), kind});
}

Result<DukptAesHost> DukptAesHost::make(Bytes bdk) {
    if (!is_aes_key_size(bdk.size())) return fail(ErrorKind::malformed, "dukpt: key size");
    return DukptAesHost(block_key(bdk), block_key(bdk), bdk.size());
}

Result<SecretBytes> DukptAesHost::key(const AesKsn& ksn, DukptUsage usage, DukptKeyKind kind) {
    TRY_VOID(check_strength(kind, bdk_bytes_));
    TRY_VOID(check_counter(ksn.counter()));
    SecretBytes initial_key(bdk_bytes_);
    derive(base_, {usage_initial_key, aes_kind(bdk_bytes_)}, initial_key_tail(ksn.initial_key_id()),
           initial_key.writable());
    return key_at(scratch_, initial_key.bytes(), ksn, {std::to_underlying(usage), kind});
}

Result<SecretBytes> dukpt_aes_host_key(Bytes bdk, const AesKsn& ksn, DukptUsage usage,
                                       DukptKeyKind kind) {
    DukptAesHost host = TRY(DukptAesHost::make(bdk));
    return host.key(ksn, usage, kind);
}

Result<Buffer> dukpt_aes_initial_key_data(std::size_t bdk_bytes, Bytes initial_key_id8) {
    if (bdk_bytes != 16 && bdk_bytes != 32) return fail(ErrorKind::malformed, "dukpt: key size");
    if (initial_key_id8.size() != dukpt_initial_key_id_bytes) {
        return fail(ErrorKind::malformed, "dukpt: initial key id size");
    }
    return derivation_data({usage_initial_key, aes_kind(bdk_bytes)},
                           initial_key_tail(initial_key_id8));
}

Result<std::vector<Buffer>> dukpt_aes_path(std::size_t bdk_bytes, const AesKsn& ksn,
                                           DukptUsage usage, DukptKeyKind kind) {
    TRY_VOID(check_strength(kind, bdk_bytes));
    TRY_VOID(check_counter(ksn.counter()));
    std::vector<Buffer> steps;
    steps.push_back(TRY(dukpt_aes_initial_key_data(bdk_bytes, ksn.initial_key_id())));
    std::uint32_t path = 0;
    for (std::uint32_t bit = top_bit; bit != 0; bit >>= 1) {
        if ((ksn.counter() & bit) == 0) continue;
        path |= bit;
        steps.push_back(
            derivation_data(derivation(bdk_bytes), tail_of(ksn.initial_key_id(), path)));
    }
    steps.push_back(derivation_data({std::to_underlying(usage), kind},
                                    tail_of(ksn.initial_key_id(), ksn.counter())));
    return steps;
}

Result<SecretBytes> dukpt_aes_update_key(Bytes bdk, Bytes initial_key_id8, DukptKeyKind kind) {
    TRY_VOID(check_sizes(bdk, initial_key_id8));
    TRY_VOID(check_strength(kind, bdk.size()));
    BlockKey cipher = block_key(bdk);
    const SecretBytes initial_key = initial_key_of(cipher, bdk, initial_key_id8);
    return key_at(cipher, initial_key.bytes(), AesKsn::make(initial_key_id8, update_counter),
                  {std::to_underlying(DukptUsage::key_encryption), kind});
}

Result<SecretBytes> dukpt_aes_derivation_key(Bytes bdk, const AesKsn& ksn) {
    TRY_VOID(check_sizes(bdk, ksn.initial_key_id()));
    TRY_VOID(check_counter(ksn.counter()));
    BlockKey cipher = block_key(bdk);
    const SecretBytes initial_key = initial_key_of(cipher, bdk, ksn.initial_key_id());
    return walk(cipher, initial_key.bytes(), ksn.initial_key_id(), ksn.counter());
}

namespace {

// What register `i` stands for while `counter` is the next to be used, and whether it is needed:
// the register of the lowest one bit holds the next key itself, those below are derived from it
// then, those above are needed where the counter has a zero.
struct RegisterUse {
    std::uint32_t counter;
    bool needed;
};

RegisterUse use_of(std::size_t i, std::uint32_t counter) {
    const std::uint32_t bit = std::uint32_t{1} << i;
    const std::uint32_t held = (counter & ~(bit | (bit - 1))) | bit;
    const auto lowest = static_cast<std::size_t>(std::countr_zero(counter));
    return {held, held == counter || (i > lowest && held > counter && is_dukpt_counter(held))};
}

constexpr std::uint8_t state_version = 1;
constexpr std::size_t state_header_bytes = 2 + dukpt_initial_key_id_bytes + 4;

}  // namespace

Result<DukptAesDevice> DukptAesDevice::load(Bytes initial_key, Bytes initial_key_id8,
                                            std::uint32_t first_counter) {
    TRY_VOID(check_sizes(initial_key, initial_key_id8));
    TRY_VOID(check_counter(first_counter));
    DukptAesDevice device;
    std::ranges::copy(initial_key_id8, device.initial_key_id_.begin());
    device.key_bytes_ = initial_key.size();
    device.counter_ = first_counter;
    BlockKey cipher = block_key(initial_key);
    for (std::size_t i = 0; i < register_count; ++i) {
        const RegisterUse use = use_of(i, first_counter);
        if (!use.needed) continue;
        device.registers_[i] = walk(cipher, initial_key, initial_key_id8, use.counter);
    }
    return device;
}

// Derives the branches below the key just used, forgets that key and finds the next counter.
void DukptAesDevice::advance() {
    const auto current = static_cast<std::size_t>(std::countr_zero(counter_));
    SecretBytes used = std::exchange(registers_[current], SecretBytes());
    if (std::popcount(counter_) >= static_cast<int>(dukpt_counter_ones_max)) {
        // Every counter below this branch has too many ones: skip them all.
        const std::uint64_t next = std::uint64_t{counter_} + (std::uint64_t{1} << current);
        counter_ = next > dukpt_counter_last ? update_counter : static_cast<std::uint32_t>(next);
        return;
    }
    const BlockKey parent = block_key(used.bytes());
    for (std::size_t i = 0; i < current; ++i) {
        SecretBytes key(key_bytes_);
        derive(parent, derivation(key_bytes_),
               tail_of(initial_key_id_, counter_ | std::uint32_t{1} << i), key.writable());
        registers_[i] = std::move(key);
    }
    ++counter_;
}

Result<DukptAesDevice::Step> DukptAesDevice::next(DukptUsage usage, DukptKeyKind kind) {
    if (counter_ > dukpt_counter_last) return fail(ErrorKind::denied, "dukpt: counters used up");
    TRY_VOID(check_strength(kind, key_bytes_));
    Step step{.ksn = AesKsn::make(initial_key_id_, counter_), .key = {}};
    const SecretBytes& held = registers_[static_cast<std::size_t>(std::countr_zero(counter_))];
    BlockKey cipher = block_key(held.bytes());
    step.key = working_key(cipher, held.bytes(), step.ksn, {std::to_underlying(usage), kind});
    advance();
    return step;
}

// version, key size, initial key id, next counter, then the needed registers from the lowest.
SecretBytes DukptAesDevice::serialize() const {
    std::size_t held = 0;
    for (const SecretBytes& key : registers_) held += key.size();
    SecretBytes out(state_header_bytes + held);
    const auto bytes = out.writable();
    bytes[0] = state_version;
    bytes[1] = static_cast<std::uint8_t>(key_bytes_);
    std::ranges::copy(initial_key_id_, bytes.subspan(2).begin());
    put_u32(bytes.subspan(2 + initial_key_id_.size()), counter_);
    std::size_t place = state_header_bytes;
    for (const SecretBytes& key : registers_) {
        std::ranges::copy(key.bytes(), bytes.subspan(place).begin());
        place += key.size();
    }
    return out;
}

Result<DukptAesDevice> DukptAesDevice::restore(Bytes serialized) {
    ByteReader in(serialized);
    const auto header = in.take(state_header_bytes);
    if (!header || (*header)[0] != state_version || !is_aes_key_size((*header)[1])) {
        return fail(ErrorKind::malformed, "dukpt state: header");
    }
    DukptAesDevice device;
    device.key_bytes_ = (*header)[1];
    std::ranges::copy(header->subspan(2, dukpt_initial_key_id_bytes),
                      device.initial_key_id_.begin());
    device.counter_ = get_u32(header->last(4));
    const bool used_up = device.counter_ == update_counter;
    if (!used_up && !is_dukpt_counter(device.counter_)) {
        return fail(ErrorKind::malformed, "dukpt state: counter");
    }
    for (std::size_t i = 0; i < register_count && !used_up; ++i) {
        if (!use_of(i, device.counter_).needed) continue;
        const auto key = in.take(device.key_bytes_);
        if (!key) return fail(ErrorKind::malformed, "dukpt state: cut short", 0, in.position());
        device.registers_[i] = SecretBytes::copy_of(*key);
    }
    if (!in.empty()) return fail(ErrorKind::malformed, "dukpt state: rest", 0, in.position());
    return device;
}

}  // namespace softpos::crypto
