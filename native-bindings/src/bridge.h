// How a plain C++ function becomes a function of the addon: `entry<f>` reads the JavaScript arguments by the types of
// f's parameters, calls it, and turns its result into a value. Everything is resolved at compile time, so that a call
// costs its conversions and nothing else. The functions themselves know no N-API unless they return an object.
//
// A function takes `Call&` first and returns int64_t (a result or -errno) or napi_value. An argument of the wrong type
// is a bug of the caller and throws a TypeError; everything else is a returned -errno.
#pragma once

#include <errno.h>
#include <node_api.h>
#include <stdint.h>
#include <sys/types.h>

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace stratafs {

// What one thread's instance of the addon keeps. Reached without a look-up: it is the data pointer of every function.
struct State {
  double* stat = nullptr;    // the Float64Array `stat`, kept alive by the exports object and by `statRef`
  double* fsstat = nullptr;  // likewise `fsstat`
  napi_ref statRef = nullptr;
  napi_ref fsstatRef = nullptr;
  // This thread's identity as last set by `become`; -1 is unknown.
  int64_t fsuid = -1;
  int64_t fsgid = -1;
  int64_t umask = -1;
};

struct Call {
  napi_env env;
  State& state;
};

// A latin1 string argument as bytes with a NUL at the end. Names fit the inline buffer; longer texts go to the heap.
class Text {
 public:
  Text() {}
  bool read(napi_env env, napi_value value) {
    if (napi_get_value_string_latin1(env, value, inline_, sizeof inline_, &length_) != napi_ok) return false;
    return length_ < sizeof inline_ - 1 || readLong(env, value);
  }
  const Text& get() const { return *this; }
  const char* c() const { return long_.empty() ? inline_ : long_.data(); }
  size_t length() const { return length_; }
  bool empty() const { return length_ == 0; }

 private:
  bool readLong(napi_env env, napi_value value) {
    if (napi_get_value_string_latin1(env, value, nullptr, 0, &length_) != napi_ok) return false;
    long_.resize(length_ + 1);
    return napi_get_value_string_latin1(env, value, long_.data(), long_.size(), &length_) == napi_ok;
  }
  size_t length_ = 0;
  std::vector<char> long_;  // empty where the text fits `inline_`
  char inline_[512];
};

// A typed array argument, by its element type: where it lies and how many elements it has.
template <class T>
struct Span {
  T* data;
  size_t length;
};
using Bytes = Span<uint8_t>;
using Doubles = Span<double>;
using Ints = Span<int32_t>;

template <class T>
struct ArrayType;
template <>
struct ArrayType<uint8_t> {
  static constexpr napi_typedarray_type type = napi_uint8_array;
};
template <>
struct ArrayType<double> {
  static constexpr napi_typedarray_type type = napi_float64_array;
};
template <>
struct ArrayType<int32_t> {
  static constexpr napi_typedarray_type type = napi_int32_array;
};

// One argument: `read` takes it from JavaScript (false: wrong type), `get` hands it to the function. Integers wrap
// modulo 2^32 as in JavaScript, so that uid 4294967294 and -1 both arrive as they were meant.
template <class T>
struct Arg;
template <>
struct Arg<int> {
  int value;
  bool read(napi_env env, napi_value v) { return napi_get_value_int32(env, v, &value) == napi_ok; }
  int get() const { return value; }
};
template <>
struct Arg<uint32_t> {
  uint32_t value;
  bool read(napi_env env, napi_value v) { return napi_get_value_uint32(env, v, &value) == napi_ok; }
  uint32_t get() const { return value; }
};
template <>
struct Arg<int64_t> {
  int64_t value;
  bool read(napi_env env, napi_value v) { return napi_get_value_int64(env, v, &value) == napi_ok; }
  int64_t get() const { return value; }
};
template <>
struct Arg<double> {
  double value;
  bool read(napi_env env, napi_value v) { return napi_get_value_double(env, v, &value) == napi_ok; }
  double get() const { return value; }
};
template <>
struct Arg<bool> {
  bool value;
  bool read(napi_env env, napi_value v) { return napi_get_value_bool(env, v, &value) == napi_ok; }
  bool get() const { return value; }
};
template <>
struct Arg<napi_value> {
  napi_value value;
  bool read(napi_env, napi_value v) { return value = v, true; }
  napi_value get() const { return value; }
};
template <>
struct Arg<Text> : Text {};
template <class T>
struct Arg<Span<T>> {
  Span<T> span;
  bool read(napi_env env, napi_value v) {
    napi_typedarray_type type;
    void* data = nullptr;
    if (napi_get_typedarray_info(env, v, &type, &span.length, &data, nullptr, nullptr) != napi_ok) return false;
    span.data = static_cast<T*>(data);
    return type == ArrayType<T>::type;
  }
  Span<T> get() const { return span; }
};

inline napi_value toValue(napi_env env, int64_t number) {
  napi_value value = nullptr;
  if (number == static_cast<int32_t>(number))
    napi_create_int32(env, static_cast<int32_t>(number), &value);
  else
    napi_create_int64(env, number, &value);
  return value;
}
inline napi_value toValue(napi_env, napi_value value) { return value; }

inline napi_value failed(Call& call, int error) { return toValue(call.env, -static_cast<int64_t>(error)); }

// `text` as a latin1 string.
napi_value toString(napi_env env, const char* text, size_t length);
// A new Uint8Array that holds a copy of `bytes`.
napi_value toBytes(napi_env env, const void* bytes, size_t length);

// -errno where a system call answered -1.
inline int64_t result(int64_t value) { return value < 0 ? -static_cast<int64_t>(errno) : value; }

// Reads arguments and calls `f(first, arguments…)`, where `first` is Call& or a Device&.
template <class R, class F, class C, class... A, size_t... I>
napi_value applyArguments(napi_env env, const napi_value* argv, F f, C& first, std::tuple<A...>*,
                          std::index_sequence<I...>) {
  std::tuple<Arg<A>...> arguments;
  if (!(std::get<I>(arguments).read(env, argv[I]) && ...)) {
    napi_throw_type_error(env, nullptr, "an argument of a native call has the wrong type");
    return nullptr;
  }
  if constexpr (std::is_void_v<R>) {
    f(first, std::get<I>(arguments).get()...);
    return nullptr;
  } else {
    return toValue(env, f(first, std::get<I>(arguments).get()...));
  }
}

template <class R, class... A>
napi_value callFunction(napi_env env, napi_callback_info info, R (*f)(Call&, A...)) {
  constexpr size_t count = sizeof...(A);
  size_t given = count;
  napi_value argv[count + 1];
  void* state;
  napi_get_cb_info(env, info, &given, argv, nullptr, &state);
  Call call{env, *static_cast<State*>(state)};
  return applyArguments<R>(env, argv, f, call, static_cast<std::tuple<std::decay_t<A>...>*>(nullptr),
                           std::index_sequence_for<A...>{});
}

template <auto F>
napi_value entry(napi_env env, napi_callback_info info) {
  return callFunction(env, info, F);
}

// The functions of the addon, gathered from every file by its `describe…`.
class Table {
 public:
  explicit Table(State* state) : state_(state) {}
  template <auto F>
  void add(const char* name) {
    rows.push_back({name, nullptr, entry<F>, nullptr, nullptr, nullptr, napi_enumerable, state_});
  }
  std::vector<napi_property_descriptor> rows;

 private:
  State* state_;
};

void describePlaces(Table& table);
void describeNames(Table& table);
void describeAttributes(Table& table);
void describeXattrs(Table& table);
void describeDirectories(Table& table);
void describeHandles(Table& table);
void describeFiles(Table& table);
void describeCopy(Table& table);
void describeAhead(Table& table);
void describeClosing(Table& table);
void describeWarm(Table& table);
void describeIdentity(Table& table);
void describeMounting(Table& table);
void describeMountApi(Table& table);
void describeFusermount(Table& table);
void describeNotify(Table& table);
void describeEpoll(Table& table);
void describeSync(Table& table);
void describeUsage(Table& table);
void describeUsageWalk(Table& table);
void describeFill(Table& table);
void describeShared(Table& table);
void describeGuard(Table& table);
napi_value deviceClass(napi_env env);

}  // namespace stratafs
