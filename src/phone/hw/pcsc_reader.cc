// The only includer of winscard.
#include "phone/hw/pcsc_reader.h"

#include "base/clock.h"

#include <winscard.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace softpos::hw {
namespace {

// The longest one wait inside the service: SCardCancel is lost when it comes before the wait
// begins, so a cancel is looked at again this often.
constexpr std::int64_t wait_slice_ms = 200;

ReaderFault fault_of_status(LONG status) {
    switch (status) {
        case SCARD_E_CANCELLED:
            return ReaderFault::cancelled;
        case SCARD_E_TIMEOUT:
            return ReaderFault::timeout;
        case SCARD_E_NO_SMARTCARD:
            return ReaderFault::no_card;
        case SCARD_W_REMOVED_CARD:
        case SCARD_W_RESET_CARD:
        case SCARD_W_UNPOWERED_CARD:
        case SCARD_W_UNRESPONSIVE_CARD:
            return ReaderFault::card_removed;
        case SCARD_F_COMM_ERROR:
        case SCARD_E_NOT_TRANSACTED:
            return ReaderFault::card_removed;
        case SCARD_E_PROTO_MISMATCH:
        case SCARD_E_INSUFFICIENT_BUFFER:
            return ReaderFault::protocol;
        default:
            return ReaderFault::no_reader;
    }
}

std::int64_t now_us() {
    return SystemClock().ticks().us;
}

}  // namespace

// A context of our own, so that cancel ends our wait and nobody else's.
class PcscReader::Service {
public:
    Service() = default;
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;
    ~Service() {
        drop_card();
        if (context_) SCardReleaseContext(*context_);
    }

    LONG establish() {
        if (context_ && SCardIsValidContext(*context_) == SCARD_S_SUCCESS) return SCARD_S_SUCCESS;
        drop_card();
        SCARDCONTEXT context = 0;
        const LONG status = SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
        const std::lock_guard lock(context_mutex_);
        context_.reset();
        if (status == SCARD_S_SUCCESS) context_ = context;
        return status;
    }

    // After the service went away: the next establish() starts anew.
    void forget() {
        card_.reset();
        const std::lock_guard lock(context_mutex_);
        if (context_) SCardReleaseContext(*context_);
        context_.reset();
    }

    Result<std::vector<std::string>> list() {
        if (establish() != SCARD_S_SUCCESS) return reader_failure(ReaderFault::no_reader);
        DWORD size = 0;
        LONG status = SCardListReaders(*context_, nullptr, nullptr, &size);
        if (status == SCARD_E_NO_READERS_AVAILABLE) return std::vector<std::string>{};
        if (status != SCARD_S_SUCCESS) return reader_failure(ReaderFault::no_reader);
        std::string names(size, '\0');
        status = SCardListReaders(*context_, nullptr, names.data(), &size);
        if (status != SCARD_S_SUCCESS) return reader_failure(ReaderFault::no_reader);
        names.resize(std::min<std::size_t>(size, names.size()));

        // Names, each ended by a zero; an empty one ends the list.
        std::vector<std::string> readers;
        for (std::size_t start = 0; start < names.size() && names[start] != '\0';) {
            const std::size_t end = std::min(names.find('\0', start), names.size());
            readers.push_back(names.substr(start, end - start));
            start = end + 1;
        }
        return readers;
    }

    LONG wait_for_change(SCARD_READERSTATE& state, DWORD timeout_ms) {
        const LONG status = SCardGetStatusChange(*context_, timeout_ms, &state, 1);
        state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
        return status;
    }

    LONG connect(const std::string& reader) {
        SCARDHANDLE card = 0;
        const LONG status = SCardConnect(*context_, reader.c_str(), SCARD_SHARE_EXCLUSIVE,
                                         SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol_);
        if (status == SCARD_S_SUCCESS) card_ = card;
        return status;
    }

    LONG transmit(Bytes capdu, std::span<std::uint8_t> out, DWORD& size) {
        const SCARD_IO_REQUEST* header =
            protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
        size = out.size();
        return SCardTransmit(*card_, header, capdu.data(), capdu.size(), nullptr, out.data(),
                             &size);
    }

    // Unpowered: a contactless reader turns its field off and finds the card anew.
    void drop_card() {
        if (card_) SCardDisconnect(*card_, SCARD_UNPOWER_CARD);
        card_.reset();
    }

    // From any thread.
    void cancel() {
        const std::lock_guard lock(context_mutex_);
        if (context_) SCardCancel(*context_);
    }

