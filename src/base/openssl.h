// Owning OpenSSL's objects, for the few files that use its C interface. Include it in a .cpp only.
//   using Key = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
#pragma once

#include <openssl/bio.h>

#include <cstddef>
#include <string>

namespace hearth {

template <auto free_function>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};

// What was written to a memory BIO.
inline std::string text_of(BIO* bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace hearth
