// Reading what other tools wrote beside a quote.
#include "world/conformance/tpm_files.h"

#include "codec/der.h"
#include "crypto/public_key.h"
#include "host/durable_file.h"
#include "world/conformance/conformance.h"

namespace softpos::conformance {
namespace {

using attest::TpmPublic;
namespace tpm = attest::tpm;

constexpr std::size_t banks_in_file = 16;      // Room for as many, however many are used.
constexpr std::size_t bank_bytes = 8;          // Of one of them.
constexpr std::size_t digests_in_list = 8;     // The same of digests.
constexpr std::size_t digest_bytes_room = 64;  // Behind two bytes of size.
constexpr std::uint32_t lists_max = 16;

Result<std::uint32_t> little(ByteReader& in, std::size_t bytes) {
    const auto taken = in.take(bytes);
    if (!taken) return fail(ErrorKind::malformed, "pcr file: ends too soon", 0, in.position());
    std::uint32_t value = 0;
    for (std::size_t i = bytes; i-- > 0;) value = value << 8U | (*taken)[i];
    return value;
}

}  // namespace

std::optional<Buffer> read_companion(Row& row, const Input& in, const std::string& file) {
    auto bytes = host::read_file(in.folder + "/" + file, file_bytes_max);
    if (bytes) return *std::move(bytes);
    row.fail(file, bytes.error());
    return std::nullopt;
}

std::string stem_of(std::string_view file) {
    return std::string(file.substr(0, file.find('.')));
}

std::optional<Buffer> attestation_area(Row& row, const Input& in) {
    const auto pem = read_companion(row, in, "ak.pub");
    if (!pem) return std::nullopt;
    const auto key = crypto::PublicKey::from_pem(text_of(*pem));
    if (!key || key->family() != crypto::KeyFamily::p256) {
        row.fail("ak.pub is no P-256 key");
        return std::nullopt;
    }
    const Bytes point = key->point();
    TpmPublic area;
    area.type = tpm::ecc;
    area.name_hash = tpm::sha256;
    area.attributes = tpm::fixed_tpm | tpm::fixed_parent | tpm::sensitive_data_origin |
                      tpm::user_with_auth | tpm::restricted | tpm::sign;
    area.scheme = tpm::ecdsa;
    area.scheme_hash = tpm::sha256;
    area.curve = tpm::nist_p256;
    area.x.assign(point.begin() + 1, point.begin() + 33);
    area.y.assign(point.begin() + 33, point.end());
    return attest::encode(area);
}

std::optional<Buffer> signature_of(Row& row, Bytes either) {
    if (attest::parse_tpm_signature(either)) return Buffer(either.begin(), either.end());
    const auto parse = [either]() -> Result<attest::TpmSignature> {
        attest::TpmSignature out;
        out.algorithm = tpm::ecdsa;
        out.hash = tpm::sha256;
        codec::DerReader whole(either);
        codec::DerReader numbers = TRY(whole.enter(codec::der::sequence));
        TRY_VOID(whole.end());
        const Bytes r = TRY(numbers.take_magnitude());
        const Bytes s = TRY(numbers.take_magnitude());
        TRY_VOID(numbers.end());
        out.r.assign(r.begin(), r.end());
        out.s.assign(s.begin(), s.end());
        return out;
    };
    const auto signature = parse();
    if (signature) return attest::encode(*signature);
    row.fail("signature", signature.error());
    return std::nullopt;
}

Result<std::vector<Buffer>> read_pcr_file(Bytes file) {
    ByteReader in(file);
    if (TRY(little(in, 4)) > banks_in_file || !in.take(banks_in_file * bank_bytes)) {
        return fail(ErrorKind::malformed, "pcr file: selection");
    }
    std::vector<Buffer> values;
    const std::uint32_t lists = TRY(little(in, 4));
    if (lists > lists_max) return fail(ErrorKind::malformed, "pcr file: too many lists");
    for (std::uint32_t list = 0; list < lists; ++list) {
        const std::uint32_t count = TRY(little(in, 4));
        if (count > digests_in_list) return fail(ErrorKind::malformed, "pcr file: count");
        for (std::uint32_t i = 0; i < digests_in_list; ++i) {
            const std::uint32_t size = TRY(little(in, 2));
            const auto room = in.take(digest_bytes_room);
            if (!room || size > digest_bytes_room) {
                return fail(ErrorKind::malformed, "pcr file: value", 0, in.position());
            }
            if (i < count) values.emplace_back(room->begin(), room->begin() + size);
        }
    }
    if (!in.empty()) return fail(ErrorKind::malformed, "pcr file: bytes left over");
    return values;
}

}  // namespace softpos::conformance
