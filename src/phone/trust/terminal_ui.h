// The customer's screen as a text terminal: a tty that belongs to the trusted core's user and to
// nobody else. Large digits for who sees little, plain words for who listens to a screen reader:
// the places of the pad are named, and the digits on them are only ever on this screen.
#pragma once

#include "host/descriptor.h"
#include "phone/trust/pin_entry.h"

#include <string>

namespace softpos::trust {

// What stands on the screen, with control sequences; for tests and for who draws it elsewhere.
std::string screen_text(const PinScreen& screen);

// "1,234.50"
std::string yuan_text(std::int64_t amount_minor);

// Which press a byte is; nullopt for none. Places are q w e / a s d / z x c / space.
std::optional<PinKey> key_of(char byte);

class TerminalUi final : public TrustedUi {
public:
    // In front of the gate. denied where others may read or write the terminal, or where it is
    // none.
    static Result<TerminalUi> open(const std::string& path, uid_t owner, gid_t group);

    Result<void> show(const PinScreen& screen) override;
    std::optional<PinKey> next_key() override;

    int fd() const { return terminal_.get(); }

private:
    explicit TerminalUi(host::Descriptor terminal) : terminal_(std::move(terminal)) {}
    host::Descriptor terminal_;
};

}  // namespace softpos::trust