    bool has_card() const { return card_.has_value(); }

private:
    std::mutex context_mutex_;  // Between the thread that changes context_ and cancel.
    std::optional<SCARDCONTEXT> context_;
    std::optional<SCARDHANDLE> card_;
    DWORD protocol_ = SCARD_PROTOCOL_T1;
};

Result<std::vector<std::string>> list_pcsc_readers() {
    return PcscReader::Service().list();
}

PcscReader::PcscReader(std::string name, std::unique_ptr<Service> service)
    : name_(std::move(name)), service_(std::move(service)) {}

PcscReader::~PcscReader() = default;

Result<std::unique_ptr<PcscReader>> PcscReader::open(std::string_view name) {
    auto service = std::make_unique<Service>();
    const auto readers = TRY(service->list());
    const auto found = std::ranges::find_if(readers, [name](const std::string& reader) {
        return reader.find(name) != std::string::npos;
    });
    if (found == readers.end()) return reader_failure(ReaderFault::no_reader);
    return std::unique_ptr<PcscReader>(new PcscReader(*found, std::move(service)));
}

Result<void> PcscReader::wait_for_card(unsigned timeout_ms) {
    service_->drop_card();
    auto found = look_for_card(now_us() + std::int64_t{timeout_ms} * 1000);
    if (!found && fault_of(found.error()) == ReaderFault::cancelled) cancelled_ = false;
    return found;
}

Result<void> PcscReader::look_for_card(std::int64_t end_us) {
    if (service_->establish() != SCARD_S_SUCCESS) return reader_failure(ReaderFault::no_reader);
    SCARD_READERSTATE state{};
    state.szReader = name_.c_str();
    state.dwCurrentState = SCARD_STATE_UNAWARE;
    for (;;) {
        if (cancelled_) return reader_failure(ReaderFault::cancelled);
        const std::int64_t left_ms = (end_us - now_us() + 999) / 1000;
        const auto slice_ms = std::clamp<std::int64_t>(left_ms, 0, wait_slice_ms);
        const LONG status = service_->wait_for_change(state, static_cast<DWORD>(slice_ms));
        if (status != SCARD_S_SUCCESS && status != SCARD_E_TIMEOUT && status != SCARD_E_CANCELLED) {
            service_->forget();
            return reader_failure(ReaderFault::no_reader);
        }
        constexpr DWORD gone = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_IGNORE;
        if ((state.dwEventState & gone) != 0) return reader_failure(ReaderFault::no_reader);
        // A card that is gone again before it is connected is none, and one that another program
        // holds may be let go: look again, with the next change or slice. Also where the service
        // calls the card mute, which it does for ever when one card took another's place unseen.
        const bool present = (state.dwEventState & SCARD_STATE_PRESENT) != 0;
        if (present && service_->connect(name_) == SCARD_S_SUCCESS) return {};
        if (left_ms <= 0) return reader_failure(ReaderFault::no_card);
    }
}

Result<Buffer> PcscReader::transmit(Bytes capdu, unsigned timeout_ms) {
    if (capdu.size() < capdu_bytes_min || capdu.size() > capdu_bytes_max) {
        return fail(ErrorKind::denied, "reader: command too short or too long");
    }
    if (!service_->has_card()) return reader_failure(ReaderFault::no_card);

    std::array<std::uint8_t, rapdu_bytes_max> answer{};
    DWORD size = 0;
    const std::int64_t start_us = now_us();
    const LONG status = service_->transmit(capdu, answer, size);
    const std::int64_t took_us = now_us() - start_us;
    if (status != SCARD_S_SUCCESS) {
        service_->drop_card();
        return reader_failure(fault_of_status(status));
    }
    // Some drivers call it a success when the card has gone without a word.
    const ReaderFault fault = size == 0                ? ReaderFault::card_removed
                              : size < rapdu_bytes_min ? ReaderFault::protocol
                              : took_us > std::int64_t{timeout_ms} * 1000 ? ReaderFault::timeout
                                                                          : ReaderFault::none;
    if (fault != ReaderFault::none) {
        service_->drop_card();
        return reader_failure(fault);
    }
    last_exchange_us_ = took_us;
    return Buffer(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size));
}

void PcscReader::release() {
    service_->drop_card();
    cancelled_ = false;
}

void PcscReader::cancel() {
    cancelled_ = true;
    service_->cancel();
}

}  // namespace softpos::hw
