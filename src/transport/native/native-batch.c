// Batches of the native addon: datagrams in by recvmmsg, errors of the network, datagrams out by sendmmsg and UDP_SEGMENT.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>  // Before errqueue.h, which forgets it.

#include <linux/errqueue.h>

#include "native-udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define RECEIVE_MAX 32
#define SEND_MAX 64
#define ERRORS_MAX 32
// Larger than any UDP payload, so that no datagram is cut off.
#define SLOT_BYTES 65536
// As much of what was sent as says which call it was of.
#define QUOTE_BYTES 128
// One segmented send: what the oldest kernels that know UDP_SEGMENT take, and what fits one IP packet. Longer datagrams go
// singly: the system refuses segments above the MTU, and that refusal would be taken for good.
#define SEGMENTS_MAX 64
#define SEGMENT_BYTES_MAX 1452

// receive(id, memory: Uint8Array, entries: Int32Array): datagrams, or a negative errno
napi_value js_receive(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint8_t* memory;
  int32_t* entries;
  size_t bytes, words;
  if (!take_arguments(env, info, 3, arguments) ||
      !take_array(env, arguments[1], napi_uint8_array, (void**)&memory, &bytes) ||
      !take_array(env, arguments[2], napi_int32_array, (void**)&entries, &words))
    return refuse(env, "receive: expected a socket, a Uint8Array and an Int32Array");
  udp_socket* socket = take_socket(env, arguments[0]);
  if (socket == NULL) return number(env, -EBADF);
  size_t room = bytes / SLOT_BYTES;
  if (words / E_COUNT < room) room = words / E_COUNT;
  if (room > RECEIVE_MAX) room = RECEIVE_MAX;
  if (room == 0) return refuse(env, "receive: no room for a datagram");

  struct mmsghdr messages[RECEIVE_MAX];
  struct iovec parts[RECEIVE_MAX];
  address from[RECEIVE_MAX];
  memset(messages, 0, room * sizeof *messages);
  for (size_t i = 0; i < room; i++) {
    parts[i].iov_base = memory + i * SLOT_BYTES;
    parts[i].iov_len = SLOT_BYTES;
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &from[i];
    messages[i].msg_hdr.msg_namelen = sizeof from[i];
  }
  int got;
  do got = recvmmsg(socket->fd, messages, (unsigned)room, MSG_DONTWAIT, NULL);
  while (got < 0 && errno == EINTR);
  if (got < 0) return number(env, errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno);
  for (int i = 0; i < got; i++) {
    int32_t* entry = entries + i * E_COUNT;
    bool is_whole = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) == 0 && messages[i].msg_len <= SLOT_BYTES;
    bool has_sender = messages[i].msg_hdr.msg_namelen > 0 && from_sockaddr(&from[i], entry + E_ADDRESS);
    entry[E_LENGTH] = is_whole && has_sender ? (int32_t)messages[i].msg_len : -1;
  }
  return number(env, got);
}

