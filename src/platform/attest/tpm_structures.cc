// Each structure is read by the mirror of what writes it.
#include "platform/attest/tpm_structures.h"

#include "base/check.h"
#include "crypto/hash.h"

namespace softpos::attest {
namespace {

constexpr std::uint32_t generated_by_tpm = 0xFF544347;  // TPM_GENERATED_VALUE
constexpr std::uint16_t attest_quote = 0x8018;          // TPM_ST_ATTEST_QUOTE
constexpr std::size_t name_bytes_max = 66;              // Of the largest hash, with its id.
constexpr std::size_t digest_bytes_max = 64;
constexpr std::size_t selection_bytes = tpm_pcrs / 8;
constexpr std::size_t coordinate_bytes_max = 66;
constexpr std::size_t rsa_bytes_max = 512;

class Reader {
public:
    explicit Reader(Bytes input) : in_(input) {}

    Result<std::uint64_t> number(std::size_t bytes) {
        const auto taken = in_.take(bytes);
        if (!taken) return refuse("tpm: ends too soon");
        std::uint64_t value = 0;
        for (const std::uint8_t byte : *taken) value = value << 8U | byte;
        return value;
    }
    Result<std::uint16_t> u16() { return narrow<std::uint16_t>(); }
    Result<std::uint32_t> u32() { return narrow<std::uint32_t>(); }
    Result<std::uint64_t> u64() { return number(8); }

    Result<Buffer> sized(std::size_t bytes_max) {
        const std::uint16_t size = TRY(u16());
        if (size > bytes_max) return refuse("tpm: too long");
        const auto taken = in_.take(size);
        if (!taken) return refuse("tpm: ends too soon");
        return Buffer(taken->begin(), taken->end());
    }
    Result<void> end() const {
        if (in_.empty()) return {};
        return refuse("tpm: bytes left over");
    }
    std::size_t size() const { return in_.size(); }
    std::size_t position() const { return in_.position(); }
    std::unexpected<Error> refuse(Literal what) const {
        return fail(ErrorKind::malformed, what, 0, in_.position());
    }
    std::unexpected<Error> unsupported(Literal what, std::uint16_t algorithm) const {
        return fail(ErrorKind::unsupported, what, algorithm, in_.position());
    }

private:
    template <typename Number>
    Result<Number> narrow() {
        return static_cast<Number>(TRY(number(sizeof(Number))));
    }

