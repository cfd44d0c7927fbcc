// The customer's screen for who does not see it: what stands there is also said, but for digits of
// the PIN and where they lie. Text goes out over a pipe of its own to a program that speaks; that
// program is outside of the core and learns nothing that a bystander must not hear.
#pragma once

#include "host/descriptor.h"
#include "phone/trust/pin_entry.h"

#include <memory>
#include <string>

namespace softpos::trust {

enum class SpeechLanguage : std::uint8_t { chinese, english };

// What is to be said when the screen turns from `before` (null: nothing was shown) to `now`; empty
// where nothing is. One sentence or two, without an end of line.
std::string words_for(const PinScreen* before, const PinScreen& now, SpeechLanguage language);

// "一百二十八元五角" and "128 yuan and 50 fen": amounts as they are said.
std::string spoken_amount(std::int64_t amount_minor, SpeechLanguage language);

// One line of UTF-8 to the pipe for each thing that is said. A speaker that is slow or gone never
// stops or delays the entry: what does not fit is left out.
class SpokenUi final : public TrustedUi {
public:
    SpokenUi(std::unique_ptr<TrustedUi> shown, host::Descriptor speaker, SpeechLanguage language)
        : shown_(std::move(shown)), speaker_(std::move(speaker)), language_(language) {}

    // In front of the gate. A pipe by name, whose reader is there already.
    static Result<host::Descriptor> open_speaker(const std::string& path);

    Result<void> show(const PinScreen& screen) override;
    std::optional<PinKey> next_key() override { return shown_->next_key(); }

    int speaker_fd() const { return speaker_.get(); }

private:
    std::unique_ptr<TrustedUi> shown_;
    host::Descriptor speaker_;
    SpeechLanguage language_;
    std::optional<PinScreen> last_;  // Without its layout.
};

}  // namespace softpos::trust
