// A kernel that is no payment kernel: the card says in its answer to GPO what the outcome is. It
// proves that the entry point hands over what it should, and that a kernel plugs in by a descriptor
// alone. Tests only.
//
// The PDOL may ask for D1 (what pre-processing found), D2 (start point), D3 (SW of SELECT). The
// values go out without a template. The answer is 77 { D4 outcome, D5 ui on outcome, D6 ui on
// restart, 91 71 72 }.
#pragma once

#include "codec/apdu.h"
#include "codec/dol.h"
#include "phone/emv/kernel.h"

#include <array>

namespace softpos::emv::testing {

inline std::array<std::uint8_t, 6> bcd6(std::int64_t number) {
    std::array<std::uint8_t, 6> bcd{};
    for (std::size_t i = 6; i-- > 0; number /= 100)
        bcd[i] = static_cast<std::uint8_t>(number / 10 % 10 * 16 + number % 10);
    return bcd;
}

class ToyKernel {
public:
    static KernelStep step(const KernelContext& context, const KernelEvent& event) {
        ToyKernel toy(context);
        if (event.kind == KernelEvent::Kind::start) return toy.ask();
        if (event.kind == KernelEvent::Kind::rapdu) return toy.answer(event.bytes);
        return KernelStep::end(Outcome::again({}, {}));
    }

private:
    using Tag = codec::Tag;

    explicit ToyKernel(const KernelContext& context) : context_(context) {}

    static Bytes child(Bytes in, Tag tag) {
        const auto found = codec::find_value(in, tag);
        return found && *found ? **found : Bytes{};
    }

    std::optional<codec::DolValue> value(Tag tag) {
        using codec::DataFormat;
        const auto& found = context_.indicators;
        switch (static_cast<std::uint32_t>(tag)) {
            case 0xD1:
                flags_ = {static_cast<std::uint8_t>(
                              found.floor_limit_exceeded << 7 | found.not_allowed << 6 |
                              found.cvm_limit_exceeded << 5 | found.status_check_requested << 4 |
                              found.zero_amount << 3),
                          static_cast<std::uint8_t>(context_.restart << 7)};
                return codec::DolValue{flags_};
            case 0xD2:
                point_ = static_cast<std::uint8_t>(0x09 + static_cast<int>(context_.start));
                return codec::DolValue{Bytes(&point_, 1)};
            case 0xD3:
                sw_ = {static_cast<std::uint8_t>(context_.select_sw >> 8),
                       static_cast<std::uint8_t>(context_.select_sw & 0xFF)};
                return codec::DolValue{sw_};
            case 0x9F2A: {
                auto id = context_.combination.kernel;
                kernel_ = {};
                if (id <= 0xFF) id <<= 16;
                for (std::size_t i = 0; i < 3; ++i)
                    kernel_[i] = static_cast<std::uint8_t>(id >> (16 - 8 * i));
                return codec::DolValue{kernel_};
            }
            case 0x9F66:
                if (!found.ttq) return std::nullopt;
                return codec::DolValue{*found.ttq};
            case 0x9F02:
                amount_ = bcd6(context_.transaction.amount_minor);
                return codec::DolValue{amount_, DataFormat::numeric};
            case 0x9F03:
                other_ = bcd6(context_.transaction.other_minor);
                return codec::DolValue{other_, DataFormat::numeric};
            case 0x9C:
                return codec::DolValue{Bytes(&context_.transaction.type, 1), DataFormat::numeric};
            case 0x9A:
                return codec::DolValue{context_.transaction.date, DataFormat::numeric};
            case 0x9F21:
                return codec::DolValue{context_.transaction.time, DataFormat::numeric};
            case 0x9F37:
                return codec::DolValue{context_.transaction.unpredictable_number};
            case 0x9F06:
                return codec::DolValue{context_.combination.aid.bytes()};
            case 0x6F:
                return codec::DolValue{child(context_.fci, tag)};  // Shows the hand-over.
            case 0x91:
            case 0x71:
            case 0x72:
                return codec::DolValue{child(context_.issuer_data, tag)};
            default:
                break;
        }
        const auto terminal = context_.parameters.terminal(tag);
        if (!terminal) return std::nullopt;
        return codec::DolValue{*terminal,
                               text(tag) ? DataFormat::alphanumeric : DataFormat::numeric};
    }

