// Waiting for a submitted work.
#include "platform/store/store.h"

#include <future>

namespace softpos::store {

Result<void> Store::run(Work work) {
    std::promise<Result<void>> promise;
    auto durable = promise.get_future();
    submit(std::move(work), [&](Result<void> result) { promise.set_value(std::move(result)); });
    return durable.get();
}

}  // namespace softpos::store
