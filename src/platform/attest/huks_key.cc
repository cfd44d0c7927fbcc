// A list of claims, each with the type that says what its value is.
#include "platform/attest/huks_key.h"

#include "codec/der.h"
#include "codec/json_tree.h"

#include <algorithm>

namespace softpos::attest {
namespace {

namespace der = codec::der;
using codec::DerReader;

constexpr std::string_view challenge_claim = "1.3.6.1.4.1.2011.2.376.2.1.4";
constexpr std::string_view owner_claim = "1.3.6.1.4.1.2011.2.376.2.1.3";
constexpr std::string_view source_claim = "1.3.6.1.4.1.2011.2.376.2.1.5";
constexpr std::string_view alias_claim = "1.3.6.1.4.1.2011.2.376.2.1.2";
constexpr std::string_view model_claim = "1.3.6.1.4.1.2011.2.376.2.2.4.8";
constexpr std::string_view app_owner = "1.3.6.1.4.1.2011.2.376.2.1.3.1";
constexpr std::string_view service_owner = "1.3.6.1.4.1.2011.2.376.2.1.3.2";

struct ClaimName {
    std::string_view oid, name;
};
constexpr ClaimName names[] = {{challenge_claim, "challenge"},
                               {owner_claim, "owner"},
                               {source_claim, "key source"},
                               {alias_claim, "key alias"},
                               {model_claim, "model"}};

std::unexpected<Error> wrong(Literal what, std::size_t at) {
    return fail(ErrorKind::malformed, what, 0, at);
}

// The page says that it is an octet string and 1 or 2, and not how a number stands in it. Whatever
// its width, order and form: nothing that is a 1 can be taken for a 2.
Result<HuksKeySource> take_source(DerReader& in) {
    const std::size_t at = in.position();
    Bytes octets = TRY(in.take_octets());
    while (!octets.empty() && octets.back() == 0) octets = octets.first(octets.size() - 1);
    while (!octets.empty() && octets.front() == 0) octets = octets.subspan(1);
    if (octets.size() != 1) return wrong("huks: key source", at);
    const auto value = octets[0] >= '0' ? octets[0] - '0' : +octets[0];
    if (value == static_cast<int>(HuksKeySource::imported)) return HuksKeySource::imported;
    if (value == static_cast<int>(HuksKeySource::generated)) return HuksKeySource::generated;
    return wrong("huks: key source", at);
}

Result<HuksOwner> take_owner(DerReader& in) {
    DerReader parts = TRY(in.enter(der::sequence));
    const std::string type = TRY(codec::oid_text(TRY(parts.take_oid())));
    const std::size_t at = parts.position();
    const Bytes value = TRY(parts.take_octets());
    TRY_VOID(parts.end());
    if (value.size() > HuksStatement::owner_bytes_max) {
        return fail(ErrorKind::denied, "huks: owner", 0, at);
    }
    if (type != app_owner && type != service_owner) return wrong("huks: kind of owner", at);
    const auto json = codec::JsonTree::parse(text_of(value));
    if (!json) return wrong("huks: owner", at);
    HuksOwner owner{.app = type == app_owner, .bundle = {}, .app_id = {}};
    const auto bundle = json->root()[owner.app ? "bundleName" : "processName"].text();
    const auto app_id = json->root()["appId"].text();
    if (!bundle || (owner.app && !app_id)) return wrong("huks: owner", at);
    owner.bundle = std::string(*bundle);
    if (owner.app) owner.app_id = std::string(*app_id);
    return owner;
}

Result<std::string> take_model(DerReader& in) {
    return std::string(text_of(TRY(in.take(der::utf8_string)).content));
}

Result<void> take_known(DerReader& in, std::string_view oid, HuksStatement& statement) {
    if (oid == challenge_claim) {
        const Bytes value = TRY(in.take_octets());
        statement.challenge = Buffer(value.begin(), value.end());
    } else if (oid == source_claim) {
        statement.source = TRY(take_source(in));
    } else if (oid == owner_claim) {
        statement.owner = TRY(take_owner(in));
    } else if (oid == model_claim) {
        statement.model = TRY(take_model(in));
    } else {
        TRY(in.take());
    }
    return {};
}

Result<void> take_claim(DerReader& in, HuksStatement& statement) {
    HuksClaim claim;
    claim.at = in.position();
    DerReader parts = TRY(in.enter(der::sequence));
    claim.level = TRY(parts.take_unsigned(der::integer));
    claim.oid = TRY(codec::oid_text(TRY(parts.take_oid())));
    // Two values of one claim are two statements: there is no telling which one counts.
    const bool twice =
        std::ranges::find(statement.claims, claim.oid, &HuksClaim::oid) != statement.claims.end();
    if (twice) return wrong("huks: a claim twice", claim.at);
    DerReader copy = parts;
    const Bytes value = TRY(copy.take()).whole;
    claim.value.assign(value.begin(), value.end());
    TRY_VOID(take_known(parts, claim.oid, statement));
    TRY_VOID(parts.end());
    statement.claims.push_back(std::move(claim));
    return {};
}

}  // namespace

Result<HuksStatement> HuksStatement::parse(Bytes extension) {
    TRY_VOID(codec::check_der(extension));
    DerReader whole(extension);
    DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    HuksStatement statement;
    // Version 0 may be left out.
    if (!in.empty() && TRY(in.peek()) == der::integer) {
        statement.version = TRY(in.take_unsigned(der::integer));
    }
    while (!in.empty()) {
        if (statement.claims.size() == claims_max) {
            return fail(ErrorKind::denied, "huks: too many claims", 0, in.position());
        }
        TRY_VOID(take_claim(in, statement));
    }
    return statement;
}

std::string_view huks_claim_name(std::string_view oid) {
    const auto* row = std::ranges::find(names, oid, &ClaimName::oid);
    return row == std::end(names) ? std::string_view() : row->name;
}

}  // namespace softpos::attest
