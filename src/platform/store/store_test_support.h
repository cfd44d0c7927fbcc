// For tests only: the suite that every backend of the store must pass, and how one is opened for
// it.
#pragma once

#include "platform/store/sqlite_store.h"
#include "platform/store/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace softpos::store {

inline constexpr std::string_view shop = "898310058120001";
inline constexpr pay::BusinessDate today{20261122};
inline constexpr Instant now{1'763'000'000'000};

// How a backend is opened for the suite. `fail_commit` makes commits fail while it is true.
struct Backend {
    std::string name;
    std::function<std::unique_ptr<Store>(const std::string& folder, std::atomic<bool>& fail)> open;
};

inline std::unique_ptr<Store> open_sqlite_in(const std::string& folder,
                                             std::atomic<bool>& fail_commit) {
    SqliteConfig config{.path = folder + "/store.db"};
    config.fail_commit = [&fail_commit] { return fail_commit.load(); };
    auto store = open_sqlite(std::move(config));
    EXPECT_TRUE(store);
    return store ? std::move(*store) : nullptr;
}

class StoreTest : public ::testing::TestWithParam<Backend> {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "storeXXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        open();
    }
    void TearDown() override {
        store_.reset();
        std::filesystem::remove_all(folder_);
    }
    void open() {
        store_.reset();
        store_ = GetParam().open(folder_, fail_commit_);
        ASSERT_NE(store_, nullptr);
    }

    Result<void> run(Store::Work work) { return store_->run(std::move(work)); }

    // The answer to one question, which must not fail.
    template <typename Ask>
    auto ask(const Ask& question) {
        using Answer = typename decltype(question(std::declval<Reader&>()))::value_type;
        std::optional<Answer> answer;
        const auto read = store_->read([&](Reader& reader) -> Result<void> {
            answer = TRY(question(reader));
            return {};
        });
        EXPECT_TRUE(read) << read.error().what.c_str();
        return answer.value_or(Answer{});
    }

    pay::Payment payment(std::uint32_t stan, std::string_view merchant = shop) {
        pay::Payment payment;
        payment.id = pay::new_id(merchant, {now.unix_ms + stan}, random_);
        payment.merchant = merchant;
        payment.terminal = "00000001";
        payment.amount_minor = 10'000;
        payment.reference = "table 4";
        payment.idempotency_key = Id128::make(random_);
        payment.body_digest[3] = 9;
        payment.state = pay::PaymentState::sent;
        payment.version = 1;
        payment.batch = 1;
        payment.stan = stan;
        payment.masked_pan = "621094******0001";
        payment.card_method = "none";
        payment.stored_card = {1, 0, 255};
        payment.fee = {.merchant_minor = 60, .issuer_minor = 45, .network_minor = 3};
        payment.fee_return = pay::FeeReturn::proportional;
        payment.created_at = payment.sent_at = now;
        payment.deadline_at = {now.unix_ms + 45'000};
        return payment;
    }
    static pay::Payment approved(pay::Payment payment) {
        payment.state = pay::PaymentState::approved;
        payment.version = 2;
        payment.rrn = "232612000001";
        payment.auth_code = "A1B2C3";
        payment.response_code = "00";
        payment.settlement_date = today;
        payment.answered_at = {now.unix_ms + 300};
        return payment;
    }
    Result<void> sell(const pay::Payment& sale) {
        return run([&](Tx& tx) -> Result<void> {
            TRY_VOID(tx.insert(sale));
            TRY_VOID(tx.update(approved(sale)));
            return tx.post(pay::post_sale(approved(sale)));
        });
    }

    std::string folder_;
    std::atomic<bool> fail_commit_{false};
    std::unique_ptr<Store> store_;
    SeededRandom random_{7};
};

inline const auto all_backends = ::testing::Values(Backend{"sqlite", open_sqlite_in});
inline std::string backend_name(const ::testing::TestParamInfo<Backend>& info) {
    return info.param.name;
}

}  // namespace softpos::store
