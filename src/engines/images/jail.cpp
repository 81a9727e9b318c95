#include "engines/images/jail.h"

#include <locale.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

namespace hearth::images {

Result<void> run_in_jail(const std::filesystem::path& root, const std::function<Result<void>()>& work) {
  Result<void> result = Error(ErrorKind::internal, "internal error");
  std::thread([&] {
    // Linux threads share root and working folder until they say that they do not want to.
    if (::unshare(CLONE_FS) != 0 || ::chroot(root.c_str()) != 0 || ::chdir("/") != 0) {
      result = Error(ErrorKind::unsupported, "images cannot be unpacked on this host",
                     "chroot: " + std::generic_category().message(errno));
      return;
    }
    ::umask(022);
    // libarchive reads the names in pax headers as text.
    const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8) ::uselocale(utf8);
    result = work();
    if (utf8) {
      ::uselocale(LC_GLOBAL_LOCALE);
      ::freelocale(utf8);
    }
  }).join();
  return result;
}

}  // namespace hearth::images
