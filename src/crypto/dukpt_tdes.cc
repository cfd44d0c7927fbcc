// The non-reversible key generation process and its two users.
#include "crypto/dukpt_tdes.h"

#include "base/check.h"
#include "crypto/cipher.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace softpos::crypto {
namespace {

constexpr std::size_t half = 8;
constexpr std::size_t key_bytes = 16;
constexpr std::uint32_t counter_top_bit = 0x100000;
constexpr std::array<std::uint8_t, 4> half_mask{0xC0, 0xC0, 0xC0, 0xC0};

using Block = std::array<std::uint8_t, half>;

BlockKey single_des(Bytes key8) {
    auto key = BlockKey::make(Cipher::tdes, key8);
    CHECK(key.has_value());
    return std::move(*key);
}

void xor_into(std::span<std::uint8_t> to, Bytes from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
        to[i] = static_cast<std::uint8_t>(to[i] ^ from[i]);
    }
}

// C0C0C0C000000000 on each half.
SecretBytes masked(Bytes key) {
    SecretBytes out = SecretBytes::copy_of(key);
    xor_into(out.writable().first(half), half_mask);
    xor_into(out.writable().last(half), half_mask);
    return out;
}

// E with the left half over (register ^ right), then ^ right. Spec: [X9.24-1] A.2.
void generate_half(Bytes key, Bytes data8, std::span<std::uint8_t> out) {
    const Bytes right = key.last(half);
    std::ranges::copy(data8, out.begin());
    xor_into(out, right);
    single_des(key.first(half)).encrypt_block(out, out);
    xor_into(out, right);
}

// The right eight bytes of the serial number, with the counter bits seen so far.
Block data_of(const TdesKsn& ksn, std::uint32_t counter) {
    const TdesKsn partial = ksn.with_counter(counter);
    Block data{};
    std::ranges::copy(Bytes(partial.bytes).last(half), data.begin());
    return data;
}

SecretBytes generate(Bytes key, const TdesKsn& ksn, std::uint32_t counter) {
    const Block data = data_of(ksn, counter);
    const SecretBytes other = masked(key);
    SecretBytes out(key_bytes);
    generate_half(other.bytes(), data, out.writable().first(half));
    generate_half(key, data, out.writable().last(half));
    return out;
}

SecretBytes walk(Bytes initial_key, const TdesKsn& ksn, std::uint32_t counter) {
    SecretBytes key = SecretBytes::copy_of(initial_key);
    std::uint32_t path = 0;
    for (std::uint32_t bit = counter_top_bit; bit != 0; bit >>= 1) {
        if ((counter & bit) == 0) continue;
        path |= bit;
        key = generate(key.bytes(), ksn, path);
    }
    return key;
}

Result<void> check_key(Bytes key) {
    if (key.size() != key_bytes) return fail(ErrorKind::malformed, "dukpt: key size");
    return {};
}

// Which byte of each half a usage complements.
std::size_t variant_byte(TdesDukptUsage usage) {
    switch (usage) {
        case TdesDukptUsage::pin_encryption:
            return 7;
        case TdesDukptUsage::mac_request:
            return 6;
        case TdesDukptUsage::mac_response:
            return 4;
        case TdesDukptUsage::data_request:
            return 5;
        case TdesDukptUsage::data_response:
            return 3;
    }
    return 0;
}

}  // namespace

Result<TdesKsn> TdesKsn::parse(Bytes ksn10) {
    TdesKsn ksn;
    if (ksn10.size() != ksn.bytes.size()) return fail(ErrorKind::malformed, "dukpt: ksn size");
    std::ranges::copy(ksn10, ksn.bytes.begin());
    return ksn;
}

std::uint32_t TdesKsn::counter() const {
    return (std::uint32_t{bytes[7]} << 16 | std::uint32_t{bytes[8]} << 8 | bytes[9]) &
           tdes_counter_max;
}

TdesKsn TdesKsn::with_counter(std::uint32_t counter) const {
    CHECK(counter <= tdes_counter_max);
    TdesKsn ksn = *this;
    ksn.bytes[7] = static_cast<std::uint8_t>((bytes[7] & 0xE0) | counter >> 16);
    ksn.bytes[8] = static_cast<std::uint8_t>(counter >> 8 & 0xFF);
    ksn.bytes[9] = static_cast<std::uint8_t>(counter & 0xFF);
    return ksn;
}

