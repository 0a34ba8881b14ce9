// Sends the packets of a file in turn, from many sockets, at a rate or as fast as it can.
// Usage: sender PORT FILE. The file holds packets, each after its length in four bytes, lowest first.
// A line {"op":"flood","rate":R,"seconds":S} on stdin, rate 0 for full speed, is answered by a line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 64, BATCH = 32, PACKETS_MAX = 65536 };

static struct iovec packets[PACKETS_MAX];
static int count;
static int sockets[SOCKETS];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void readPackets(const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat facts;
  if (!file || fstat(fileno(file), &facts)) fail(path);
  uint8_t *bytes = malloc(facts.st_size);
  if (!bytes || fread(bytes, 1, facts.st_size, file) != (size_t)facts.st_size) fail(path);
  fclose(file);
  for (long at = 0; at + 4 <= facts.st_size && count < PACKETS_MAX;) {
    uint32_t length = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | (uint32_t)bytes[at + 3] << 24;
    packets[count++] = (struct iovec){bytes + at + 4, length};
    at += 4 + length;
  }
}

// Each from a host of its own, as far as the system has them all on its loopback.
static void openSockets(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < SOCKETS; i++) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
    if (fd < 0) fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    from.sin_addr.s_addr = htonl(0x7f640001 + (i << 8));
    if (bind(fd, (struct sockaddr *)&from, sizeof from)) {
      from.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (bind(fd, (struct sockaddr *)&from, sizeof from)) fail("bind");
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to)) fail("connect");
    sockets[i] = fd;
  }
}

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void flood(double rate, double seconds) {
  static struct mmsghdr messages[BATCH];
  double begin = now(CLOCK_MONOTONIC), beginMs = now(CLOCK_REALTIME), elapsed;
  long sent = 0, failed = 0, next = 0;
  int turn = 0;
  while ((elapsed = now(CLOCK_MONOTONIC) - begin) < seconds * 1e3) {
    long due = rate > 0 ? (long)(rate * elapsed / 1e3) - sent - failed : BATCH;
    if (due < 1) {
      nanosleep(&(struct timespec){0, 500000}, 0);
      continue;
    }
    int length = due < BATCH ? due : BATCH;
    for (int i = 0; i < length; i++) {
      messages[i].msg_hdr.msg_iov = &packets[next++ % count];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    int done = sendmmsg(sockets[turn++ % SOCKETS], messages, length, 0);
    if (done > 0) sent += done;
    else failed += length;
  }
  printf("{\"ok\":%ld,\"failed\":%ld,\"beginMs\":%.3f,\"endMs\":%.3f}\n", sent, failed, beginMs,
         now(CLOCK_REALTIME));
  fflush(stdout);
}

int main(int argc, char **argv) {
  char line[256];
  if (argc != 3) return 2;
  readPackets(argv[2]);
  if (count == 0) return 2;
  openSockets(atoi(argv[1]));
  while (fgets(line, sizeof line, stdin)) {
    double rate, seconds;
    if (sscanf(line, "{\"op\":\"flood\",\"rate\":%lf,\"seconds\":%lf}", &rate, &seconds) != 2) return 2;
    flood(rate, seconds);
  }
  return 0;
}
