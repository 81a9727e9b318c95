// SSH keys: making them, and the fingerprints AWS shows for them.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"

namespace hearth::ec2 {

struct PublicKey {
  std::string type;  // "rsa", "ed25519"
  std::string line;  // "ssh-rsa AAAA… comment"
  std::string fingerprint;
};
struct KeyMaterial {
  std::string private_key;  // PEM (RSA) or OpenSSH (ED25519); shown once, never stored
  PublicKey public_key;
};
KeyMaterial make_rsa_key(std::string_view name);
KeyMaterial make_ed25519_key(std::string_view name, IdSource& ids);

// One line as in ~/.ssh/id_ed25519.pub, or its base64. ErrorKind::invalid if it is none.
Result<PublicKey> parse_public_key(std::string_view text);

}  // namespace hearth::ec2
