// Gives a C library's free function to unique_ptr. Names no library, so that headers may use it.
#pragma once

#include <memory>

namespace softpos::crypto {

template <auto free_function>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const {
        free_function(object);
    }
};

// using Context = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
template <typename T, auto free_function>
using Owned = std::unique_ptr<T, FreeWith<free_function>>;

}  // namespace softpos::crypto
