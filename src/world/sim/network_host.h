// A card network and its acquirer host, as a terminal or a platform sees it: speaks cup-pos, keeps
// terminals signed in, checks every MAC, asks the issuers, remembers each transaction until it is
// cleared. Pure: bytes and an instant in, bytes out.
//
// What a real host would hold against us it holds against us: a wrong MAC is A0, an unknown
// terminal 97, one that has not signed in today A8, the same key with another body 94. The same
// message again gets the same answer, byte for byte (under new working keys: with their MAC), and
// moves no money twice.
//
// Spec: [CUP-POS] message set and field rules, from the public sources in docs/protocol.md.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "codec/dialect.h"
#include "codec/iso8583.h"
#include "world/sim/issuer.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace softpos::sim {

// Calendar dates as YYYYMMDD.
std::uint32_t next_date(std::uint32_t yyyymmdd);

// What the network will write into its clearing file.
struct NetworkRecord {
    enum class Kind : std::uint8_t { sale, void_of_sale, refund };
    Kind kind = Kind::sale;
    std::string terminal_id;    // Field 41.
    std::string merchant_id;    // Field 42.
    std::string batch;          // Field 60.2.
    std::string trace;          // Field 11.
    std::string rrn;            // Field 37.
    std::string auth_code;      // Field 38.
    std::string response_code;  // Field 39 of the answer.
    std::string entry_mode;     // Field 22.
    std::string local_time;     // MMDDhhmmss.
    std::string pan;            // Test cards only: the simulator issues them all.
    std::string original_trace;
    std::int64_t amount_minor = 0;
    std::uint32_t settlement_date = 0;  // YYYYMMDD.
    bool credit_card = false;           // By the application identifier in field 55.
    bool reversed = false;
    bool voided = false;
    std::int64_t refunded_minor = 0;
    std::size_t original = 0;  // Index + 1 of the record a void or refund refers to.
};

struct NetworkCounters {
    std::uint64_t messages = 0, approved = 0, declined = 0, reversed = 0, repeated = 0,
                  mac_failures = 0, malformed = 0, sign_ins = 0, sign_outs = 0, echoes = 0;
};

class NetworkHost {
public:
    struct Config {
        std::string acquirer_id = "48270000";
        bool sandbox_codes = true;        // The fen part of an amount selects the response code.
        std::uint32_t business_date = 0;  // YYYYMMDD.
    };

    NetworkHost(const codec::Dialect& dialect, Config config, Issuer& issuer, Random& random);

    // Lets a terminal in. The TMK was carried here under the zone master key. A terminal that is
    // known keeps its batch number.
    Result<void> register_terminal(const std::string& terminal_id, const std::string& merchant_id,
                                   SecretBytes terminal_master_key);

    // What is answered to one message (MTI to field 64); nullopt where a host would stay silent:
    // bytes that are no message of this dialect.
    std::optional<Buffer> handle(Bytes message, Instant now);

    // Ends the business day. Terminals have to sign in again.
    void cut_over();

    std::uint32_t business_date() const { return config_.business_date; }
    const std::vector<NetworkRecord>& records() const { return records_; }
    const NetworkCounters& counters() const { return counters_; }

private:
    struct Terminal {
        std::string merchant_id;
        SecretBytes master_key;
        SecretBytes mac_key;
        SecretBytes pin_key;
        std::uint32_t batch = 0;
        std::uint32_t signed_in_on = 0;  // 0: not signed in.
        std::uint32_t batch_opened_on = 0;
        bool batch_settled = false;
    };
    struct Remembered {  // An answered request, for repetitions.
        Buffer request;
        Buffer answer;
    };
    // One request being answered.
    struct Turn {
        const codec::IsoMessage& in;
        codec::IsoMessage& out;
        Terminal* terminal;
        Bytes request;
        Instant now;
        std::string text(unsigned field) const;
        std::int64_t amount() const;
    };

    std::string answer_sign_in(Turn& turn);
    std::string answer_management(Turn& turn);
    std::string answer_financial(Turn& turn);
    static std::optional<std::string> pin_of(const Terminal& terminal, Bytes block,
                                             std::string_view pan_digits);
    std::string answer_purchase(Turn& turn, NetworkRecord record);
    std::string answer_void(Turn& turn, NetworkRecord record);
    std::string answer_refund(Turn& turn, NetworkRecord record);
    std::string answer_reversal(Turn& turn);
    std::string answer_settlement(Turn& turn);
    std::string check_security(const Turn& turn) const;
    std::optional<Buffer> answer_again(const Turn& turn, const Remembered& before) const;
    std::string answer_conflict(const Turn& turn);
    std::string dispatch(Turn& turn);
    void stamp(Turn& turn);
    Buffer seal(codec::IsoMessage& out, const Terminal* terminal) const;
    static void put_mac(Buffer& packed, const Terminal& terminal);
    NetworkRecord* find(const std::string& terminal, const std::string& batch,
                        const std::string& trace);
    void keep(NetworkRecord record);
    static std::string key_of(const Turn& turn);

    const codec::Dialect& dialect_;
    Config config_;
    Issuer& issuer_;
    Random& random_;
    std::map<std::string, Terminal, std::less<>> terminals_;
    std::vector<NetworkRecord> records_;
    std::unordered_map<std::string, std::size_t> by_trace_;  // terminal|batch|trace -> index.
    std::unordered_map<std::string, Remembered> answered_;
    std::unordered_map<std::string, bool> reversed_first_;  // Reversals without an original.
    NetworkCounters counters_;
    std::uint64_t sequence_ = 0;
};

}  // namespace softpos::sim
