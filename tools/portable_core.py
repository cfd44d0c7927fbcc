#!/usr/bin/env python3
"""Looks at what the portable trusted core asks of its outside: tools/portable_core.py LIBRARY.

Every symbol that the library needs and does not define must be a function of the TEE, of the
maker's extras, of freestanding C and C++, or, in the files of the crypto port alone, of OpenSSL.
Exceptions, run-time types, files, sockets, clocks and threads of an operating system are none of
these. Prints FILE: SYMBOL: what is wrong with it; exits 1 if there are any.

tools/portable_core.py --self-test   that it still finds them
"""
import re
import subprocess
import sys

# What takes the place of a TEE's own cryptography on Linux; nothing else may call OpenSSL.
CRYPTO_PORT = {"aead.cc.o", "cipher.cc.o", "hash.cc.o", "kdf.cc.o", "mac.cc.o", "p256.cc.o"}
OPENSSL = re.compile(r"(EVP|EC|ECDSA|BIO|BN|PEM|PKCS8|OSSL|OPENSSL|CRYPTO|ERR|RAND|RSA|OBJ|HMAC|CMAC|d2i|i2d)_\w+$|"
                     r"(d2i|i2d)_\w+$")
ALLOWED = re.compile("|".join((
    r"TEE_\w+$",
    r"_ZN7softpos5trust15platform_extrasEv$",
    # Freestanding C, as every TEE's library has it.
    r"(mem(cpy|move|set|cmp|chr|mem)|bcmp|strlen|strstr|explicit_bzero|malloc|free|abort)$",
    r"__popcount[ds]i2$",
    r"__(stack_chk_fail|memcpy_chk|memmove_chk|memset_chk|explicit_bzero_chk)$",
    # The C++ library: memory, strings, and the calls that end a program that broke its own rules.
    r"_Z(nwm|nam|dlPv|dlPvm|daPv|daPvm|nwmSt11align_val_t|dlPvmSt11align_val_t)$",
    r"_ZSt\d+__throw_\w+$",
    r"_ZNSa|_ZNKSt|_ZNSt7__cxx1112basic_string|_ZNSt6chrono|_ZNSt8__detail",
    r"__cxa_(pure_virtual|atexit)$|__dso_handle$|_GLOBAL_OFFSET_TABLE_$",
    r"_ZSt(7nothrow|21__glibcxx_assert_fail)",
    # What instrumented builds call.
    r"__(asan|ubsan|tsan|sanitizer|sancov|lsan)_",
    r"__(start|stop)_asan_globals$",
)))
FORBIDDEN = {
    r"__cxa_(throw|begin_catch|end_catch|rethrow|allocate_exception)|_Unwind_|__gxx_personality":
        "an exception",
    r"_ZTI|_ZTVN10__cxxabiv|__dynamic_cast": "a run-time type",
}


def symbols(library):
    """(object, symbols it needs, symbols it defines) for each object of a static library."""
    text = subprocess.run(["nm", "-A", "-P", library], check=True, capture_output=True, text=True)
    objects = {}
    for line in text.stdout.splitlines():
        match = re.match(r".*\[(.+?)\]: (\S+) (\w)", line)
        if not match:
            continue
        name, symbol, kind = match.groups()
        needs, defines = objects.setdefault(name, (set(), set()))
        (needs if kind in "Uwv" else defines).add(symbol)
        if kind in "Uw" and symbol in defines:
            needs.discard(symbol)
    return objects


def complaints(objects):
    defined = set().union(*(defines for _, defines in objects.values())) if objects else set()
    for name, (needs, _) in sorted(objects.items()):
        for symbol in sorted(needs):
            for pattern, what in FORBIDDEN.items():
                if re.match(pattern, symbol):
                    yield name, symbol, what
                    break
            else:
                if symbol in defined or ALLOWED.match(symbol):
                    continue
                if OPENSSL.match(symbol):
                    if name not in CRYPTO_PORT:
                        yield name, symbol, "OpenSSL outside the crypto port"
                    continue
                yield name, symbol, "neither the TEE's nor freestanding"


def self_test():
    good = {"core.cc.o": ({"memcpy", "_Znwm", "TEE_GetSystemTime", "ours"}, {"ours"}),
            "hash.cc.o": ({"EVP_Digest"}, set())}
    assert not list(complaints(good))
    for symbol in ("open", "socket", "clock_gettime", "getrandom", "pthread_create", "stderr",
                   "__cxa_throw", "_ZTIi", "EVP_Digest", "_ZNSt6thread4joinEv", "write"):
        bad = {**good, "core.cc.o": ({symbol}, {"ours"})}
        assert len(list(complaints(bad))) == 1, symbol
    print("portable_core: self-test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    self_test()
    objects = symbols(sys.argv[1])
    found = list(complaints(objects))
    for name, symbol, what in found:
        print(f"{name}: {symbol}: {what}")
    print(f"portable_core: {len(objects)} objects, {len(found)} complaints")
    return 1 if found or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