bool is_tdes_dukpt_counter(std::uint32_t counter) {
    return counter != 0 && counter <= tdes_counter_max &&
           std::popcount(counter) <= static_cast<int>(tdes_counter_ones_max);
}

Result<SecretBytes> dukpt_tdes_initial_key(Bytes bdk, const TdesKsn& ksn) {
    TRY_VOID(check_key(bdk));
    const TdesKsn base = ksn.with_counter(0);
    const Bytes data = Bytes(base.bytes).first(half);
    SecretBytes out(key_bytes);
    TRY(BlockKey::make(Cipher::tdes, bdk)).encrypt_block(data, out.writable().first(half));
    const SecretBytes other = masked(bdk);
    TRY(BlockKey::make(Cipher::tdes, other.bytes())).encrypt_block(data, out.writable().last(half));
    return out;
}

Result<SecretBytes> dukpt_tdes_transaction_key(Bytes initial_key, const TdesKsn& ksn) {
    TRY_VOID(check_key(initial_key));
    if (!is_tdes_dukpt_counter(ksn.counter())) return fail(ErrorKind::denied, "dukpt: counter");
    return walk(initial_key, ksn, ksn.counter());
}

Result<SecretBytes> dukpt_tdes_variant(Bytes transaction_key, TdesDukptUsage usage) {
    TRY_VOID(check_key(transaction_key));
    SecretBytes variant = SecretBytes::copy_of(transaction_key);
    const std::size_t place = variant_byte(usage);
    for (const std::size_t i : {place, place + half}) {
        variant.writable()[i] = static_cast<std::uint8_t>(variant.bytes()[i] ^ 0xFF);
    }
    if (usage != TdesDukptUsage::data_request && usage != TdesDukptUsage::data_response) {
        return variant;
    }
    // A data key is its variant encrypted under itself: who finds it does not find the others.
    SecretBytes out(key_bytes);
    TRY(BlockKey::make(Cipher::tdes, variant.bytes())).encrypt(variant.bytes(), out.writable());
    return out;
}

Result<SecretBytes> dukpt_tdes_host_key(Bytes bdk, const TdesKsn& ksn, TdesDukptUsage usage) {
    const SecretBytes initial_key = TRY(dukpt_tdes_initial_key(bdk, ksn));
    const SecretBytes key = TRY(dukpt_tdes_transaction_key(initial_key.bytes(), ksn));
    return dukpt_tdes_variant(key.bytes(), usage);
}

Result<DukptTdesDevice> DukptTdesDevice::load(Bytes initial_key, const TdesKsn& ksn) {
    TRY_VOID(check_key(initial_key));
    DukptTdesDevice device;
    device.ksn_ = ksn.with_counter(0);
    for (std::size_t i = 0; i < register_count; ++i) {
        device.registers_[i] = generate(initial_key, device.ksn_, std::uint32_t{1} << i);
    }
    return device;
}

void DukptTdesDevice::advance() {
    const auto current = static_cast<std::size_t>(std::countr_zero(counter_));
    const SecretBytes used = std::exchange(registers_[current], SecretBytes());
    if (std::popcount(counter_) >= static_cast<int>(tdes_counter_ones_max)) {
        counter_ += std::uint32_t{1} << current;  // Below this branch all have too many ones.
        return;
    }
    for (std::size_t i = 0; i < current; ++i) {
        registers_[i] = generate(used.bytes(), ksn_, counter_ | std::uint32_t{1} << i);
    }
    ++counter_;
}

Result<DukptTdesDevice::Step> DukptTdesDevice::next() {
    if (counter_ > tdes_counter_max) return fail(ErrorKind::denied, "dukpt: counters used up");
    const auto current = static_cast<std::size_t>(std::countr_zero(counter_));
    Step step{.ksn = ksn_.with_counter(counter_), .key = registers_[current].clone()};
    advance();
    return step;
}

}  // namespace softpos::crypto
