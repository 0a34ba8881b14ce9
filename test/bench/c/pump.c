// Keeps N datagrams under way to one port, and sends one more for each answer. It takes and sends in batches, so that it
// costs less than what it measures.
// Usage: pump PORT. A line {"op":OP,"outstanding":N,"seconds":S,"bytes":B} on stdin, B the length of each datagram, is
// answered by a line of JSON.
// Every datagram is the first packet of an Rx call on a connection of its own. An "echo" sends it back, as long as it
// likes; "busy" wants BUSY for it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "latency.h"

enum { OUTSTANDING_MAX = 1024, BATCH = 32, REQUEST_MAX = 1472, REPLY_MAX = 65536, HEADER = 28 };
enum { TYPE_AT = 20, FLAGS_AT = 21, SERVICE_AT = 26, TYPE_DATA = 1, TYPE_BUSY = 3, CLIENT_AND_LAST = 5, SERVICE_ID = 147 };
// Nothing repeats a lost datagram: when none has come for so long, what is under way has failed.
enum { SILENCE_S = 1 };

static int fd;
static size_t requestBytes;
static uint8_t requests[OUTSTANDING_MAX][REQUEST_MAX];
static uint8_t replies[BATCH][REPLY_MAX];
static uint64_t sentAt[OUTSTANDING_MAX];
static uint32_t rounds[OUTSTANDING_MAX];
static uint64_t latencies[BUCKETS];
static struct iovec inParts[BATCH], outParts[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void word(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static uint32_t wordAt(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static void openSocket(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct timeval silence = {SILENCE_S, 0};
  int size = 4 << 20;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  for (int i = 0; i < BATCH; i++) {
    inParts[i] = (struct iovec){replies[i], REPLY_MAX};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &inParts[i], .msg_iovlen = 1};
    out[i].msg_hdr = (struct msghdr){.msg_iov = &outParts[i], .msg_iovlen = 1};
  }
}

static void prepare(int slot) {
  uint8_t *packet = requests[slot];
  memset(packet, 0, requestBytes);
  word(packet + 4, (uint32_t)slot << 2);
  word(packet + 8, 1);
  word(packet + 12, 1);
  word(packet + 16, 1);
  packet[TYPE_AT] = TYPE_DATA;
  packet[FLAGS_AT] = CLIENT_AND_LAST;
  packet[SERVICE_AT + 1] = SERVICE_ID;
}

// The epoch tells the rounds of a slot apart, and makes each packet that of a new connection.
static void queue(int at, int slot) {
  static uint32_t epoch;
  rounds[slot] = ++epoch;
  word(requests[slot], epoch);
  outParts[at] = (struct iovec){requests[slot], requestBytes};
  sentAt[slot] = nowNs();
}

static void sendBatch(int count) {
  for (int done = 0; done < count;) {
    int sent = sendmmsg(fd, out + done, count - done, 0);
    if (sent < 0) fail("sendmmsg");
    done += sent;
  }
}

static void run(int wantsBusy, int outstanding, double seconds) {
  struct rusage before, after;
  long ok = 0, wrong = 0;
  int underWay = outstanding;
  memset(latencies, 0, sizeof latencies);
  getrusage(RUSAGE_SELF, &before);
  uint64_t begin = nowNs(), end = begin + (uint64_t)(seconds * 1e9);
  for (int slot = 0; slot < outstanding;) {
    int count = 0;
    while (count < BATCH && slot < outstanding) {
      prepare(slot);
      queue(count++, slot++);
    }
    sendBatch(count);
  }
  while (underWay > 0) {
    int got = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) fail("recvmmsg");
    if (got <= 0) break;
    uint64_t now = nowNs();
    int count = 0;
    for (int i = 0; i < got; i++) {
      const uint8_t *reply = replies[i];
      uint32_t slot = in[i].msg_len >= HEADER ? wordAt(reply + 4) >> 2 : OUTSTANDING_MAX;
      // What came too late for an earlier measurement is nobody's.
      if (slot >= (uint32_t)outstanding || wordAt(reply) != rounds[slot]) continue;
      rounds[slot] = 0;
      if (wantsBusy && reply[TYPE_AT] != TYPE_BUSY) wrong++;
      else ok++;
      latencies[bucketOf((now - sentAt[slot]) / 1000)]++;
      if (now < end) queue(count++, (int)slot);
      else underWay--;
    }
    if (count > 0) sendBatch(count);
  }
  double took = (double)(nowNs() - begin) / 1e9;
  getrusage(RUSAGE_SELF, &after);
  uint64_t total = (uint64_t)(ok + wrong);
  printf("{\"ok\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"p50us\":%llu,\"p99us\":%llu,\"p999us\":%llu,", ok,
         wrong + underWay, took, (unsigned long long)quantileUs(latencies, total, 0.5),
         (unsigned long long)quantileUs(latencies, total, 0.99),
         (unsigned long long)quantileUs(latencies, total, 0.999));
  if (wrong > 0) printf("\"error\":\"%ld answers were not BUSY\",", wrong);
  else if (underWay > 0) printf("\"error\":\"%d datagrams were not answered\",", underWay);
  printf("\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld}\n",
         microseconds(after.ru_utime) - microseconds(before.ru_utime),
         microseconds(after.ru_stime) - microseconds(before.ru_stime));
  fflush(stdout);
}

int main(int argc, char **argv) {
  char line[256], op[16];
  if (argc != 2) return 2;
  openSocket(atoi(argv[1]));
  while (fgets(line, sizeof line, stdin)) {
    int outstanding;
    double seconds;
    int got = sscanf(line, "{\"op\":\"%15[a-z]\",\"outstanding\":%d,\"seconds\":%lf,\"bytes\":%zu}", op, &outstanding,
                     &seconds, &requestBytes);
    if (got != 4 || outstanding < 1 || outstanding > OUTSTANDING_MAX) return 2;
    if (requestBytes < HEADER || requestBytes > REQUEST_MAX) return 2;
    run(strcmp(op, "busy") == 0, outstanding, seconds);
  }
  return 0;
}