    ByteReader in_;
};

class Writer {
public:
    void number(std::uint64_t value, std::size_t bytes) {
        while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
    }
    void u16(std::uint16_t value) { number(value, 2); }
    void u32(std::uint32_t value) { number(value, 4); }
    void sized(Bytes bytes) {
        CHECK(bytes.size() <= UINT16_MAX);
        u16(static_cast<std::uint16_t>(bytes.size()));
        append(out, bytes);
    }
    Buffer out;
};

Result<TpmPcrSelection> take_selection(Reader& in) {
    TpmPcrSelection selection;
    selection.hash = TRY(in.u16());
    const std::uint64_t size = TRY(in.number(1));
    // Platforms with more than 24 PCRs exist on paper only.
    if (size != selection_bytes) return in.refuse("tpm: size of a selection");
    for (std::size_t i = 0; i < selection_bytes; ++i) {
        selection.pcrs |= static_cast<std::uint32_t>(TRY(in.number(1)) << (8 * i));
    }
    return selection;
}

bool scheme_has_hash(std::uint16_t scheme) {
    return scheme == tpm::rsassa || scheme == tpm::rsapss || scheme == tpm::oaep ||
           scheme == tpm::ecdsa || scheme == tpm::ecdh || scheme == tpm::ecdaa ||
           scheme == tpm::sm2 || scheme == tpm::ecschnorr;
}

Result<void> take_schemes(Reader& in, TpmPublic& key) {
    key.symmetric = TRY(in.u16());
    if (key.symmetric != tpm::null) {
        key.symmetric_bits = TRY(in.u16());
        key.symmetric_mode = TRY(in.u16());
    }
    key.scheme = TRY(in.u16());
    if (key.scheme == tpm::null || key.scheme == tpm::rsaes) return {};
    if (!scheme_has_hash(key.scheme)) return in.unsupported("tpm: scheme", key.scheme);
    key.scheme_hash = TRY(in.u16());
    if (key.scheme == tpm::ecdaa) key.scheme_count = TRY(in.u16());
    return {};
}

Result<void> take_rsa(Reader& in, TpmPublic& key) {
    key.rsa_bits = TRY(in.u16());
    key.rsa_exponent = TRY(in.u32());
    key.modulus = TRY(in.sized(rsa_bytes_max));
    return {};
}

Result<void> take_ecc(Reader& in, TpmPublic& key) {
    key.curve = TRY(in.u16());
    key.kdf = TRY(in.u16());
    if (key.kdf != tpm::null) key.kdf_hash = TRY(in.u16());
    key.x = TRY(in.sized(coordinate_bytes_max));
    key.y = TRY(in.sized(coordinate_bytes_max));
    return {};
}

}  // namespace

Result<TpmQuote> parse_tpm_quote(Bytes attest) {
    Reader in(attest);
    if (attest.size() > tpm_structure_bytes_max) return in.refuse("tpm: statement too long");
    if (TRY(in.u32()) != generated_by_tpm) return in.refuse("tpm: not made inside a TPM");
    const std::uint16_t type = TRY(in.u16());
    if (type != attest_quote) return in.unsupported("tpm: statement is no quote", type);
    TpmQuote quote;
    quote.qualified_signer = TRY(in.sized(name_bytes_max));
    quote.extra_data = TRY(in.sized(digest_bytes_max));
    quote.clock_ms = TRY(in.u64());
    quote.reset_count = TRY(in.u32());
    quote.restart_count = TRY(in.u32());
    const std::uint64_t safe = TRY(in.number(1));
    if (safe > 1) return in.refuse("tpm: truth value");
    quote.clock_safe = safe == 1;
    quote.firmware_version = TRY(in.u64());
    const std::uint32_t banks = TRY(in.u32());
    if (banks > tpm_banks_max) return in.refuse("tpm: too many banks");
    for (std::uint32_t i = 0; i < banks; ++i) quote.selections.push_back(TRY(take_selection(in)));
    quote.pcr_digest = TRY(in.sized(digest_bytes_max));
    TRY_VOID(in.end());
    return quote;
}

Buffer encode(const TpmQuote& quote) {
    Writer out;
    out.u32(generated_by_tpm);
    out.u16(attest_quote);
    out.sized(quote.qualified_signer);
    out.sized(quote.extra_data);
    out.number(quote.clock_ms, 8);
    out.u32(quote.reset_count);
    out.u32(quote.restart_count);
    out.number(quote.clock_safe ? 1 : 0, 1);
    out.number(quote.firmware_version, 8);
    out.u32(static_cast<std::uint32_t>(quote.selections.size()));
    for (const TpmPcrSelection& selection : quote.selections) {
        out.u16(selection.hash);
        out.number(selection_bytes, 1);
        for (std::size_t i = 0; i < selection_bytes; ++i) {
            out.number(selection.pcrs >> (8 * i) & 0xFFU, 1);
        }
    }
    out.sized(quote.pcr_digest);
    return std::move(out.out);
}

Result<TpmPublic> parse_tpm_public(Bytes area) {
    Reader in(area);
    if (TRY(in.u16()) != in.size()) return in.refuse("tpm: size of the public part");
    if (in.size() > tpm_structure_bytes_max) return in.refuse("tpm: public part too long");
    TpmPublic key;
    key.type = TRY(in.u16());
    if (key.type != tpm::rsa && key.type != tpm::ecc) {
        return in.unsupported("tpm: type of key", key.type);
    }
    key.name_hash = TRY(in.u16());
    key.attributes = TRY(in.u32());
    key.auth_policy = TRY(in.sized(digest_bytes_max));
    TRY_VOID(take_schemes(in, key));
    if (key.type == tpm::rsa) {
        TRY_VOID(take_rsa(in, key));
    } else {
        TRY_VOID(take_ecc(in, key));
    }
    TRY_VOID(in.end());
    return key;
}

Buffer encode(const TpmPublic& key) {
    Writer out;
    out.u16(key.type);
    out.u16(key.name_hash);
    out.u32(key.attributes);
    out.sized(key.auth_policy);
    out.u16(key.symmetric);
    if (key.symmetric != tpm::null) {
        out.u16(key.symmetric_bits);
        out.u16(key.symmetric_mode);
    }
    out.u16(key.scheme);
    if (scheme_has_hash(key.scheme)) out.u16(key.scheme_hash);
    if (key.scheme == tpm::ecdaa) out.u16(key.scheme_count);
    if (key.type == tpm::rsa) {
        out.u16(key.rsa_bits);
        out.u32(key.rsa_exponent);
        out.sized(key.modulus);
    } else {
        out.u16(key.curve);
        out.u16(key.kdf);
        if (key.kdf != tpm::null) out.u16(key.kdf_hash);
        out.sized(key.x);
        out.sized(key.y);
    }
    Writer whole;
    whole.sized(out.out);
    return std::move(whole.out);
}

Result<Buffer> tpm_name(Bytes area) {
    const TpmPublic key = TRY(parse_tpm_public(area));
    if (key.name_hash != tpm::sha256) {
        return fail(ErrorKind::unsupported, "tpm: hash of the name", key.name_hash);
    }
    Writer out;
    out.u16(key.name_hash);
    append(out.out, crypto::sha256(area.subspan(2)));
    return std::move(out.out);
}

Result<TpmSignature> parse_tpm_signature(Bytes signature) {
    Reader in(signature);
    TpmSignature parsed;
    parsed.algorithm = TRY(in.u16());
    parsed.hash = TRY(in.u16());
    if (parsed.algorithm == tpm::rsassa || parsed.algorithm == tpm::rsapss) {
        parsed.rsa = TRY(in.sized(rsa_bytes_max));
    } else if (parsed.algorithm == tpm::ecdsa) {
        parsed.r = TRY(in.sized(coordinate_bytes_max));
        parsed.s = TRY(in.sized(coordinate_bytes_max));
    } else {
        return in.unsupported("tpm: signature algorithm", parsed.algorithm);
    }
    TRY_VOID(in.end());
    return parsed;
}

Buffer encode(const TpmSignature& signature) {
    Writer out;
    out.u16(signature.algorithm);
    out.u16(signature.hash);
    if (signature.algorithm == tpm::ecdsa) {
        out.sized(signature.r);
        out.sized(signature.s);
    } else {
        out.sized(signature.rsa);
    }
    return std::move(out.out);
}

}  // namespace softpos::attest
