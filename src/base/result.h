// How a function says that it failed: a value, never an exception. See docs/adr/0002.
#pragma once

#include <cstdint>
#include <expected>
#include <utility>

namespace softpos {

// What the caller can do about it; where it happened is in the text.
enum class ErrorKind : std::uint8_t {
    malformed,    // The peer broke its specification. Never retry the same bytes.
    unsupported,  // Well formed, and outside what we implement.
    denied,       // A limit, a policy or a signature says no. Final for this request.
    not_found,    // Nothing there under that name.
    conflict,     // Not possible in the present state, such as voiding a settled sale.
    unavailable,  // A peer or a resource did not answer in time. May be tried again.
    internal,     // Our own mistake. Alarm.
};

// A string literal and nothing else: text that exists only at run time, such as a PAN, cannot
// become one, and so cannot get into an Error or a log line.
class Literal {
public:
    consteval Literal(const char* text) : text_(text) {}
    constexpr const char* c_str() const { return text_; }

private:
    const char* text_;
};

struct [[nodiscard]] Error {
    ErrorKind kind;
    Literal what;
    std::uint32_t detail = 0;  // A tag, a field number, a line. Never a value.
    std::uint32_t at = 0;      // Byte offset in the input, where there is one.
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, Literal what, std::uint32_t detail = 0,
                                   std::size_t at = 0) {
    return std::unexpected(Error{kind, what, detail, static_cast<std::uint32_t>(at)});
}

}  // namespace softpos

// Each use has a name of its own, so that one may stand inside another.
#define SOFTPOS_JOIN_NOW(a, b) a##b
#define SOFTPOS_JOIN(a, b) SOFTPOS_JOIN_NOW(a, b)

#define SOFTPOS_TRY(expression, name)                                                              \
    __extension__({                                                                                \
        auto&& name = (expression);                                                                \
        if (!name) [[unlikely]]                                                                    \
            return std::unexpected(std::move(name).error());                                       \
        *std::move(name);                                                                          \
    })
#define SOFTPOS_TRY_VOID(expression, name)                                                         \
    do {                                                                                           \
        auto&& name = (expression);                                                                \
        if (!name) [[unlikely]]                                                                    \
            return std::unexpected(std::move(name).error());                                       \
    } while (false)

// The value of a Result, or return of its error from the enclosing function. Not for coroutines:
// g++ 12 miscompiles co_return inside a statement expression.
#define TRY(expression) SOFTPOS_TRY(expression, SOFTPOS_JOIN(softpos_try_, __COUNTER__))

// The same for Result<void>, as a statement.
#define TRY_VOID(expression) SOFTPOS_TRY_VOID(expression, SOFTPOS_JOIN(softpos_try_, __COUNTER__))
