// Codes of merchants and payers as others published them: what they say object by object, whose
// they are, and why the broken ones are refused.
#include "base/hex.h"
#include "codec/qr/merchant_code.h"
#include "codec/qr/objects.h"
#include "codec/qr/payer_code.h"
#include "codec/qr/payment_code.h"
#include "codec/qr/unionpay_code.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>

namespace softpos::conformance {
namespace {

constexpr std::string_view rule_names[] = {"size",
                                           "encoding",
                                           "id-not-numeric",
                                           "length-not-numeric",
                                           "truncated",
                                           "malformed-object",
                                           "crc",
                                           "duplicate",
                                           "missing",
                                           "value",
                                           "value-length",
                                           "payload-format-indicator"};

bool is_scheme(const std::string& name) {
    for (unsigned number = 1; number < 0xFF; ++number) {
        if (qr::name_of(static_cast<qr::CodeKind>(number)) == name) return name != "unknown";
    }
    return false;
}

// A reason that we have no word for is met by any refusal.
void check_refusal(Row& row, const std::string& expected, const std::optional<qr::Fault>& fault) {
    if (!fault) return row.fail("taken, but it is broken: " + expected);
    if (std::ranges::find(rule_names, expected) == std::end(rule_names)) {
        return row.holds("refused", true);
    }
    row.same_text("refused for", qr::name_of(fault->rule), expected);
}

std::optional<qr::Fault> fault_of(const auto& read) {
    if (read) return std::nullopt;
    return read.error();
}

// Objects, and one level of templates in them.
void check_objects(Row& row, std::string_view text, const Node& stated) {
    qr::ObjectReader reader(text);
    std::size_t count = 0;
    while (true) {
        const auto object = reader.next();
        if (!object) return row.fail("objects", qr::error_of(object.error()));
        if (!*object) break;
        ++count;
        std::string id = std::to_string((*object)->id);
        id.insert(0, 2 - std::min<std::size_t>(id.size(), 2), '0');
        const Node value = stated[id];
        if (!value) return row.fail("object " + id + " is not stated");
        if (value.is_object()) {
            check_objects(row, (*object)->value, value);
        } else {
            row.same_text("object " + id, (*object)->value, value.text());
        }
    }
    if (count != stated.size()) row.fail("not as many objects as are stated");
}

// Parts of the account in any naming: each of them is one of ours.
void check_account(Row& row, const qr::MerchantCode& code, const Node& stated) {
    const auto found = std::ranges::find(code.accounts, qr::unionpay_account_id, &qr::IdValue::id);
    if (found == code.accounts.end()) return row.fail("no UnionPay account");
    const auto account = qr::parse_unionpay_account(found->value);
    if (!account) return row.fail("account", qr::error_of(account.error()));
    const std::array parts{account->acquirer_iin, account->forwarding_iin, account->merchant_id};
    for (const auto& [name, part] : stated.members()) {
        row.holds(name + " is no part of the account",
                  std::ranges::find(parts, part.text()) != parts.end());
    }
}

void check_merchant_code(Row& row, const Node& node) {
    const std::string text = row.text(node, "payload");
    const auto read = qr::parse_merchant_code(text, qr::Reading::lenient);
    if (const Node expected = node["expect_error"]) {
        return check_refusal(row, expected.text(), fault_of(read));
    }
    const Node decoded = node["decoded"];
    check_objects(row, text, decoded["fields"]);
    row.same_text("check sum", qr::crc_text(std::string_view(text).substr(0, text.size() - 4)),
                  decoded["crc_computed"].text());
    if (decoded["crc_ok"].flag() == false) return check_refusal(row, "crc", fault_of(read));
    if (!read) return row.fail("reading", qr::error_of(read.error()));
    if (const Node account = node["tag15"]) check_account(row, read->code, account);
    const auto again = qr::build_merchant_code(read->code);
    if (!read->forgiven.empty()) return;
    if (!again) return row.fail("writing", qr::error_of(again.error()));
    const auto last = qr::parse_merchant_code(*again, qr::Reading::strict);
    row.holds("written again it says something else", last && last->code == read->code);
}

void check_tree(Row& row, Bytes level, const Node& stated) {
    codec::TlvReader reader(level);
    for (const Node& one : stated.items()) {
        const auto object = reader.next();
        if (!object) return row.fail("objects", object.error());
        if (!*object) return row.fail("fewer objects than are stated");
        const std::string tag = hex_number(static_cast<std::uint32_t>((*object)->tag));
        row.same_text("tag", tag, one["tag"].text());
        if (const Node children = one["children"]) {
            check_tree(row, (*object)->value, children);
        } else {
            row.same("value of " + tag, (*object)->value, one["hex"]);
        }
    }
    const auto more = reader.next();
    row.holds("more objects than are stated", more && !*more);
}

// A code whose template has a length that is none is compared from inside of its templates on.
void check_forgiven(Row& row, const qr::PayerCode& code, const Node& stated) {
    std::size_t next = 0;
    for (const Node& one : stated.items()) {
        if (one["tag"].text() != "61") continue;
        if (next == code.applications().size()) return row.fail("fewer applications than stated");
        check_tree(row, code.applications()[next++].objects, one["children"]);
    }
    row.holds("more applications than stated", next == code.applications().size());
}

void check_payer_code(Row& row, const Node& node) {
    const std::string text = row.text(node, "payload");
    const auto code = qr::PayerCode::parse(text, qr::Reading::lenient);
    if (const Node expected = node["expect_error"]) {
        return check_refusal(row, expected.text(), fault_of(code));
    }
    if (!code) return row.fail("reading", qr::error_of(code.error()));
    if (node["hex"]) row.same("bytes", code->bytes(), node["hex"]);
    const bool strict = qr::PayerCode::parse(text, qr::Reading::strict).has_value();
    if (!strict && code->forgiven().empty()) row.fail("not read strictly, and nothing forgiven");
    if (code->forgiven().empty()) {
        check_tree(row, code->bytes(), node["decoded"]);
    } else {
        check_forgiven(row, *code, node["decoded"]);
    }
    row.same_text("kind", qr::name_of(qr::classify_code(text)), "emv-cpm");
}

}  // namespace

void check_merchant_codes(const Input& in, Tally& tally) {
    if (const Node sum = in.json["crc_check"]) {
        Row row(tally, "check sum of 123456789");
        row.same_text("check sum", qr::crc_text("123456789"), sum.text());
    }
    for (const Node& node : in.json["vectors"].items()) {
        Row row(tally, node["name"].text());
        check_merchant_code(row, node);
    }
}

void check_payer_codes(const Input& in, Tally& tally) {
    for (const Node& node : in.json["vectors"].items()) {
        Row row(tally, node["name"].text());
        check_payer_code(row, node);
    }
}

void check_payment_codes(const Input& in, Tally& tally) {
    for (const Node& node : in.json["vectors"].items()) {
        const std::string code = node["code"].text();
        // The code itself stays out of the name: it pays.
        Row row(tally, "code that begins with " + code.substr(0, 2));
        const Node scheme = node["scheme"];
        if (code.empty() || !scheme) {
            row.fail("no code, or no scheme");
            continue;
        }
        // A scheme of another name is one that we do not tell apart.
        if (scheme.is_text() && !is_scheme(scheme.text())) continue;
        const auto kind = qr::classify_code(code);
        row.same_text("scheme", qr::name_of(kind), scheme.is_text() ? scheme.text() : "unknown");
    }
}

}  // namespace softpos::conformance
