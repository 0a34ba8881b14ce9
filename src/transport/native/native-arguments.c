// What the functions of the native addon are given: numbers, arrays and addresses, checked.
#include <string.h>

#include "native-udp.h"

napi_value refuse(napi_env env, const char* message) {
  napi_throw_type_error(env, NULL, message);
  return NULL;
}

napi_value number(napi_env env, int32_t value) {
  napi_value result = NULL;
  return napi_create_int32(env, value, &result) == napi_ok ? result : NULL;
}

bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value* values) {
  size_t given = count;
  return napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given >= count;
}

bool take_array(napi_env env, napi_value value, napi_typedarray_type wanted, void** data, size_t* length) {
  bool is_array = false;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  if (napi_get_typedarray_info(env, value, &type, length, data, NULL, NULL) != napi_ok) return false;
  return type == wanted && (*data != NULL || *length == 0);
}

bool take_int(napi_env env, napi_value value, int32_t least, int32_t most, int32_t* out) {
  double wide;
  if (napi_get_value_double(env, value, &wide) != napi_ok) return false;
  // Also false for what is no number.
  if (!(wide >= least && wide <= most)) return false;
  *out = (int32_t)wide;
  return *out == wide;
}

socklen_t to_sockaddr(const int32_t* words, bool is_ipv6, uint32_t scope, address* out) {
  int32_t family = words[A_FAMILY];
  int32_t port = words[A_PORT];
  if ((family != 4 && family != 6) || port < 0 || port > 65535) return 0;
  memset(out, 0, sizeof *out);
  if (!is_ipv6) {
    if (family != 4) return 0;
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons((uint16_t)port);
    out->v4.sin_addr.s_addr = htonl((uint32_t)words[A_WORDS + 3]);
    return sizeof out->v4;
  }
  uint32_t parts[4] = {0, 0, htonl(0xffff), 0};
  for (int i = family == 4 ? 3 : 0; i < 4; i++) parts[i] = htonl((uint32_t)words[A_WORDS + i]);
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons((uint16_t)port);
  out->v6.sin6_scope_id = scope;
  memcpy(&out->v6.sin6_addr, parts, sizeof parts);
  return sizeof out->v6;
}

bool from_sockaddr(const address* from, int32_t* words) {
  memset(words, 0, A_COUNT * sizeof *words);
  if (from->any.sa_family == AF_INET) {
    words[A_FAMILY] = 4;
    words[A_WORDS + 3] = (int32_t)ntohl(from->v4.sin_addr.s_addr);
    words[A_PORT] = ntohs(from->v4.sin_port);
    return true;
  }
  if (from->any.sa_family != AF_INET6) return false;
  uint32_t parts[4];
  memcpy(parts, &from->v6.sin6_addr, sizeof parts);
  bool is_mapped = IN6_IS_ADDR_V4MAPPED(&from->v6.sin6_addr);
  words[A_FAMILY] = is_mapped ? 4 : 6;
  for (int i = is_mapped ? 3 : 0; i < 4; i++) words[A_WORDS + i] = (int32_t)ntohl(parts[i]);
  words[A_PORT] = ntohs(from->v6.sin6_port);
  return true;
}
