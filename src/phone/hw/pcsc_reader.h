// A reader that the system's PC/SC service knows: any CCID contactless reader on Linux.
#pragma once

#include "phone/hw/card_reader.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace softpos::hw {

// Names as the service lists them. Empty where it runs and has none; no_reader where it does not.
Result<std::vector<std::string>> list_pcsc_readers();

// PC/SC has no deadline for one command: the card's own waiting time, which the reader enforces,
// is what bounds transmit. An answer that comes later than asked is thrown away and reported as a
// time-out, so that the caller sees the same as with a driver that can stop waiting.
class PcscReader final : public CardReader {
public:
    // `name` as listed, or a part of it: the first reader that has it, so that a reader is found
    // again when the service numbers it anew. Empty: the first of all.
    static Result<std::unique_ptr<PcscReader>> open(std::string_view name);
    ~PcscReader() override;

    std::string_view name() const override { return name_; }
    Result<void> wait_for_card(unsigned timeout_ms) override;
    Result<Buffer> transmit(Bytes capdu, unsigned timeout_ms) override;
    void release() override;
    void cancel() override;
    std::optional<std::int64_t> last_exchange_us() const override { return last_exchange_us_; }

private:
    friend Result<std::vector<std::string>> list_pcsc_readers();
    class Service;  // The connection to pcscd; keeps winscard out of this header.

    PcscReader(std::string name, std::unique_ptr<Service> service);
    Result<void> look_for_card(std::int64_t end_us);

    std::string name_;
    std::unique_ptr<Service> service_;
    std::atomic<bool> cancelled_ = false;
    std::optional<std::int64_t> last_exchange_us_;
};

}  // namespace softpos::hw
