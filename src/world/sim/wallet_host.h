// The wallets on the other side: Alipay's gateway and WeChat Pay's APIv3, with payers. They check
// our signatures and sign their own answers and notices, keep their own books, and can be told to
// make payers wait, to lose answers, or to be impersonated. Thread-safe; knows no sockets.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/rsa_key.h"
#include "net/http_message.h"
#include "platform/pay/fees.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::sim {

// What happens to a call: the next `times` calls of that kind.
//   userpaying    pay: the payer confirms `delay_ms` later; below zero never.
//   refuse        pay: the payer's wallet says no.
//   lost          it never arrives; the answer is no wallet's.
//   no_answer     it is done, and the answer is no wallet's.
//   system_error  it is done, and the answer says that nobody knows.
//   forged        it is not done, and somebody else says that it was paid.
struct WalletRule {
    std::string call = "pay";  // pay, make_code, query, cancel, refund
    std::string action;
    std::uint32_t times = 1;
    std::int64_t delay_ms = 0;
};

// What a wallet tells unasked.
struct SimNotice {
    std::string url;
    std::string content_type;
    std::vector<net::HttpHeader> headers = {};
    std::string body = {};
};

// What a wallet's bill has a line of.
struct SimEntry {
    Instant at = {};
    bool gives_back = false;
    std::int64_t amount_minor = 0;
    std::string number = {};  // The merchant's, of what is given back; empty where it has none.
};

// A wallet's own record.
struct SimTrade {
    std::string channel;
    std::string number;  // The merchant's.
    std::int64_t amount_minor = 0;
    std::string state = "waiting";  // waiting, paid, closed
    std::int64_t refunded_minor = 0;
    std::map<std::string, std::int64_t> refunds = {};  // By the merchant's number of each.
    std::string code = {};                             // Of a shown one.
    std::string payer = {};
    std::string notify_url = {};
    std::optional<Instant> confirms_at = {};
    std::string shop = {};
    std::vector<SimEntry> entries = {};
};

class WalletHost {
public:
    static Result<std::unique_ptr<WalletHost>> make(const Clock& clock, Random& random);
    ~WalletHost();

    net::HttpResponse handle(const net::HttpRequest& request);

    void add(WalletRule rule);
    // A payer scans what a phone shows, and pays: the notice of it. not_found where there is no
    // such code, conflict where it is paid, closed or too old.
    Result<SimNotice> scan(std::string_view code, const std::string& payer);
    // The same told again, and one that somebody made who does not have the wallet's key.
    Result<SimNotice> notice_again(std::string_view number);
    Result<SimNotice> forged_notice(std::string_view number);
    // Who pays by payment codes from now on.
    void set_payer(const std::string& payer);

    // The bill of a China date, as the wallet writes it; not_found for another name. What the
    // wallet keeps is by the rates of the table.
    Result<std::string> bill(std::string_view channel, std::uint32_t yyyymmdd,
                             const pay::FeeTable& fees) const;

    // What payers have paid and not got back.
    std::int64_t taken_minor() const;
    std::optional<SimTrade> trade(std::string_view number) const;
    std::size_t refused_signatures() const;

    // wallets.json and the key files of a merchant, as a platform's folder holds them.
    Result<void> write_config(const std::string& folder, const std::string& url,
                              const std::string& notify_base) const;

private:
    struct Impl;
    explicit WalletHost(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::sim
