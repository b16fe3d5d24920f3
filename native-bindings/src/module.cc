// The addon's entry: makes one instance per thread that loads it, with its own State and its own `stat` and `fsstat`
// arrays, and gathers the functions of the other files.
#include <string.h>

#include "bridge.h"

namespace stratafs {

napi_value toString(napi_env env, const char* text, size_t length) {
  napi_value value = nullptr;
  napi_create_string_latin1(env, text, length, &value);
  return value;
}

napi_value toBytes(napi_env env, const void* bytes, size_t length) {
  napi_value buffer, array = nullptr;
  void* data = nullptr;
  if (napi_create_arraybuffer(env, length, &data, &buffer) != napi_ok) return nullptr;
  if (length > 0) memcpy(data, bytes, length);
  napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &array);
  return array;
}

namespace {

constexpr size_t kStatSlots = 25;
constexpr size_t kFsStatSlots = 10;

// A Float64Array that stays alive as long as the instance; tells where its slots are.
napi_value lastingArray(napi_env env, size_t slots, double** data, napi_ref* reference) {
  napi_value buffer, array;
  napi_create_arraybuffer(env, slots * sizeof(double), reinterpret_cast<void**>(data), &buffer);
  memset(*data, 0, slots * sizeof(double));
  napi_create_typedarray(env, napi_float64_array, slots, buffer, 0, &array);
  napi_create_reference(env, array, 1, reference);
  return array;
}

void dropState(napi_env env, void* data, void*) {
  State* state = static_cast<State*>(data);
  if (state->statRef) napi_delete_reference(env, state->statRef);
  if (state->fsstatRef) napi_delete_reference(env, state->fsstatRef);
  delete state;
}

napi_property_descriptor constant(const char* name, napi_value value) {
  return {name, nullptr, nullptr, nullptr, nullptr, value, napi_enumerable, nullptr};
}

}  // namespace

// Makes one instance: called once per thread that loads the addon.
void instantiate(napi_env env, napi_value exports) {
  State* state = new State();
  napi_set_instance_data(env, state, dropState, nullptr);
  Table table(state);
  table.rows.push_back(constant("stat", lastingArray(env, kStatSlots, &state->stat, &state->statRef)));
  table.rows.push_back(constant("fsstat", lastingArray(env, kFsStatSlots, &state->fsstat, &state->fsstatRef)));
  table.rows.push_back(constant("Device", deviceClass(env)));
  for (auto describe :
       {describePlaces, describeNames, describeAttributes, describeXattrs, describeDirectories, describeHandles,
        describeFiles, describeCopy, describeAhead, describeClosing, describeWarm, describeIdentity, describeMounting,
        describeMountApi, describeFusermount, describeNotify, describeEpoll, describeSync, describeUsage,
        describeUsageWalk, describeFill, describeShared, describeGuard})
    describe(table);
  napi_define_properties(env, exports, table.rows.size(), table.rows.data());
}

}  // namespace stratafs

NAPI_MODULE_INIT() {
  stratafs::instantiate(env, exports);
  return exports;
}
