// One row an item.
#include "phone/device/preflight.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace softpos::device {
namespace {

namespace json = boost::json;
using protocol::CoreMode;

// The lowest grades with those capabilities, as the policies have them. docs/trust.md.
constexpr std::uint8_t card_grade = 3;
constexpr std::uint8_t pin_grade = 4;

struct Row {
    PreflightItem item;
    std::string_view name;
    RefusalClass klass;
    std::string_view en, zh;
};
constexpr std::array<Row, preflight_items> rows = {{
    {PreflightItem::core, "core", RefusalClass::retry,
     "The secure part does not answer. Restart the phone.", "安全模块无响应，请重启手机。"},
    {PreflightItem::keys, "keys", RefusalClass::contact,
     "This device cannot accept payments. Contact your acquirer.",
     "本设备无法收款，请联系收单机构。"},
    {PreflightItem::enrolment, "enrolment", RefusalClass::fix_now,
     "Enter an activation code of your acquirer.", "请输入收单机构提供的激活码。"},
    {PreflightItem::platform, "platform", RefusalClass::retry,
     "The platform cannot be reached. Check the network connection.",
     "无法连接平台，请检查网络连接。"},
    {PreflightItem::phone, "phone", RefusalClass::fix_now,
     "Close other apps, turn off debugging and restart the phone.",
     "请关闭其他应用和调试功能，并重启手机。"},
    {PreflightItem::reader, "reader", RefusalClass::fix_now,
     "Turn on NFC or connect the card reader.", "请打开 NFC 或连接读卡器。"},
    {PreflightItem::pin_screen, "pin_screen", RefusalClass::contact,
     "No PIN can be entered here: only payments that need none are possible.",
     "本设备不支持输入密码，仅可受理免密交易。"},
    {PreflightItem::payments, "payments", RefusalClass::retry,
     "A payment waits for its outcome. Keep the phone connected and ask for it again.",
     "有交易结果待确认，请保持网络连接后重新查询。"},
}};

bool holds(PreflightItem item, const PreflightFacts& facts) {
    const ServiceStatus& status = facts.status;
    switch (item) {
        case PreflightItem::core:
            return status.core.has_value();
        case PreflightItem::keys:  // A new phone has none yet, and lost none.
            return status.core && (status.core->mode == CoreMode::ready ||
                                   (status.core->mode == CoreMode::fresh && !status.enrolled));
        case PreflightItem::enrolment:
            return status.enrolled;
        case PreflightItem::platform:
            return facts.platform_heard;
        case PreflightItem::phone:
            return facts.findings == 0;
        case PreflightItem::reader:
            return !status.reader_name.empty() || status.busy;
        case PreflightItem::pin_screen:
            return status.core && status.core->pin;
        case PreflightItem::payments:
            return status.unresolved == 0;
    }
    return false;
}

bool can_be_tried(PreflightItem item, const ServiceStatus& status) {
    switch (item) {
        case PreflightItem::keys:
        case PreflightItem::pin_screen:
            return status.core.has_value();
        case PreflightItem::platform:
            return status.core.has_value() && status.enrolled;
        default:
            return true;
    }
}

}  // namespace

std::string_view name_of(PreflightItem item) {
    return rows[static_cast<std::size_t>(item)].name;
}

bool Preflight::passed(PreflightItem item) const {
    return std::ranges::any_of(
        checks, [item](const PreflightCheck& one) { return one.item == item && one.passed; });
}

// A payment that waits hinders no other one.
Preflight judge_preflight(const PreflightFacts& facts) {
    Preflight out;
    for (const Row& row : rows) {
        PreflightCheck check;
        check.item = row.item;
        check.tried = can_be_tried(row.item, facts.status);
        check.passed = check.tried && holds(row.item, facts);
        if (check.tried && !check.passed) {
            check.klass = row.klass;
            check.en = row.en;
            check.zh = row.zh;
        }
        out.checks.push_back(check);
    }
    constexpr std::array needed = {PreflightItem::core,      PreflightItem::keys,
                                   PreflightItem::enrolment, PreflightItem::platform,
                                   PreflightItem::phone,     PreflightItem::reader};
    const bool card =
        std::ranges::all_of(needed, [&out](PreflightItem item) { return out.passed(item); });
    out.card_no_pin = card && facts.status.grade >= card_grade;
    out.card_pin = card && facts.status.grade >= pin_grade && out.passed(PreflightItem::pin_screen);
    return out;
}

std::string preflight_json(const Preflight& preflight) {
    json::array checks;
    for (const PreflightCheck& one : preflight.checks) {
        json::object check{
            {"name", name_of(one.item)}, {"tried", one.tried}, {"passed", one.passed}};
        if (one.tried && !one.passed) {
            check["class"] = name_of(one.klass);
            check["remedy_en"] = one.en;
            check["remedy_zh"] = one.zh;
        }
        checks.push_back(std::move(check));
    }
    return json::serialize(json::object{{"card_no_pin", preflight.card_no_pin},
                                        {"card_pin", preflight.card_pin},
                                        {"checks", std::move(checks)}});
}

}  // namespace softpos::device