// readErrors(id, quotes: Uint8Array, entries: Int32Array): entries, or a negative errno
napi_value js_read_errors(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint8_t* quotes;
  int32_t* entries;
  size_t bytes, words;
  if (!take_arguments(env, info, 3, arguments) ||
      !take_array(env, arguments[1], napi_uint8_array, (void**)&quotes, &bytes) ||
      !take_array(env, arguments[2], napi_int32_array, (void**)&entries, &words))
    return refuse(env, "readErrors: expected a socket, a Uint8Array and an Int32Array");
  udp_socket* socket = take_socket(env, arguments[0]);
  if (socket == NULL) return number(env, -EBADF);
  size_t room = bytes / QUOTE_BYTES;
  if (words / X_COUNT < room) room = words / X_COUNT;
  if (room > ERRORS_MAX) room = ERRORS_MAX;

  size_t count = 0;
  while (count < room) {
    union {
      struct cmsghdr align;
      char bytes[256];
    } control;
    address to;
    memset(&to, 0, sizeof to);
    struct iovec part = {quotes + count * QUOTE_BYTES, QUOTE_BYTES};
    struct msghdr message = {
      .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1,
      .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t length = recvmsg(socket->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) {
      if (count == 0 && errno != EAGAIN && errno != EWOULDBLOCK) return number(env, -errno);
      break;
    }
    int32_t* entry = entries + count * X_COUNT;
    memset(entry, 0, X_COUNT * sizeof *entry);
    if (message.msg_namelen > 0) (void)from_sockaddr(&to, entry + X_ADDRESS);
    entry[X_LENGTH] = (int32_t)length;
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
      bool is_error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                      (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
      if (!is_error || c->cmsg_len < CMSG_LEN(sizeof(struct sock_extended_err))) continue;
      struct sock_extended_err error;
      memcpy(&error, CMSG_DATA(c), sizeof error);
      entry[X_ERRNO] = (int32_t)error.ee_errno;
      entry[X_ORIGIN] = error.ee_origin | error.ee_type << 8;
    }
    count++;
  }
  return number(env, (int32_t)count);
}

// ---------------------------------------------------------------- sending

// One message of a batch: an entry, or a run of them that leaves segmented.
typedef struct {
  struct mmsghdr headers[SEND_MAX];
  struct iovec parts[SEND_MAX];
  address to[SEND_MAX];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
  } control[SEND_MAX];
  uint16_t first[SEND_MAX];
  uint16_t entries[SEND_MAX];
  unsigned count;
} batch;

static bool may_join(const batch* b, unsigned at, const int32_t* entry, const int32_t* before, int32_t size) {
  return b->entries[at] < SEGMENTS_MAX && size <= SEGMENT_BYTES_MAX && entry[E_LENGTH] > 0 &&
         entry[E_LENGTH] <= size && before[E_LENGTH] == size &&
         b->parts[at].iov_len + (size_t)entry[E_LENGTH] <= DATAGRAM_MAX &&
         memcmp(entry + E_ADDRESS, before + E_ADDRESS, A_COUNT * sizeof *entry) == 0;
}

static void build(batch* b, const udp_socket* socket, bool joins, uint8_t* bytes, const int32_t* entries, unsigned from,
                  unsigned count) {
  b->count = 0;
  for (unsigned i = from; i < count; i++) {
    const int32_t* entry = entries + i * E_COUNT;
    unsigned last = b->count - 1;
    if (joins && b->count > 0 && b->first[last] + b->entries[last] == (int)i &&
        may_join(b, last, entry, entry - E_COUNT, entries[b->first[last] * E_COUNT + E_LENGTH])) {
      b->parts[last].iov_len += (size_t)entry[E_LENGTH];
      b->entries[last]++;
    } else {
      struct msghdr* message = &b->headers[b->count].msg_hdr;
      memset(message, 0, sizeof *message);
      b->parts[b->count].iov_base = bytes;
      b->parts[b->count].iov_len = (size_t)entry[E_LENGTH];
      message->msg_iov = &b->parts[b->count];
      message->msg_iovlen = 1;
      if (!socket->is_connected) {
        message->msg_namelen = to_sockaddr(entry + E_ADDRESS, socket->is_ipv6, 0, &b->to[b->count]);
        message->msg_name = &b->to[b->count];
      }
      b->first[b->count] = (uint16_t)i;
      b->entries[b->count] = 1;
      b->count++;
    }
    bytes += entry[E_LENGTH];
  }
  for (unsigned i = 0; i < b->count; i++) {
    if (b->entries[i] == 1) continue;
    uint16_t size = (uint16_t)entries[b->first[i] * E_COUNT + E_LENGTH];
    struct msghdr* message = &b->headers[i].msg_hdr;
    message->msg_control = &b->control[i];
    message->msg_controllen = sizeof b->control[i];
    struct cmsghdr* c = CMSG_FIRSTHDR(message);
    c->cmsg_level = IPPROTO_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
  }
}

