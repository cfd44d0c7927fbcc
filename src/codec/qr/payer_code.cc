// Templates on two levels; what lies deeper is checked to be well formed and looked up on demand.
#include "codec/qr/payer_code.h"

#include "codec/base64.h"

#include <algorithm>
#include <utility>

namespace softpos::qr {
namespace {

using codec::Tag;
using codec::TlvObject;
using codec::TlvReader;

constexpr std::string_view indicator_value = "CPV01";
constexpr std::uint8_t long_form_bit = 0x80;

std::uint32_t number_of(Tag tag) {
    return std::to_underlying(tag);
}

Fault fault_of(const Error& error, std::size_t base, Tag within) {
    const bool cut = error.kind == ErrorKind::malformed;
    return {cut ? Rule::truncated : Rule::malformed_object, error.detail, number_of(within),
            base + error.at};
}

// Where a value lies in the whole code.
std::size_t offset_of(Bytes whole, Bytes part) {
    return static_cast<std::size_t>(part.data() - whole.data());
}

// All objects of one level are well formed; `found` gets each.
template <typename Take>
QrResult<void> each_object(Bytes whole, Bytes level, Tag within, Take take) {
    TlvReader reader(level);
    while (true) {
        const auto object = reader.next();
        if (!object) {
            return std::unexpected(fault_of(object.error(), offset_of(whole, level), within));
        }
        if (!*object) return {};
        TRY_VOID(take(**object));
    }
}

// Card data in a value that is only decoded, not kept.
QrResult<SecretBytes> decoded(std::string_view base64) {
    auto bytes = codec::from_base64(base64);
    if (!bytes) return broken(Rule::encoding, 0, bytes.error().at);
    SecretBytes secret = SecretBytes::copy_of(*bytes);
    wipe(*bytes);
    return secret;
}

struct Step {
    TlvObject object;
    std::size_t size;  // With tag and length.
    bool forgiven = false;
};

// The last template, whose length byte means what it says although its highest bit is set.
std::optional<Step> nonconforming_step(Bytes rest) {
    ByteReader in(rest);
    const auto tag = codec::read_tag(in);
    const auto length = in.take_byte();
    if (!tag || !length || (*length & long_form_bit) == 0 || in.size() != *length) {
        return std::nullopt;
    }
    return Step{{*tag, true, in.rest()}, rest.size(), true};
}

QrResult<std::optional<Step>> next_step(Bytes whole, std::size_t at, Reading reading) {
    const Bytes rest = whole.subspan(at);
    const auto object = TlvReader(rest).next();
    if (object) {
        if (!*object) return std::nullopt;
        const Bytes value = (*object)->value;
        return Step{**object, offset_of(rest, value) + value.size()};
    }
    const auto step = nonconforming_step(rest);
    if (step && reading == Reading::lenient) return step;
    return std::unexpected(fault_of(object.error(), at, Tag{}));
}

QrResult<std::optional<Bytes>> once(Bytes whole, Bytes level, Tag within, Tag tag) {
    std::optional<Bytes> found;
    TRY_VOID(each_object(whole, level, within, [&](const TlvObject& object) -> QrResult<void> {
        if (object.tag != tag) return {};
        if (found) {
            return broken(Rule::duplicate, number_of(tag), offset_of(whole, object.value),
                          number_of(within));
        }
        found = object.value;
        return {};
    }));
    return found;
}

// The transparent template of one template, whose objects are well formed.
QrResult<Bytes> transparent_of(Bytes whole, Bytes level, Tag within, Tag tag) {
    const auto found = TRY(once(whole, level, within, tag));
    if (!found) return Bytes();
    TRY_VOID(each_object(whole, *found, tag, [](const TlvObject&) { return QrResult<void>(); }));
    return *found;
}

std::optional<Bytes> value_in(Bytes level, Tag tag) {
    const auto found = codec::find_value(level, tag);
    return found ? *found : std::nullopt;
}

}  // namespace

QrResult<void> PayerCode::take(Tag tag, Bytes value, std::size_t at) {
    const Bytes whole = bytes_.bytes();
    if (tag == payer_tags::application) {
        if (applications_.size() == applications_max) {
            return broken(Rule::size, number_of(tag), at);
        }
        const auto name = TRY(once(whole, value, tag, payer_tags::adf_name));
        if (!name) return broken(Rule::missing, 0x4F, at, number_of(tag));
        if (name->size() < 5 || name->size() > 16) {
            return broken(Rule::value_length, 0x4F, offset_of(whole, *name), number_of(tag));
        }
        const Bytes transparent =
            TRY(transparent_of(whole, value, tag, payer_tags::application_transparent));
        applications_.push_back({*name, value, transparent});
    } else if (tag == payer_tags::common) {
        if (common_.data() != nullptr) return broken(Rule::duplicate, number_of(tag), at);
        common_transparent_ =
            TRY(transparent_of(whole, value, tag, payer_tags::common_transparent));
        common_ = value;
    }
    return {};  // Other objects are for others.
}

QrResult<PayerCode> PayerCode::parse(std::string_view base64, Reading reading) {
    const auto size_max =
        reading == Reading::strict ? payer_code_characters_max : payer_code_lenient_characters_max;
    if (base64.empty() || base64.size() > size_max) return broken(Rule::size, 0, 0);
    PayerCode code;
    code.bytes_ = TRY(decoded(base64));
    const Bytes whole = code.bytes_.bytes();
    for (std::size_t at = 0; at < whole.size();) {
        const auto step = TRY(next_step(whole, at, reading));
        if (!step) break;
        const TlvObject& object = step->object;
        const bool first = at == 0;
        const bool is_indicator =
            object.tag == payer_tags::format_indicator && text_of(object.value) == indicator_value;
        if (first && !is_indicator) {
            return broken(Rule::format_indicator, number_of(object.tag), at);
        }
        if (step->forgiven) {
            code.forgiven_.push_back({Rule::malformed_object, number_of(object.tag), 0, at});
        }
        TRY_VOID(code.take(object.tag, object.value, at));
        at += step->size;
    }
    if (code.applications_.empty()) {
        return broken(Rule::missing, number_of(payer_tags::application), whole.size());
    }
    return code;
}

std::optional<Bytes> PayerCode::find(const PayerApplication& application, Tag tag) const {
    for (const Bytes level :
         {application.objects, application.transparent, common_, common_transparent_}) {
        if (const auto value = value_in(level, tag)) return value;
    }
    return std::nullopt;
}

QrResult<std::string> build_payer_code(std::span<const PayerTemplate> applications,
                                       const PayerTemplate& common) {
    Buffer out;
    codec::TlvWriter writer(out);
    writer.put(payer_tags::format_indicator, bytes_of(indicator_value));
    const auto put = [&writer](const PayerTemplate& one, Tag tag, Tag transparent_tag) {
        Buffer inner = one.objects;
        if (!one.transparent.empty()) {
            codec::TlvWriter(inner).put(transparent_tag, one.transparent);
        }
        if (inner.size() > payer_code_characters_max) return false;
        if (!inner.empty()) writer.put(tag, inner);
        return true;
    };
    bool fits = true;
    for (const PayerTemplate& one : applications) {
        fits = put(one, payer_tags::application, payer_tags::application_transparent) && fits;
    }
    fits = put(common, payer_tags::common, payer_tags::common_transparent) && fits;
    if (!fits) return broken(Rule::size, 0, 0);
    std::string text = codec::to_base64(out);
    TRY_VOID(PayerCode::parse(text, Reading::strict));
    return text;
}

}  // namespace softpos::qr
