// The table, in the order of the codes.
#include "platform/monitor/remedy.h"

#include <array>

namespace softpos::monitor {
namespace {

using enum RefusalClass;

constexpr bool told = true;
constexpr bool kept = false;

constexpr std::array<Remedy, protocol::finding_codes> remedies = {{
    // root
    {contact, kept, "Somebody else is root on the phone. Restore the maker's system, enrol again.",
     "设备已被 root，请恢复官方系统后重新激活"},
    // boot_unlocked
    {contact, kept, "The boot loader is unlocked. Lock it, which erases the phone; enrol again.",
     "引导程序已解锁，请重新上锁（将清除数据）后重新激活"},
    // boot_state
    {contact, kept, "The system is not the one that was verified. Restore the maker's system.",
     "系统未通过启动校验，请恢复官方系统"},
    // level
    {contact, kept, "The keys are not in the hardware that enrolled. Enrol again; else replace it.",
     "密钥不在原注册的安全硬件中，请重新激活或更换设备"},
    // revoked
    {contact, kept, "The maker revoked a key of this phone. Replace the phone.",
     "厂商已吊销该设备证书，请更换设备"},
    // chain
    {contact, kept, "The evidence leads to no maker that we know. Replace the phone.",
     "设备证明无法追溯到受信任的厂商，请更换设备"},
    // clone
    {contact, kept, "One key spoke from two places. Look into the case before anything else.",
     "同一密钥出现在两处，请先核查案件"},
    // replay
    {contact, kept, "A message came a second time. Look at the network between phone and platform.",
     "报文被重复发送，请检查设备与平台之间的网络"},
    // rollback
    {contact, kept,
     "The phone's storage is older than it was. Find out who restored it; enrol again.",
     "设备数据被回退，请核查恢复来源后重新激活"},
    // hook
    {contact, kept,
     "Functions of the app are diverted. Remove what does it; install the app afresh.",
     "应用函数被劫持，请清除相关工具并重新安装应用"},
    // debugger
    {contact, kept, "Somebody traces the app. Look into the case; enrol again.",
     "应用被调试跟踪，请核查案件后重新激活"},
    // text_diff
    {contact, kept,
     "The program in memory was changed. Look into the case; install the app afresh.",
     "内存中的程序被篡改，请核查案件并重新安装应用"},
    // injected_library
    {contact, kept,
     "Foreign code runs inside the app. Remove what does it; install the app afresh.",
     "应用内存在外来代码，请清除后重新安装应用"},
    // emulator
    {final, kept, "This is no phone. Use a real one.", "检测到模拟器，请使用真实设备"},
    // repackaged
    {contact, kept,
     "This is not the app that was registered. Install it from the acquirer's source.",
     "应用与登记版本不符，请从收单机构指定渠道安装"},
    // overlay
    {fix_now, told, "Another window lies over the app. Close floating windows and try again.",
     "有悬浮窗遮挡应用，请关闭悬浮窗后重试"},
    // screen_capture
    {fix_now, told, "The screen is recorded or shared. Stop that and try again.",
     "屏幕正在被录制或共享，请停止后重试"},
    // accessibility
    {fix_now, told, "A service reads the screen. Switch it off in the accessibility settings.",
     "有无障碍服务正在读取屏幕，请在设置中关闭"},
    // adb
    {fix_now, told, "USB or wireless debugging is on. Switch it off.",
     "USB 或无线调试已开启，请关闭"},
    // dev_mode
    {fix_now, told, "Developer options are on. Switch them off.", "开发者选项已开启，请关闭"},
    // proxy
    {fix_now, told, "The connection goes through a proxy. Use mobile data or another network.",
     "网络经过代理，请改用移动网络或其他网络"},
    // multi_instance
    {fix_now, told, "A second copy of the app runs. Close app cloning and use the original.",
     "应用被双开，请关闭应用分身并使用原应用"},
    // time_skew
    {fix_now, told, "The clock is wrong. Set date and time to automatic.",
     "系统时间不准确，请开启自动设置时间"},
    // time_zone
    {fix_now, told, "The time zone is set by hand. Set it to automatic.",
     "时区为手动设置，请开启自动设置时区"},
    // geo_jump
    {contact, kept, "The phone was farther away than one can travel. Ask the merchant where it is.",
     "设备位置异常跳变，请与商户核实"},
    // silence
    {contact, kept,
     "The phone was in use and not heard of. Ask the merchant; watch what comes next.",
     "设备使用中失联，请与商户核实并持续观察"},
    // gap
    {retry, kept, "Messages were lost. Nothing to do, unless it goes on.",
     "部分报文丢失，如持续出现请检查网络"},
    // nfc_relay
    {contact, kept,
     "A card answered too late to be at the phone. Look at the payments of that time.",
     "卡片应答超时，疑似中继，请核查同期交易"},
    // core_panic
    {retry, told, "The secure part of the app ended. Start the app again.",
     "安全组件异常退出，请重新启动应用"},
    // core_missing
    {fix_now, told, "The secure part of the app does not run. Start the phone again, then the app.",
     "安全组件未运行，请重启设备后再打开应用"},
    // policy_old
    {retry, told, "The phone has not heard of the newest rules. Open the app while it is online.",
     "安全策略未更新，请联网后打开应用"},
    // patch_old
    {fix_now, told, "The phone's security update is too old. Update the system.",
     "系统安全补丁过旧，请更新系统"},
    // version_old
    {fix_now, told, "App or system are too old. Update them.", "应用或系统版本过低，请更新"},
    // writable_executable
    {contact, kept, "The app has memory that is written and run. Install the app afresh.",
     "应用存在可写可执行内存，请重新安装应用"},
    // location_missing
    {fix_now, told, "The phone tells no place. Switch location on and let the app use it.",
     "无法获取位置，请开启定位并授权应用"},
    // moved
    {contact, told, "The terminal is not where it was registered. Have the place changed first.",
     "终端不在登记地址，请先办理地址变更"},
    // serial_cipher
    {contact, kept,
     "The serial number was not said by its own key. Look into the case; enrol again.",
     "终端序列号密文校验失败，请核查案件后重新激活"},
    // binding
    {contact, kept,
     "One of the five elements differs from what is filed. Correct the filing first.",
     "终端五要素与报备不一致，请先更正报备信息"},
    // evidence_stale
    {retry, kept,
     "Evidence or list of revoked keys is too old. Load the list; let the phone prove.",
     "设备证明或吊销列表过期，请更新吊销列表并重新证明"},
    // evidence_missing
    {retry, kept,
     "What the phone showed did not hold. Let it show evidence again; else enrol again.",
     "设备证明无效，请重新证明，仍失败则重新激活"},
    // software_key
    {final, told, "This phone keeps its keys in software. Cards need a phone that does not.",
     "本设备密钥由软件保护，受理银行卡请更换带安全硬件的设备"},
    // permit_refused
    {retry, kept, "A permit did not fit. Try again; look into the case where it happens often.",
     "交易许可不匹配，请重试，频繁出现请核查"},
    // location_mocked
    {fix_now, told, "The place is made up. Switch mock locations off and let the phone measure.",
     "检测到虚拟定位，请关闭模拟位置后重试"},
}};

}  // namespace

const Remedy& remedy_of(protocol::FindingCode code) {
    return remedies[static_cast<std::size_t>(code) - 1];
}

}  // namespace softpos::monitor
