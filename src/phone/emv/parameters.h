// What a merchant's terminal accepts and under which limits: data, checked once when it is loaded.
// The text form is data/emv/*.params; its first lines explain it.
#pragma once

#include "base/result.h"
#include "codec/ber_tlv.h"
#include "phone/emv/events.h"
#include "phone/emv/fixed_bytes.h"
#include "phone/emv/outcome.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace softpos::emv {

constexpr std::size_t aid_bytes_min = 5;
constexpr std::size_t aid_bytes_max = 16;
constexpr std::size_t combinations_max = 96;
constexpr std::size_t terminal_values_max = 48;
constexpr std::size_t terminal_value_bytes_max = 64;
constexpr std::size_t cvm_rules_max = 32;
constexpr std::size_t parameter_text_bytes_max = 64 * 1024;

using Aid = FixedBytes<aid_bytes_max>;
using Ttq = std::array<std::uint8_t, 4>;

// One byte for the registered kernels, three for the others, as 9F2A writes them: 0x07, 0x810978.
using KernelId = std::uint32_t;
constexpr KernelId kernel_unionpay = 0x07;

enum class AidClass : std::uint8_t { any, debit, credit, quasi_credit, electronic_cash };

// Bits, so that one combination serves several types.
constexpr std::uint8_t type_purchase = 1;
constexpr std::uint8_t type_cash = 2;
constexpr std::uint8_t type_cashback = 4;
constexpr std::uint8_t type_refund = 8;
std::uint8_t type_bit(std::uint8_t transaction_type);  // 0 for a type that is none of them.

// An application and the kernel that serves it. An absent limit is not zero: nothing is compared.
//
// Spec: [EMV-A] 5.2.
struct Combination {
    Aid aid;
    KernelId kernel = 0;
    AidClass aid_class = AidClass::any;
    std::uint8_t types = 0;  // type_* bits.
    std::optional<bool> status_check;
    std::optional<bool> zero_amount_allowed;
    std::optional<std::int64_t> transaction_limit_minor;
    std::optional<std::int64_t> floor_limit_minor;
    std::optional<std::int64_t> cvm_limit_minor;
    std::optional<std::int64_t> terminal_floor_limit_minor;  // 9F1B
    std::optional<Ttq> ttq;
    bool extended_selection = false;
    std::optional<std::array<std::uint8_t, 2>> version;  // 9F09
};

struct TerminalValue {
    codec::Tag tag;
    FixedBytes<terminal_value_bytes_max> value;
};

// How the terminal knows that a card is domestic before it asks for a cryptogram.
enum class DomesticCheck : std::uint8_t {
    assumed,   // Not checked. The card still decides for itself whether it wants a PIN.
    get_data,  // GET DATA 9F51 (and DF71 in the FCI) holds the currency: one more command.
};

// 小额免密免签: purchases up to a limit without PIN and signature, for enrolled merchants.
struct SmallAmountPolicy {
    bool enrolled = false;
    std::int64_t limit_minor = 0;  // At most this.
    std::uint16_t currency = 156;
    DomesticCheck check = DomesticCheck::assumed;
    bool overrule_pin = false;  // A domestic card's own wish for a PIN is not followed.
};

enum class PinRule : std::uint8_t { as_card, always, never };
enum class SignatureRule : std::uint8_t { as_card, with_pin, never };

// A scheme rule for one country. The first that fits counts.
struct CvmRule {
    std::uint16_t country = 0;  // ISO 3166 number, of the terminal (9F1A).
    AidClass aid_class = AidClass::any;
    std::int64_t from_minor = 0;
    std::optional<std::int64_t> below_minor{};
    PinRule pin = PinRule::as_card;
    SignatureRule signature = SignatureRule::as_card;
};

// Immutable after loading.
//
//     const auto set = TRY(ParameterSet::parse(text));
class ParameterSet {
public:
    // A combination for a kernel that is not in `kernels` is refused here and not at the till.
    // Error::detail is the line.
    static Result<ParameterSet> parse(std::string_view text,
                                      std::span<const KernelId> kernels = finished_kernels());
    static std::span<const KernelId> finished_kernels();

    // For tests and importers: what parse() checks within a row is the caller's business.
    Result<void> add(const Combination& combination);
    Result<void> add(codec::Tag tag, Bytes value);
    Result<void> add(const CvmRule& rule);
    void set(const SmallAmountPolicy& policy) { small_amount_ = policy; }

    std::span<const Combination> combinations() const { return combinations_; }
    std::optional<Bytes> terminal(codec::Tag tag) const;
    std::uint16_t terminal_number(codec::Tag tag) const;  // n3 in two bytes; 0 where absent.
    const SmallAmountPolicy& small_amount() const { return small_amount_; }
    const CvmRule* cvm_rule(AidClass aid_class, std::int64_t amount_minor) const;

private:
    std::vector<Combination> combinations_;
    std::vector<TerminalValue> terminal_;
    std::vector<CvmRule> cvm_rules_;
    SmallAmountPolicy small_amount_;
};

}  // namespace softpos::emv
