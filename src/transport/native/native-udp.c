// UDP sockets with batches for Linux, as a Node-API addon: it owns each socket, watches it with a uv_poll of its own, and
// moves up to 32 datagrams in and 64 out by one system call. What the datagrams mean, queues and counters are native-udp.ts's.
//
// Every function checks the kind and length of what it is given and throws a TypeError; what the system refuses comes back
// as a negative errno. Memory of JavaScript's is touched during the call that lends it, and never kept. State belongs to one
// environment (a worker has its own), and a socket is named by a number that is checked each time, so that a closed socket
// cannot be reached through what is left of it.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "native-udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_SELECT_ERR_QUEUE
#define SO_SELECT_ERR_QUEUE 45
#endif
#ifndef SOURCE_HASH
#define SOURCE_HASH ""
#endif

#define SLOTS_MAX 65536
#define GENERATIONS 0x7fff

// What a callback is told; less than zero is an errno.
enum { EVENT_READABLE = 1, EVENT_WRITABLE = 2, EVENT_ERROR = 4 };

static environment* environment_of(napi_env env) {
  void* data = NULL;
  return napi_get_instance_data(env, &data) == napi_ok ? data : NULL;
}

static udp_socket* socket_named(environment* own, int32_t id) {
  uint32_t at = (uint32_t)id & (SLOTS_MAX - 1);
  if (own == NULL || id < 0 || at >= own->slot_count) return NULL;
  slot* found = &own->slots[at];
  return found->generation == (uint32_t)id >> 16 ? found->socket : NULL;
}

udp_socket* take_socket(napi_env env, napi_value value) {
  int32_t id;
  return take_int(env, value, 0, INT32_MAX, &id) ? socket_named(environment_of(env), id) : NULL;
}

// ---------------------------------------------------------------- the life of a socket

static void free_environment(environment* own) {
  free(own->slots);
  free(own);
}

static void handle_closed(uv_handle_t* handle) {
  udp_socket* socket = (udp_socket*)handle;
  environment* own = socket->owner;
  free(socket);
  own->closing--;
  // The hook holds the environment; once it is taken away, `own` may be gone.
  if (own->is_ending && own->closing == 0) napi_remove_async_cleanup_hook(own->hook);
}

static void close_socket(environment* own, udp_socket* socket) {
  slot* place = &own->slots[socket->at];
  place->socket = NULL;
  place->generation = (place->generation + 1) & GENERATIONS;
  if (socket->callback != NULL) napi_delete_reference(own->env, socket->callback);
  // Stops watching at once, so that the descriptor can go now; the memory goes when libuv says so.
  own->closing++;
  uv_close((uv_handle_t*)&socket->poll, handle_closed);
  close(socket->fd);
  socket->fd = -1;
}

static void end_environment(napi_async_cleanup_hook_handle hook, void* data) {
  environment* own = data;
  own->is_ending = true;
  for (uint32_t i = 0; i < own->slot_count; i++) {
    if (own->slots[i].socket != NULL) close_socket(own, own->slots[i].socket);
  }
  napi_async_destroy(own->env, own->context);
  if (own->closing == 0) napi_remove_async_cleanup_hook(hook);
}

static void finalize_environment(napi_env env, void* data, void* hint) {
  (void)env;
  (void)hint;
  free_environment(data);
}

/** @returns a free place, or -1 when there is no memory or all are taken */
static int32_t free_slot(environment* own) {
  for (uint32_t i = 0; i < own->slot_count; i++) {
    if (own->slots[i].socket == NULL) return (int32_t)i;
  }
  uint32_t count = own->slot_count == 0 ? 4 : own->slot_count * 2;
  if (count > SLOTS_MAX) return -1;
  slot* grown = realloc(own->slots, count * sizeof *grown);
  if (grown == NULL) return -1;
  memset(grown + own->slot_count, 0, (count - own->slot_count) * sizeof *grown);
  own->slots = grown;
  int32_t first = (int32_t)own->slot_count;
  own->slot_count = count;
  return first;
}

