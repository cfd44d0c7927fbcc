// The layout of the pad is dropped before anything is put into words, so that no word can carry it.
#include "phone/trust/spoken_ui.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace softpos::trust {
namespace {

constexpr std::array<std::string_view, 10> chinese_digits = {"零", "一", "二", "三", "四",
                                                             "五", "六", "七", "八", "九"};
constexpr std::array<std::string_view, 4> chinese_places = {"", "十", "百", "千"};
constexpr std::array<std::string_view, 3> chinese_groups = {"", "万", "亿"};

// 0 to 9999. A gap of zeros is said once.
std::string chinese_group(unsigned number, bool whole_number) {
    std::string text;
    bool gap = false;
    unsigned divisor = 1000;
    for (std::size_t place = 4; place-- > 0; divisor /= 10) {
        const unsigned digit = number / divisor % 10;
        if (digit == 0) {
            gap = !text.empty();
            continue;
        }
        if (gap) text += chinese_digits[0];
        gap = false;
        // Ten to nineteen begin with the ten.
        const bool bare_ten = place == 1 && digit == 1 && text.empty() && whole_number;
        if (!bare_ten) text += chinese_digits[digit];
        text += chinese_places[place];
    }
    return text;
}

std::string chinese_number(std::uint64_t number) {
    if (number == 0) return std::string(chinese_digits[0]);
    std::string text;
    std::uint64_t divisor = 100'000'000;
    bool gap = false;
    for (std::size_t group = 3; group-- > 0; divisor /= 10'000) {
        const auto part = static_cast<unsigned>(number / divisor % 10'000);
        if (part == 0) {
            gap = !text.empty();
            continue;
        }
        if (!text.empty() && (gap || part < 1000)) text += chinese_digits[0];
        gap = false;
        text += chinese_group(part, text.empty());
        text += chinese_groups[group];
    }
    return text;
}

std::string count_words(std::size_t entered, SpeechLanguage language) {
    if (language == SpeechLanguage::chinese) {
        return entered == 0 ? "已清除" : "已输入" + chinese_number(entered) + "位";
    }
    if (entered == 0) return "cleared";
    return std::to_string(entered) + (entered == 1 ? " digit entered" : " digits entered");
}

// Where things lie that are always there. Digits lie elsewhere each time, and are not said.
std::string opening_words(const PinScreen& screen, SpeechLanguage language) {
    const std::string amount = spoken_amount(screen.amount_minor, language);
    if (language == SpeechLanguage::chinese) {
        return screen.merchant_name + "，金额" + amount +
               "。请输入密码。数字键在三列四行中，每次位置不同。左下取消，右下更正，最下方确认。";
    }
    return screen.merchant_name + ", amount " + amount +
           ". Enter your PIN. The keys are in three columns and four rows, in another order each "
           "time. Cancel is bottom left, clear is bottom right, confirm is the lowest key.";
}

std::string closing_words(PinScreen::Kind kind, SpeechLanguage language) {
    const bool chinese = language == SpeechLanguage::chinese;
    switch (kind) {
        case PinScreen::Kind::done:
            return chinese ? "密码已输入" : "PIN entered";
        case PinScreen::Kind::cancelled:
            return chinese ? "已取消" : "cancelled";
        case PinScreen::Kind::timed_out:
            return chinese ? "输入超时" : "time is over";
        case PinScreen::Kind::pad:
            break;
    }
    return "";
}

}  // namespace

std::string spoken_amount(std::int64_t amount_minor, SpeechLanguage language) {
    const auto yuan = static_cast<std::uint64_t>(amount_minor) / 100;
    const auto fen = static_cast<unsigned>(amount_minor % 100);
    if (language == SpeechLanguage::english) {
        std::string text = std::to_string(yuan) + " yuan";
        if (fen != 0) text += " and " + std::to_string(fen) + " fen";
        return text;
    }
    // More than 999,999,999,999 yuan is no amount.
    std::string text;
    if (yuan >= 1'000'000'000'000) return text;
    text = chinese_number(yuan) + "元";
    if (fen / 10 != 0) text += std::string(chinese_digits[fen / 10]) + "角";
    if (fen % 10 != 0) {
        if (fen / 10 == 0) text += chinese_digits[0];
        text += std::string(chinese_digits[fen % 10]) + "分";
    }
    return text;
}

std::string words_for(const PinScreen* before, const PinScreen& now, SpeechLanguage language) {
    if (now.kind != PinScreen::Kind::pad) return closing_words(now.kind, language);
    const bool begins = before == nullptr || before->kind != PinScreen::Kind::pad;
    if (begins) return opening_words(now, language);
    if (before->entered == now.entered) return "";
    return count_words(now.entered, language);
}

Result<host::Descriptor> SpokenUi::open_speaker(const std::string& path) {
    // A speaker that ends must not end the core with it.
    if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return fail(ErrorKind::internal, "pin speaker");
    host::Descriptor speaker(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (!speaker.valid()) {
        return fail(ErrorKind::unavailable, "pin speaker: nobody reads the pipe",
                    static_cast<std::uint32_t>(errno));
    }
    struct stat status {};
    if (::fstat(speaker.get(), &status) != 0 || !S_ISFIFO(status.st_mode)) {
        return fail(ErrorKind::denied, "pin speaker: no pipe");
    }
    return speaker;
}

Result<void> SpokenUi::show(const PinScreen& screen) {
    const Result<void> shown = shown_->show(screen);
    PinScreen said = screen;
    said.digit_at.fill(0);
    std::string words = words_for(last_ ? &*last_ : nullptr, said, language_);
    last_ = std::move(said);
    if (words.empty()) return shown;
    words += '\n';
    // Below PIPE_BUF a line is written whole or not at all.
    [[maybe_unused]] const ssize_t written = ::write(speaker_.get(), words.data(), words.size());
    return shown;
}

}  // namespace softpos::trust
