// Reads an object's bytes back, wherever they lie.
#pragma once

#include <memory>
#include <vector>

#include "ports/blob_store.h"
#include "services/s3/rows.h"

namespace hearth::s3 {

// The bytes of a multipart object in `range`: its parts one after the other, without a copy. Opens a part when it is
// reached; while all that is left lies in one part, file_slice() is that part's.
Async<std::unique_ptr<ByteSource>> open_parts(BlobStore& blobs, std::vector<PartContent> parts, ByteRange range);

}  // namespace hearth::s3