// Sends entries in order. @returns how many are settled; the rest waits until the socket is writable
static unsigned send_entries(udp_socket* socket, uint8_t* bytes, const int32_t* entries, unsigned count, int32_t* head) {
  batch b;
  build(&b, socket, socket->sends_segments, bytes, entries, 0, count);
  unsigned at = 0;
  bool is_retry = false;
  while (at < b.count) {
    int sent = sendmmsg(socket->fd, b.headers + at, b.count - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      at += (unsigned)sent;
      head[H_MESSAGES] += sent;
      is_retry = false;
      continue;
    }
    int error = sent < 0 ? errno : EIO;
    if (error == EINTR) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) return b.first[at];
    bool is_for_good = error == EIO || error == EINVAL;
    if (b.entries[at] > 1 && (is_for_good || (error == EMSGSIZE && is_retry))) {
      // The system cannot segment here: no checksums in hardware, a tunnel. A path with a small MTU is one peer's matter, and
      // can be forged: for that, only the rest of this batch goes singly.
      if (is_for_good) socket->sends_segments = false;
      build(&b, socket, false, b.parts[at].iov_base, entries, b.first[at], count);
      at = 0;
      is_retry = false;
      continue;
    }
    if (socket->is_connected && error == ECONNREFUSED) head[H_REFUSED] = 1;
    // Often the news of an earlier datagram, which the system delivers through whichever call comes next, so once more.
    if (!is_retry) {
      is_retry = true;
      continue;
    }
    head[H_LOST] += b.entries[at];
    head[H_ERRNO] = error;
    is_retry = false;
    at++;
  }
  return count;
}

// send(id, bytes: Uint8Array, head: Int32Array, count): entries settled, or a negative errno. The datagrams stand in `bytes`
// one behind the other; `head` has its words, then the entries.
napi_value js_send(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  uint8_t* bytes;
  int32_t* head;
  size_t length, words;
  int32_t count;
  if (!take_arguments(env, info, 4, arguments) ||
      !take_array(env, arguments[1], napi_uint8_array, (void**)&bytes, &length) ||
      !take_array(env, arguments[2], napi_int32_array, (void**)&head, &words) ||
      !take_int(env, arguments[3], 0, SEND_MAX, &count))
    return refuse(env, "send: expected a socket, a Uint8Array, an Int32Array and a count");
  if (words < H_COUNT + (size_t)count * E_COUNT) return refuse(env, "send: fewer entries than the count says");
  udp_socket* socket = take_socket(env, arguments[0]);
  if (socket == NULL) return number(env, -EBADF);
  // A copy, since another thread could change shared memory between the check and the use.
  int32_t entries[SEND_MAX * E_COUNT];
  memcpy(entries, head + H_COUNT, (size_t)count * E_COUNT * sizeof *entries);
  size_t needed = 0;
  for (int32_t i = 0; i < count; i++) {
    const int32_t* entry = entries + i * E_COUNT;
    address checked;
    if (entry[E_LENGTH] < 0 || entry[E_LENGTH] > DATAGRAM_MAX) return refuse(env, "send: a length out of range");
    if (!socket->is_connected && to_sockaddr(entry + E_ADDRESS, socket->is_ipv6, 0, &checked) == 0)
      return refuse(env, "send: an address that the socket cannot reach");
    needed += (size_t)entry[E_LENGTH];
  }
  if (needed > length) return refuse(env, "send: fewer bytes than the lengths say");
  head[H_LOST] = head[H_ERRNO] = head[H_REFUSED] = head[H_MESSAGES] = 0;
  unsigned settled = send_entries(socket, bytes, entries, (unsigned)count, head);
  head[H_SEGMENTS] = socket->sends_segments;
  return number(env, (int32_t)settled);
}