    static bool text(Tag tag) {
        return tag == Tag{0x9F16} || tag == Tag{0x9F4E} || tag == Tag{0x9F1C};
    }

    KernelStep ask() {
        const auto pdol = child(child(child(context_.fci, Tag{0x6F}), Tag{0xA5}), Tag{0x9F38});
        auto& scratch = context_.scratch;
        const auto filled = codec::fill_dol(
            pdol, [this](Tag tag) { return value(tag); }, scratch);
        if (!filled || scratch.size() > 255) return KernelStep::end(Outcome::ended({}));
        make_command(context_.command, {0x80, 0xA8, 0x00, 0x00}, scratch);
        return KernelStep::send();
    }

    static UiRequest ui(Bytes value) {
        UiRequest made;
        if (value.size() != 15) return made;
        made.message = Message{value[0]};
        made.status = Status{value[1]};
        made.hold_100ms = static_cast<std::uint16_t>(value[2] << 8 | value[3]);
        made.language = {static_cast<char>(value[4]), static_cast<char>(value[5])};
        made.value_qualifier = value[6];
        for (const auto byte : value.subspan(7, 6))
            made.value_minor = made.value_minor * 100 + (byte >> 4) * 10 + (byte & 0x0F);
        made.currency = static_cast<std::uint16_t>(value[13] << 8 | value[14]);
        return made;
    }

    KernelStep answer(Bytes bytes) {
        const auto response = codec::parse_response(bytes);
        if (!response) return KernelStep::end(Outcome::ended({}));
        const Bytes body = child(response->data, Tag{0x77});
        const Bytes coded = child(body, Tag{0xD4});
        if (coded.size() != 10) return KernelStep::end(Outcome::ended({}));
        static constexpr OutcomeKind kinds[] = {OutcomeKind::none,
                                                OutcomeKind::select_next,
                                                OutcomeKind::try_again,
                                                OutcomeKind::approved,
                                                OutcomeKind::declined,
                                                OutcomeKind::online_request,
                                                OutcomeKind::try_another_interface,
                                                OutcomeKind::end_application};
        Outcome outcome;
        outcome.kind = coded[0] < std::size(kinds) ? kinds[coded[0]] : OutcomeKind::none;
        outcome.start = coded[1] < 0x0A ? StartPoint::none
                                        : StartPoint{static_cast<std::uint8_t>(coded[1] - 0x09)};
        outcome.online_response = OnlineResponse{coded[2]};
        outcome.cvm = coded[3] > 4 ? Cvm::not_applicable : Cvm{coded[3]};
        outcome.receipt = coded[5] != 0;
        outcome.field_off_100ms = static_cast<std::uint16_t>(coded[6] << 8 | coded[7]);
        outcome.removal_timeout_100ms = static_cast<std::uint16_t>(coded[8] << 8 | coded[9]);
        if (const auto d5 = child(body, Tag{0xD5}); !d5.empty()) outcome.ui_on_outcome = ui(d5);
        if (const auto d6 = child(body, Tag{0xD6}); !d6.empty()) outcome.ui_on_restart = ui(d6);
        keep_record(body);
        return KernelStep::end(outcome);
    }

    void keep_record(Bytes body) {
        context_.card.record.clear();
        codec::TlvReader reader(body);
        while (true) {
            const auto object = reader.next();
            if (!object || !*object) return;
            const auto tag = (*object)->tag;
            if (tag != Tag{0x91} && tag != Tag{0x71} && tag != Tag{0x72}) continue;
            const auto size = static_cast<std::uint8_t>((*object)->value.size());
            auto& record = context_.card.record;
            static_cast<void>(record.append_byte(static_cast<std::uint8_t>(tag)) &&
                              record.append_byte(size) && record.append((*object)->value));
        }
    }

    const KernelContext& context_;
    std::array<std::uint8_t, 2> flags_{};
    std::array<std::uint8_t, 2> sw_{};
    std::array<std::uint8_t, 8> kernel_{};
    std::array<std::uint8_t, 6> amount_{};
    std::array<std::uint8_t, 6> other_{};
    std::uint8_t point_ = 0;
};

}  // namespace softpos::emv::testing
