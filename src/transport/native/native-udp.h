// What the parts of the native addon share: the layout of the arrays that JavaScript sees (binding.ts has the same numbers),
// what a socket is, and the checks of arguments.
#ifndef RXRPC_NATIVE_UDP_H
#define RXRPC_NATIVE_UDP_H

#define NAPI_VERSION 8

#include <netinet/in.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#define DATAGRAM_MAX 65507

// Words of an address in an Int32Array: family (4 or 6), four words in network order (IPv4 in the last), port.
enum { A_FAMILY, A_WORDS, A_PORT = A_WORDS + 4, A_COUNT };
// An entry of a batch: its length, then its address, one spare word. An error's entry: errno, origin with
// the type of the ICMP message above it, length of the quote, address.
enum { E_LENGTH, E_ADDRESS, E_COUNT = 8 };
enum { X_ERRNO, X_ORIGIN, X_LENGTH, X_ADDRESS, X_COUNT = 10 };
// In front of the entries of a sent batch, written for the caller: datagrams lost, the last errno, whether a refusal by the
// peer of a connected socket was reported, whether runs still leave segmented, messages that the system took.
enum { H_LOST, H_ERRNO, H_REFUSED, H_SEGMENTS, H_MESSAGES, H_COUNT };
// What open() is told, and what it answers in the same words.
enum {
  O_LOCAL, O_PEER = O_LOCAL + A_COUNT, O_LOCAL_SCOPE = O_PEER + A_COUNT, O_PEER_SCOPE, O_HAS_PEER, O_IPV6_ONLY,
  O_REUSE_PORT, O_MTU_DISCOVER, O_RECV_BYTES, O_SEND_BYTES, O_SEGMENTS, O_COUNT
};

typedef struct environment environment;

typedef struct {
  uv_poll_t poll;  // First, so that libuv's pointer is ours.
  environment* owner;
  napi_ref callback;
  uint32_t at;  // Its place in the table.
  int fd;
  int events;
  bool is_ipv6;
  bool is_connected;
  bool sends_segments;
} udp_socket;

typedef struct {
  udp_socket* socket;
  uint16_t generation;
} slot;

struct environment {
  napi_env env;
  uv_loop_t* loop;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  slot* slots;
  uint32_t slot_count;
  uint32_t closing;  // Handles that libuv has not given back.
  bool is_ending;
};

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} address;

// Throws a TypeError. Returns NULL for whoever has nothing else to return.
napi_value refuse(napi_env env, const char* message);
napi_value number(napi_env env, int32_t value);

// False when what was given is not that. The memory of an array is JavaScript's, and good until the call returns.
bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value* values);
bool take_array(napi_env env, napi_value value, napi_typedarray_type wanted, void** data, size_t* length);
bool take_int(napi_env env, napi_value value, int32_t least, int32_t most, int32_t* out);
// NULL when no open socket of this environment has that number.
udp_socket* take_socket(napi_env env, napi_value value);

// The form the socket's family wants: an IPv6 socket reaches IPv4 by the mapped form. 0 when it cannot.
socklen_t to_sockaddr(const int32_t* words, bool is_ipv6, uint32_t scope, address* out);
bool from_sockaddr(const address* from, int32_t* words);

napi_value js_receive(napi_env env, napi_callback_info info);
napi_value js_read_errors(napi_env env, napi_callback_info info);
napi_value js_send(napi_env env, napi_callback_info info);

#endif