// One callback for whatever the socket has to say in this turn of the loop.
static void tell(udp_socket* socket, int32_t events) {
  environment* own = socket->owner;
  napi_env env = own->env;
  napi_handle_scope scope;
  if (own->is_ending || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback, receiver, argument;
  if (napi_get_reference_value(env, socket->callback, &callback) == napi_ok && callback != NULL &&
      napi_get_global(env, &receiver) == napi_ok && napi_create_int32(env, events, &argument) == napi_ok) {
    // The callback may close the socket: it stays allocated until libuv has had its turn, but is not looked at again.
    if (napi_make_callback(env, own->context, receiver, callback, 1, &argument, NULL) == napi_pending_exception) {
      napi_value thrown;
      if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
    }
  }
  napi_close_handle_scope(env, scope);
}

static void handle_poll(uv_poll_t* handle, int status, int events) {
  udp_socket* socket = (udp_socket*)handle;
  int32_t told = 0;
  if (status < 0) {
    // libuv stops watching a descriptor with an error; for a UDP socket that is news of one datagram, and life goes on.
    int restarted = uv_poll_start(handle, socket->events, handle_poll);
    told = restarted < 0 ? restarted : EVENT_READABLE | EVENT_ERROR;
  } else {
    if (events & UV_READABLE) told |= EVENT_READABLE;
    if (events & UV_WRITABLE) told |= EVENT_WRITABLE;
    if (events & UV_PRIORITIZED) told |= EVENT_ERROR;
  }
  tell(socket, told);
}

static int set_flag(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

static int prepare_socket(udp_socket* socket, const int32_t* o) {
  int fd = socket->fd;
  int error = 0;
  if (socket->is_ipv6) error = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, o[O_IPV6_ONLY] != 0);
  if (error == 0 && o[O_REUSE_PORT] != 0) error = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (error == 0 && o[O_MTU_DISCOVER] >= 0) {
    error = set_flag(fd, IPPROTO_IP, IP_MTU_DISCOVER, o[O_MTU_DISCOVER]);
    if (error == 0 && socket->is_ipv6) error = set_flag(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, o[O_MTU_DISCOVER]);
  }
  if (error != 0) return error;
  // Asked for, not insisted on: Linux grants less in silence, and a socket with small buffers works.
  (void)set_flag(fd, SOL_SOCKET, SO_RCVBUF, o[O_RECV_BYTES]);
  (void)set_flag(fd, SOL_SOCKET, SO_SNDBUF, o[O_SEND_BYTES]);
  // Makes poll tell an error apart, or libuv would take it for the end of the socket.
  (void)set_flag(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
  // A connected socket is told without a queue, and only of its peer.
  if (socket->is_connected) return 0;
  error = set_flag(fd, IPPROTO_IP, IP_RECVERR, 1);
  if (error == 0 && socket->is_ipv6) error = set_flag(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
  return error;
}

static int bind_and_connect(udp_socket* socket, int32_t* o) {
  address local, peer;
  socklen_t length = to_sockaddr(o + O_LOCAL, socket->is_ipv6, (uint32_t)o[O_LOCAL_SCOPE], &local);
  if (length == 0) return -EAFNOSUPPORT;
  if (bind(socket->fd, &local.any, length) != 0) return -errno;
  if (socket->is_connected) {
    length = to_sockaddr(o + O_PEER, socket->is_ipv6, (uint32_t)o[O_PEER_SCOPE], &peer);
    if (length == 0) return -EAFNOSUPPORT;
    if (connect(socket->fd, &peer.any, length) != 0) return -errno;
  }
  length = sizeof local;
  if (getsockname(socket->fd, &local.any, &length) != 0) return -errno;
  return from_sockaddr(&local, o + O_LOCAL) ? 0 : -EAFNOSUPPORT;
}

static int32_t granted(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
}

// The system knows UDP_SEGMENT when it takes the option; 0 leaves plain sends as they are.
static bool knows_segments(int fd) {
  return set_flag(fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;
}

// open(settings: Int32Array, callback: (events) => void): number
static napi_value js_open(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t* settings;
  int32_t o[O_COUNT];
  size_t count;
  napi_valuetype kind;
  environment* own = environment_of(env);
  if (own == NULL || own->is_ending) return refuse(env, "the environment is ending");
  if (!take_arguments(env, info, 2, arguments) ||
      !take_array(env, arguments[0], napi_int32_array, (void**)&settings, &count) || count < O_COUNT)
    return refuse(env, "open: expected an Int32Array of settings");
  if (napi_typeof(env, arguments[1], &kind) != napi_ok || kind != napi_function)
    return refuse(env, "open: expected a callback");
  memcpy(o, settings, sizeof o);
  int32_t family = o[O_LOCAL + A_FAMILY];
  if (family != 4 && family != 6) return refuse(env, "open: expected family 4 or 6");

  int32_t at = free_slot(own);
  udp_socket* socket_ = at < 0 ? NULL : calloc(1, sizeof *socket_);
  if (socket_ == NULL) return number(env, -ENOMEM);
  socket_->owner = own;
  socket_->is_ipv6 = family == 6;
  socket_->is_connected = o[O_HAS_PEER] != 0;
  socket_->fd = socket(socket_->is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = socket_->fd < 0 ? -errno : prepare_socket(socket_, o);
  if (error == 0) error = bind_and_connect(socket_, o);
  if (error == 0) error = uv_poll_init(own->loop, &socket_->poll, socket_->fd);
  if (error != 0) {
    if (socket_->fd >= 0) close(socket_->fd);
    free(socket_);
    return number(env, error);
  }
  // From here libuv knows the handle, so it goes by close_socket().
  own->slots[at].socket = socket_;
  socket_->at = (uint32_t)at;
  socket_->events = UV_READABLE | UV_PRIORITIZED;
  if (napi_create_reference(env, arguments[1], 1, &socket_->callback) != napi_ok) error = -ENOMEM;
  if (error == 0) error = uv_poll_start(&socket_->poll, socket_->events, handle_poll);
  if (error != 0) {
    close_socket(own, socket_);
    return number(env, error);
  }
  socket_->sends_segments = o[O_SEGMENTS] != 0 && knows_segments(socket_->fd);
  o[O_RECV_BYTES] = granted(socket_->fd, SO_RCVBUF);
  o[O_SEND_BYTES] = granted(socket_->fd, SO_SNDBUF);
  o[O_SEGMENTS] = socket_->sends_segments;
  memcpy(settings, o, sizeof o);
  return number(env, (int32_t)((uint32_t)own->slots[at].generation << 16 | (uint32_t)at));
}

// close(id): true when it was open
static napi_value js_close(napi_env env, napi_callback_info info) {
  napi_value argument, result = NULL;
  if (!take_arguments(env, info, 1, &argument)) return refuse(env, "close: expected a socket");
  udp_socket* socket = take_socket(env, argument);
  if (socket != NULL) close_socket(socket->owner, socket);
  napi_get_boolean(env, socket != NULL, &result);
  return result;
}

// watch(id, wantsWritable): 0 or a negative errno
static napi_value js_watch(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  bool wants_writable;
  if (!take_arguments(env, info, 2, arguments) ||
      napi_get_value_bool(env, arguments[1], &wants_writable) != napi_ok)
    return refuse(env, "watch: expected a socket and a boolean");
  udp_socket* socket = take_socket(env, arguments[0]);
  if (socket == NULL) return number(env, -EBADF);
  socket->events = UV_READABLE | UV_PRIORITIZED | (wants_writable ? UV_WRITABLE : 0);
  return number(env, uv_poll_start(&socket->poll, socket->events, handle_poll));
}

// ---------------------------------------------------------------- the module

static bool set_text(napi_env env, napi_value exports, const char* name, const char* text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

static bool set_function(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

NAPI_MODULE_INIT() {
  environment* own = calloc(1, sizeof *own);
  napi_value name;
  if (own == NULL) return refuse(env, "no memory");
  own->env = env;
  bool is_ready = napi_get_uv_event_loop(env, &own->loop) == napi_ok &&
                  napi_create_string_utf8(env, "rxrpc-udp", NAPI_AUTO_LENGTH, &name) == napi_ok &&
                  napi_async_init(env, NULL, name, &own->context) == napi_ok;
  if (!is_ready || napi_set_instance_data(env, own, finalize_environment, NULL) != napi_ok) {
    free(own);
    return refuse(env, "the environment has no event loop");
  }
  // Asynchronous, because a worker's loop must not end before it has given the handles back.
  if (napi_add_async_cleanup_hook(env, end_environment, own, &own->hook) != napi_ok ||
      !set_text(env, exports, "sourceHash", SOURCE_HASH) || !set_function(env, exports, "open", js_open) ||
      !set_function(env, exports, "close", js_close) || !set_function(env, exports, "watch", js_watch) ||
      !set_function(env, exports, "receive", js_receive) || !set_function(env, exports, "send", js_send) ||
      !set_function(env, exports, "readErrors", js_read_errors))
    return refuse(env, "the module cannot be set up");
  return exports;
}
