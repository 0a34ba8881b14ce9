// A client on OpenAFS's library that begins 128-byte rpc calls at a rate, whether or not the ones before have ended. A
// call's latency counts from the moment when it was due: a server that stalls is charged for all that it kept waiting.
// Usage: paced PORT RATE SECONDS THREADS CONNECTIONS. Prints one line of JSON.
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <afs/param.h> /* its attribute macros must be known to the headers below */
#include <rx/rx.h>
#include <rx/rx_null.h>

#include "latency.h"

enum { SERVICE_ID = 147, RXPERF_VERSION = 3, RXPERF_BUFFER = 524288, RXPERF_COOKIE = 0x4711, OP_RPC = 3 };
enum { PAYLOAD = 128, HEAD_WORDS = 6, REQUEST = HEAD_WORDS * 4 + PAYLOAD, REPLY = PAYLOAD + 4, THREADS_MAX = 256 };

struct worker {
  pthread_t thread;
  struct rx_connection *connection;
  unsigned long failed;
  int32_t code;
  uint64_t latencies[BUCKETS];
};

static struct worker workers[THREADS_MAX];
static char request[REQUEST];
static atomic_long nextCall;
static long calls;
static double rate;
static uint64_t begunNs;

static void makeRequest(void) {
  uint32_t head[HEAD_WORDS] = {RXPERF_VERSION, OP_RPC, RXPERF_BUFFER, RXPERF_BUFFER, PAYLOAD, PAYLOAD};
  for (int i = 0; i < HEAD_WORDS; i++) head[i] = htonl(head[i]);
  memcpy(request, head, sizeof head);
}

static int32_t makeCall(struct rx_connection *connection) {
  char reply[REPLY];
  uint32_t cookie = 0;
  struct rx_call *call = rx_NewCall(connection);
  int whole = rx_Write(call, request, REQUEST) == REQUEST && rx_Read(call, reply, REPLY) == REPLY;
  int32_t code = rx_EndCall(call, 0);
  if (whole) memcpy(&cookie, reply + PAYLOAD, 4);
  if (code != 0) return code;
  return ntohl(cookie) == RXPERF_COOKIE ? 0 : -1;
}

static void *work(void *argument) {
  struct worker *own = argument;
  for (;;) {
    long number = atomic_fetch_add(&nextCall, 1);
    if (number >= calls) return NULL;
    uint64_t due = begunNs + (uint64_t)((double)number * 1e9 / rate);
    if (nowNs() < due) {
      struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
      while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0);
    }
    int32_t code = makeCall(own->connection);
    if (code == 0) {
      own->latencies[bucketOf((nowNs() - due) / 1000)]++;
      continue;
    }
    own->failed++;
    own->code = code;
    // A server that is gone fails every call; the others need not wait for theirs.
    if (own->failed > 10) return NULL;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  rate = atof(argv[2]);
  calls = (long)(rate * atof(argv[3]));
  int threads = atoi(argv[4]), connections = atoi(argv[5]);
  if (rate <= 0 || threads < 1 || threads > THREADS_MAX || connections < 1 || connections > threads) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Threads sleep to the moment, and not to the next 50 us; those made below inherit it.
  prctl(PR_SET_TIMERSLACK, 1);
  makeRequest();
  if (rx_InitHost(htonl(INADDR_LOOPBACK), 0) != 0) return 1;
  struct rx_securityClass *none = rxnull_NewClientSecurityObject();
  struct rx_connection *shared[THREADS_MAX];
  for (int i = 0; i < connections; i++)
    shared[i] = rx_NewConnection(htonl(INADDR_LOOPBACK), htons(atoi(argv[1])), SERVICE_ID, none, 0);
  // The first call of a connection makes it at the server, which is not what is measured.
  for (int i = 0; i < connections; i++) makeCall(shared[i]);
  begunNs = nowNs() + 1000000;
  for (int i = 0; i < threads; i++) {
    workers[i].connection = shared[i % connections];
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) return 1;
  }
  for (int i = 0; i < threads; i++) pthread_join(workers[i].thread, NULL);

  static uint64_t latencies[BUCKETS];
  struct rusage use;
  uint64_t ok = 0, failed = 0;
  int32_t code = 0;
  double seconds = (double)(nowNs() - begunNs) / 1e9;
  getrusage(RUSAGE_SELF, &use);
  for (int i = 0; i < threads; i++) {
    failed += workers[i].failed;
    if (workers[i].code) code = workers[i].code;
    for (int b = 0; b < BUCKETS; b++) {
      latencies[b] += workers[i].latencies[b];
      ok += workers[i].latencies[b];
    }
  }
  printf("{\"ok\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"p50us\":%llu,\"p99us\":%llu,\"p999us\":%llu,",
         (unsigned long long)ok, (unsigned long long)failed, seconds,
         (unsigned long long)quantileUs(latencies, ok, 0.5), (unsigned long long)quantileUs(latencies, ok, 0.99),
         (unsigned long long)quantileUs(latencies, ok, 0.999));
  if (failed > 0) printf("\"error\":\"a call ended with %d\",", code);
  printf("\"cpuUserUs\":%lld,\"cpuSystemUs\":%lld}\n", microseconds(use.ru_utime), microseconds(use.ru_stime));
  fflush(stdout);
  for (int i = 0; i < connections; i++) rx_DestroyConnection(shared[i]);
  _exit(failed ? 3 : 0);
}
