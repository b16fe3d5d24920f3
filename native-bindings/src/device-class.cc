// The JavaScript class `Device`: a constructor that makes the buffers, and one row per method.
#include <string.h>

#include "bridge.h"
#include "device.h"

namespace stratafs {

// A text for a function that knows no JavaScript; valid for the call.
template <>
struct Arg<const char*> : Text {
  const char* get() const { return c(); }
};

namespace {

void dropDevice(napi_env, void* device, void*) { delete static_cast<Device*>(device); }

napi_value fail(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

// A buffer as a property of `self` that cannot be replaced, so that it lives as long as the device.
bool addBuffer(napi_env env, napi_value self, const char* name, size_t bytes, uint8_t** data) {
  napi_value buffer;
  if (napi_create_arraybuffer(env, bytes, reinterpret_cast<void**>(data), &buffer) != napi_ok) return false;
  memset(*data, 0, bytes);
  napi_property_descriptor row = {name, nullptr, nullptr, nullptr, nullptr, buffer, napi_enumerable, nullptr};
  return napi_define_properties(env, self, 1, &row) == napi_ok;
}

bool addCounters(napi_env env, napi_value self, double** data) {
  napi_value buffer, array;
  constexpr size_t bytes = Device::kCounters * sizeof(double);
  if (napi_create_arraybuffer(env, bytes, reinterpret_cast<void**>(data), &buffer) != napi_ok) return false;
  memset(*data, 0, bytes);
  napi_create_typedarray(env, napi_float64_array, Device::kCounters, buffer, 0, &array);
  napi_property_descriptor row = {"counters", nullptr, nullptr, nullptr, nullptr, array, napi_enumerable, nullptr};
  return napi_define_properties(env, self, 1, &row) == napi_ok;
}

bool addBuffers(napi_env env, napi_value self, Device& device, size_t requestBytes) {
  device.requestBytes = requestBytes < Device::kLeastRequest ? Device::kLeastRequest : requestBytes;
  device.replyBytes = requestBytes < Device::kLeastReply ? Device::kLeastReply : requestBytes;
  return addBuffer(env, self, "request", device.requestBytes, &device.request) &&
         addBuffer(env, self, "reply", device.replyBytes, &device.reply) && addCounters(env, self, &device.counters);
}

// The buffers of `sibling`, a Device of the same thread, for both.
bool shareBuffers(napi_env env, napi_value self, Device& device, napi_value sibling) {
  void* found = nullptr;
  if (napi_unwrap(env, sibling, &found) != napi_ok) return false;
  const Device& other = *static_cast<Device*>(found);
  device.request = other.request;
  device.requestBytes = other.requestBytes;
  device.reply = other.reply;
  device.replyBytes = other.replyBytes;
  for (const char* name : {"request", "reply"}) {
    napi_value buffer;
    if (napi_get_named_property(env, sibling, name, &buffer) != napi_ok) return false;
    napi_property_descriptor row = {name, nullptr, nullptr, nullptr, nullptr, buffer, napi_enumerable, nullptr};
    if (napi_define_properties(env, self, 1, &row) != napi_ok) return false;
  }
  return addCounters(env, self, &device.counters);
}

// The request buffer is `given`, memory that outlives this process; the reply buffer is the thread's where it has one.
bool useRequest(napi_env env, napi_value self, Device& device, napi_value given, napi_value sibling, bool hasSibling) {
  void* data = nullptr;
  size_t length = 0, unused;
  if (napi_get_arraybuffer_info(env, given, &data, &length) != napi_ok || length < Device::kLeastReply) return false;
  napi_property_descriptor row = {"request", nullptr, nullptr, nullptr, nullptr, given, napi_enumerable, nullptr};
  if (napi_define_properties(env, self, 1, &row) != napi_ok) return false;
  device.request = static_cast<uint8_t*>(data);
  device.requestBytes = Device::kLeastReply;
  if (!hasSibling) {
    device.replyBytes = Device::kLeastReply;
    return addBuffer(env, self, "reply", device.replyBytes, &device.reply) && addCounters(env, self, &device.counters);
  }
  napi_value reply;
  if (napi_get_named_property(env, sibling, "reply", &reply) != napi_ok) return false;
  if (napi_get_arraybuffer_info(env, reply, reinterpret_cast<void**>(&device.reply), &unused) != napi_ok) return false;
  device.replyBytes = unused;
  row.utf8name = "reply";
  row.value = reply;
  return napi_define_properties(env, self, 1, &row) == napi_ok && addCounters(env, self, &device.counters);
}

bool isObject(napi_env env, napi_value value) {
  napi_valuetype kind = napi_undefined;
  napi_typeof(env, value, &kind);
  return kind == napi_object;
}

// new Device(fd, wakeFd, bufferBytes, sibling?, request?)
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value argv[5], self, target;
  int fd, wakeFd;
  uint32_t bytes;
  napi_get_cb_info(env, info, &count, argv, &self, nullptr);
  if (napi_get_new_target(env, info, &target) != napi_ok || target == nullptr) return fail(env, "Device needs new");
  if (napi_get_value_int32(env, argv[0], &fd) != napi_ok || napi_get_value_int32(env, argv[1], &wakeFd) != napi_ok ||
      napi_get_value_uint32(env, argv[2], &bytes) != napi_ok)
    return fail(env, "Device takes three numbers: fd, wakeFd, bufferBytes");
  Device* device = new Device(fd, wakeFd);
  if (napi_wrap(env, self, device, dropDevice, nullptr, nullptr) != napi_ok) {
    delete device;
    return fail(env, "the device could not be made");
  }
  bool hasSibling = isObject(env, argv[3]);
  bool made = isObject(env, argv[4]) ? useRequest(env, self, *device, argv[4], argv[3], hasSibling)
              : hasSibling           ? shareBuffers(env, self, *device, argv[3])
                                     : addBuffers(env, self, *device, bytes);
  return made ? self : fail(env, "no memory for the device's buffers");
}

template <class R, class... A>
napi_value callMethod(napi_env env, napi_callback_info info, R (Device::*method)(A...)) {
  constexpr size_t count = sizeof...(A);
  size_t given = count;
  napi_value argv[count + 1], self;
  void* device = nullptr;
  napi_get_cb_info(env, info, &given, argv, &self, nullptr);
  if (napi_unwrap(env, self, &device) != napi_ok) return fail(env, "not a Device");
  auto call = [method](Device& it, A... arguments) { return (it.*method)(arguments...); };
  return applyArguments<R>(env, argv, call, *static_cast<Device*>(device),
                           static_cast<std::tuple<std::decay_t<A>...>*>(nullptr), std::index_sequence_for<A...>{});
}

template <auto M>
napi_value method(napi_env env, napi_callback_info info) {
  return callMethod(env, info, M);
}

napi_property_descriptor row(const char* name, napi_callback call) {
  return {name, nullptr, call, nullptr, nullptr, nullptr, napi_default, nullptr};
}

}  // namespace

napi_value deviceClass(napi_env env) {
  const napi_property_descriptor rows[] = {
      row("next", method<&Device::next>),
      row("send", method<&Device::send>),
      row("take", method<&Device::take>),
      row("resend", method<&Device::resend>),
      row("bind", method<&Device::bind>),
      row("unbind", method<&Device::unbind>),
      row("direct", method<&Device::direct>),
      row("readInto", method<&Device::readInto>),
      row("writeFrom", method<&Device::writeFrom>),
      row("close", method<&Device::close>),
      row("used", method<&Device::used>),
      row("changed", method<&Device::changed>),
      row("openBacking", method<&Device::openBacking>),
      row("closeBacking", method<&Device::closeBacking>),
      row("forgetAttributes", method<&Device::forgetAttributes>),
      row("storeContent", method<&Device::storeContent>),
      row("readAhead", method<&Device::readAhead>),
      row("keepAwake", method<&Device::keepAwake>),
      row("share", method<&Device::share>),
      row("count", method<&Device::count>),
      row("settleWritten", method<&Device::settleWritten>),
      row("sync", method<&Device::sync>),
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "Device", NAPI_AUTO_LENGTH, construct, nullptr, sizeof rows / sizeof rows[0], rows,
                    &constructor);
  return constructor;
}

}  // namespace stratafs
