// syncfs(2) beside the caller: it may take as long as a disk takes to write all it has been given.
#include <unistd.h>

#include <memory>

#include "bridge.h"

namespace stratafs {

namespace {

struct Syncing {
  int fd;
  int64_t outcome = 0;
  napi_deferred promise = nullptr;
  napi_async_work work = nullptr;
};

void run(napi_env, void* data) {
  Syncing* it = static_cast<Syncing*>(data);
  it->outcome = result(::syncfs(it->fd));
}

void finish(napi_env env, napi_status, void* data) {
  std::unique_ptr<Syncing> it(static_cast<Syncing*>(data));
  napi_resolve_deferred(env, it->promise, toValue(env, it->outcome));
  napi_delete_async_work(env, it->work);
}

// A promise of 0 or -errno. `fd` must stay open until then.
napi_value syncfsBeside(Call& call, int fd) {
  auto it = std::make_unique<Syncing>();
  it->fd = fd;
  napi_value promise = nullptr, name = toString(call.env, "syncfs", 6);
  if (napi_create_promise(call.env, &it->promise, &promise) != napi_ok) return nullptr;
  // `finish` owns it from here on.
  Syncing* given = it.release();
  napi_create_async_work(call.env, nullptr, name, run, finish, given, &given->work);
  napi_queue_async_work(call.env, given->work);
  return promise;
}

}  // namespace

void describeSync(Table& table) { table.add<syncfsBeside>("syncfsBeside"); }

}  // namespace stratafs
