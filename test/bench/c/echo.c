// Raw UDP echo in C: one recvmsg and one sendto for each datagram, the least that a server without batches can do.
// Usage: echo LESS. Prints "listening PORT", answers each datagram with one that is so many bytes shorter, ends with its
// stdin.
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void *waitForEnd(void *unused) {
  char skipped[256];
  while (read(STDIN_FILENO, skipped, sizeof skipped) > 0);
  _exit(0);
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  ssize_t less = atoi(argv[1]);
  struct sockaddr_in own = {.sin_family = AF_INET}, from;
  socklen_t length = sizeof own;
  int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own)) fail("bind");
  if (getsockname(fd, (struct sockaddr *)&own, &length)) fail("getsockname");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  pthread_t watcher;
  if (pthread_create(&watcher, NULL, waitForEnd, NULL)) fail("pthread_create");
  printf("listening %d\n", ntohs(own.sin_port));
  fflush(stdout);

  static char bytes[65536];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_name = &from, .msg_iov = &part, .msg_iovlen = 1};
  for (;;) {
    message.msg_namelen = sizeof from;
    ssize_t got = recvmsg(fd, &message, 0);
    if (got < 0) fail("recvmsg");
    if (sendto(fd, bytes, got > less ? got - less : 0, 0, (struct sockaddr *)&from, message.msg_namelen) < 0) fail("sendto");
  }
}
