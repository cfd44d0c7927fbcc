// How vault calls are written and read: each message has one function that names its fields, and a
// writer and a reader that go through it alike.
#pragma once

#include "base/check.h"
#include "protocol/call_fields.h"
#include "protocol/vault_call.h"

#include <algorithm>
#include <concepts>
#include <span>
#include <utility>

namespace softpos::protocol {

// Room for the largest message with secrets in it, so that it is never moved in memory.
constexpr std::size_t secret_reserve_bytes = card_tlv_bytes_max + stored_form_bytes_max + 64;

// For `fields(io, message)`: const for the writer, not for the reader.
template <typename T, typename Message>
concept Is = std::same_as<std::remove_const_t<T>, Message>;

class VaultWriter {
public:
    explicit VaultWriter(std::uint8_t call)
        : out_({vault_call_version, call}, secret_reserve_bytes) {}
    static constexpr bool reads = false;

    Result<void> alias(const std::string& text) {
        CHECK(is_key_alias(text));
        out_.put(text);
        return {};
    }
    Result<void> text(const std::string& text, SizeRange size) {
        return put_sized(bytes_of(text), size);
    }
    Result<void> bytes(const Buffer& value, SizeRange size) { return put_sized(value, size); }
    Result<void> secret(const SecretBytes& value, SizeRange size) {
        return put_sized(value.bytes(), size);
    }
    template <std::size_t size>
    Result<void> array(const std::array<std::uint8_t, size>& value) {
        out_.put(value);
        return {};
    }
    template <typename Number>
    Result<void> number(const Number& value) {
        out_.put_number(static_cast<std::uint64_t>(value), sizeof(Number));
        return {};
    }
    template <typename Enum>
    Result<void> choice(const Enum& value, unsigned count) {
        CHECK(static_cast<unsigned>(value) < count);
        out_.put_number(static_cast<std::uint8_t>(value), 1);
        return {};
    }
    // One of some letters.
    template <typename Enum>
    Result<void> letter(const Enum& value, std::span<const char> letters) {
        CHECK(std::ranges::find(letters, static_cast<char>(value)) != letters.end());
        out_.put_number(static_cast<std::uint8_t>(value), 1);
        return {};
    }
    // How many of something follow.
    template <typename List>
    Result<void> count(const List& list, SizeRange size) {
        CHECK(list.size() >= size.min && list.size() <= size.max && size.max <= 0xFF);
        out_.put_number(list.size(), 1);
        return {};
    }
    // Whether the last field is there.
    template <typename T>
    Result<bool> is_there(const std::optional<T>& value) {
        return value.has_value();
    }
    Result<Buffer> end() { return out_.take(); }

private:
    Result<void> put_sized(Bytes value, SizeRange size) {
        CHECK(value.size() >= size.min && value.size() <= size.max);
        out_.put(value);
        return {};
    }
    CallWriter out_;
};

class VaultReader {
public:
    explicit VaultReader(CallReader in) : in_(in) {}
    static constexpr bool reads = true;

    Result<void> alias(std::string& text) {
        text = TRY(in_.take_text({1, key_alias_bytes_max}));
        if (!is_key_alias(text)) return fail(ErrorKind::malformed, "vault call: key name");
        return {};
    }
    Result<void> text(std::string& text, SizeRange size) {
        text = TRY(in_.take_text(size));
        return {};
    }
    Result<void> bytes(Buffer& value, SizeRange size) {
        const Bytes taken = TRY(in_.take(size));
        value.assign(taken.begin(), taken.end());
        return {};
    }
    Result<void> secret(SecretBytes& value, SizeRange size) {
        value = SecretBytes::copy_of(TRY(in_.take(size)));
        return {};
    }
    template <std::size_t size>
    Result<void> array(std::array<std::uint8_t, size>& value) {
        value = TRY(in_.take_array<size>());
        return {};
    }
    template <typename Number>
    Result<void> number(Number& value) {
        value = static_cast<Number>(TRY(in_.take_number(sizeof(Number))));
        return {};
    }
    template <typename Enum>
    Result<void> choice(Enum& value, unsigned count) {
        value = static_cast<Enum>(TRY(in_.take_enum(count - 1)));
        return {};
    }
    template <typename Enum>
    Result<void> letter(Enum& value, std::span<const char> letters) {
        const auto taken = static_cast<char>(TRY(in_.take_number(1)));
        if (std::ranges::find(letters, taken) == letters.end()) {
            return fail(ErrorKind::malformed, "vault call: letter");
        }
        value = static_cast<Enum>(taken);
        return {};
    }
    template <typename List>
    Result<void> count(List& list, SizeRange size) {
        const std::uint64_t count = TRY(in_.take_number(1));
        if (count < size.min || count > size.max) {
            return fail(ErrorKind::malformed, "vault call: number of fields");
        }
        list.resize(static_cast<std::size_t>(count));
        return {};
    }
    template <typename T>
    Result<bool> is_there(std::optional<T>& value) {
        if (in_.next_is_present()) value.emplace();
        return value.has_value();
    }
    Result<void> end() { return in_.end(); }

private:
    CallReader in_;
};

constexpr std::size_t working_key_bytes_min = 8;
constexpr std::size_t working_key_bytes_max = 16;

template <typename Io>
Result<void> fields(Io& io, Is<WorkingKeyCryptogram> auto& key) {
    TRY_VOID(io.bytes(key.cryptogram, {working_key_bytes_min, working_key_bytes_max}));
    const std::size_t size = key.cryptogram.size();
    if (size != working_key_bytes_min && size != working_key_bytes_max) {
        return fail(ErrorKind::malformed, "vault call: working key size");
    }
    return io.array(key.check_value);
}

// ---- All messages of one direction ----------------------------------------------------------

// `first` is the number of the variant's first message; the others follow.
template <typename Variant>
Buffer encode_message(const Variant& message, std::uint8_t first) {
    VaultWriter out(static_cast<std::uint8_t>(first + message.index()));
    const auto written = std::visit([&](const auto& one) { return fields(out, one); }, message);
    CHECK(written.has_value());
    return *out.end();
}

template <typename Message, typename Variant>
Result<Variant> decode_one(CallReader in) {
    VaultReader reader(in);
    Message message;
    TRY_VOID(fields(reader, message));
    TRY_VOID(reader.end());
    return Variant(std::move(message));
}

template <typename Variant>
Result<Variant> decode_message(Bytes bytes, std::uint8_t first) {
    const CallReader in = TRY(CallReader::open(bytes));
    if (in.head().version != vault_call_version) {
        return fail(ErrorKind::unsupported, "vault call: version", in.head().version);
    }
    using Read = Result<Variant> (*)(CallReader);
    constexpr auto readers = []<std::size_t... index>(std::index_sequence<index...>) {
        return std::array<Read, sizeof...(index)>{
            &decode_one<std::variant_alternative_t<index, Variant>, Variant>...};
    }
    (std::make_index_sequence<std::variant_size_v<Variant>>());
    const unsigned place = in.head().call - unsigned{first};
    if (in.head().call < first || place >= readers.size()) {
        return fail(ErrorKind::unsupported, "vault call: no such call", in.head().call);
    }
    return readers[place](in);
}

}  // namespace softpos::protocol
