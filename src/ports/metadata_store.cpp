#include "ports/metadata_store.h"

namespace hearth {

Async<void> transact(MetadataStore& store, const TransactionBody& body) {
  constexpr int attempt_count_max = 64;
  for (int attempt = 0; attempt < attempt_count_max; ++attempt) {
    std::unique_ptr<Transaction> transaction = store.begin();
    CO_TRY_DO(co_await body(*transaction));
    Result<void> committed = co_await store.commit(std::move(transaction));
    if (committed) co_return ok;
    if (committed.error().kind() != ErrorKind::conflict) co_return std::move(committed).error();
  }
  co_return Error(ErrorKind::unavailable, "too many concurrent changes; try again");
}

}  // namespace hearth
